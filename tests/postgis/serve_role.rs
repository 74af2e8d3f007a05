//! The role of the server in PostGIS, as `deploy/postgis/serve-role.sql` creates it.

use std::process::Command;

use super::{Cluster, mini};
use crate::harness::{expected, root};
use crate::serve::Server;

/// Runs the file with `psql`.
fn create_role(cluster: &Cluster, schema: &str, role: &str, password: &str) {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set", &format!("schema={schema}")])
        .args(["--set", &format!("role={role}"), "--file"])
        .arg(root().join("deploy/postgis/serve-role.sql"))
        .arg(&cluster.url)
        .env("SERVE_POSTGIS_PASSWORD", password)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn role_of_the_server_reads_and_changes_nothing() {
    let cluster = Cluster::shared();
    let (work, schema) = mini();
    let (role, password) = (format!("{schema} reader"), "it's a pass%word");
    // before the first load, and repeated
    for password in ["another", password] {
        create_role(cluster, &schema, &role, password);
    }
    work.ok(&["run-all", "--quiet"]);
    work.ok(&["load", "--force", "--quiet"]);
    work.ok(&["views", "--refresh", "--quiet"]);
    let owner = format!("postgres:{}@", cluster.password());
    let reader = format!("{schema}%20reader:it%27s%20a%20pass%25word@");
    work.postgis(&cluster.url_with(&owner, &reader), &schema, "");
    let view = "agg_users_per_lau_per_day";
    assert_eq!(work.ok(&["query", view, "--format", "csv"]), expected(view));
    let server = Server::start(&work);
    assert_eq!(server.get(&format!("/{view}?format=csv")).ok(), expected(view));
    for path in ["/", "/summary", "/views", "/quality", "/tables/runs", "/tables/lau", "/map"] {
        server.get(path).ok();
    }
    work.fails(&["load", "--force"], 1, &["may not change them"]);
    let mut client = super::client(&schema);
    let rights = super::lines(
        &mut client,
        &format!(
            "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants \
             WHERE grantee = '{role}'"
        ),
    );
    assert_eq!(rights, ["SELECT"]);
    let others = client
        .query_one(
            "SELECT has_schema_privilege($1, $2, 'CREATE'), rolsuper, rolcreatedb, rolcreaterole \
             FROM pg_roles WHERE rolname = $1",
            &[&role, &schema],
        )
        .unwrap();
    assert!((0..4).all(|column| !others.get::<_, bool>(column)));
    client.batch_execute(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).unwrap();
}
