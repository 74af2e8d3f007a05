//! Properties by which Spark reads and writes object stores.

/// The protocol and the committer with which Spark leaves the commit of Parquet files to the store's own
/// committer. Without it, files would be renamed, which is a copy that can stop half-way.
const COMMIT_PROTOCOL: [(&str, &str); 2] = [
    (
        "spark.sql.sources.commitProtocolClass",
        "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    ),
    (
        "spark.sql.parquet.output.committer.class",
        "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
    ),
];
const FACTORY: &str = "spark.hadoop.mapreduce.outputcommitter.factory.scheme.";

/// Words of Spark's errors for classes that are missing, all of which belong to connectors.
const MISSING: [&str; 8] = [
    "No FileSystem for scheme",
    "S3AFileSystem not found",
    "AzureBlobFileSystem not found",
    "GoogleHadoopFileSystem not found",
    "org.apache.spark.internal.io.cloud",
    "S3ACommitterFactory",
    "software/amazon/awssdk",
    "software.amazon.awssdk",
];

/// Properties for stores from the variables of the environment that this program uses for the same
/// purpose; `env` looks up a variable. Credentials are not among them: Spark and its connectors take them
/// from the environment.
pub fn store_properties(env: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let is_on = |name: &str| set(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut all = Vec::new();
    let mut add = |name: &str, value: &str| {
        all.push((format!("spark.hadoop.fs.s3a.{name}"), value.to_owned()));
    };
    // arguments are visible to every user of the machine
    if let Some(endpoint) = set("AWS_ENDPOINT_URL").filter(|endpoint| !endpoint.contains('@')) {
        add("endpoint", &endpoint);
        let virtual_hosted = is_on("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
        add("path.style.access", if virtual_hosted { "false" } else { "true" });
    }
    if let Some(region) = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")) {
        add("endpoint.region", &region);
    }
    if is_on("AWS_SKIP_SIGNATURE") {
        add("aws.credentials.provider", "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider");
    }
    all
}

/// Properties with which tables become complete in the store of `root`, a scheme and bucket, or do not
/// appear: the magic committer of S3, and for the other stores the committer that lists what it renames.
pub fn committer_properties(root: &str) -> Vec<(String, String)> {
    let scheme = root.split(':').next().unwrap_or_default();
    let factory = match scheme {
        "s3a" => "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
        "abfss" => "org.apache.hadoop.fs.azurebfs.commit.AzureManifestCommitterFactory",
        _ => "org.apache.hadoop.mapreduce.lib.output.committer.manifest.ManifestCommitterFactory",
    };
    let mut all = vec![(format!("{FACTORY}{scheme}"), factory.to_owned())];
    if scheme == "s3a" {
        all.push(("spark.hadoop.fs.s3a.committer.name".to_owned(), "magic".to_owned()));
    }
    all.extend(COMMIT_PROTOCOL.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

/// What to do about a job that failed because Spark lacks a connector; `None` for other reasons.
pub fn remedy(log: &str) -> Option<&'static str> {
    MISSING.iter().any(|words| log.contains(words)).then_some(
        "Spark lacks the connector for this object store: name its jars in spark.conf, as spark.jars.packages \
         or spark.jars (docs/cluster.md lists them)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        store_properties(|name| value(name).map(str::to_owned))
    }

    #[test]
    fn properties_of_stores_have_no_credentials() {
        let all = of(&[
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("AWS_SESSION_TOKEN", "t0ken"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
            ("AWS_REGION", "eu-north-1"),
        ]);
        let shown: Vec<String> =
            all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown,
            [
                "spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:9000",
                "spark.hadoop.fs.s3a.path.style.access=true",
                "spark.hadoop.fs.s3a.endpoint.region=eu-north-1",
            ]
        );
        assert!(of(&[("AWS_ENDPOINT_URL", "")]).is_empty());
    }

    #[test]
    fn every_store_has_a_committer_that_does_not_rename_a_folder_at_a_time() {
        for (root, word) in [
            ("s3a://b", "S3ACommitterFactory"),
            ("gs://b", "ManifestCommitterFactory"),
            ("abfss://b@a.dfs.core.windows.net", "AzureManifestCommitterFactory"),
        ] {
            let all = committer_properties(root);
            let factory = all.iter().find(|(name, _)| name.starts_with(FACTORY)).unwrap();
            assert!(factory.1.contains(word), "{root}: {factory:?}");
        }
    }
}
