//! Events and outputs in buckets that Spark reads and writes itself, by the S3 client of Hadoop.
//!
//! The cluster gets no path of this machine: neither events nor the tables of a job.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::errors::write_stand_in;
use super::{Cluster, compare_outputs, files_of_workers, settings};
use crate::csv_events::{gzipped, zstandard};
use crate::harness::{ProgramOutput, Workspace, root, wait_until};
use crate::object_store::s3_server::{KEY, SECRET, Store, configure};

const OUT: &str = "processed = \"s3://data/out\"\n";
const CHECKS: &str = "[time]\nzone = \"Europe/Tallinn\"\n[checks]\nquarantine = true\n";

/// A workspace that reads from the bucket; `spark` is put before the other settings.
fn workspace(spark: &str, data: &str) -> Workspace {
    let work = Workspace::empty();
    configure(&work, "s3://data/events", data);
    let own = work.read("pipeline.toml");
    work.write("pipeline.toml", format!("{spark}\n{own}{CHECKS}"));
    work
}

/// A workspace whose jobs run on the cluster, with the connector for S3.
fn workspace_on(cluster: &Cluster, data: &str) -> Workspace {
    let jars = root().join("target/spark/connectors/*.jar");
    let settings = cluster.settings("engine = \"spark\"");
    workspace(&format!("{settings}\"spark.jars\" = \"{}\"\n", jars.display()), data)
}

/// A store with the raw inputs of a workspace.
fn store_with(inputs: &Workspace) -> Store {
    let store = Store::in_memory();
    let raw = inputs.path("raw");
    let files = glob::glob(&raw.join("**/*").to_string_lossy()).unwrap().map(Result::unwrap);
    for file in files.filter(|path| path.is_file()) {
        let key = file.strip_prefix(&raw).unwrap().to_string_lossy().into_owned();
        store.memory.put(&key, std::fs::read(file).unwrap());
    }
    store
}

/// Synthetic Parquet of two days, and CSV in every form: quotes, delimiters, zones, missing and invalid
/// values, a file in several blocks, compressed files.
fn events_in_every_form(events_per_day: u32) -> Workspace {
    let inputs = Workspace::empty();
    inputs.config("");
    inputs.replace_inputs_with_synthetic(events_per_day, 5);
    let events = glob::glob(&inputs.path("raw/events/**/*.parquet").to_string_lossy()).unwrap();
    let first = events.map(Result::unwrap).min().unwrap();
    let date = first.to_string_lossy().split("year=").nth(1).unwrap().to_owned();
    let part = |name: &str| date.split(name).nth(1).unwrap().split('/').next().unwrap().to_owned();
    let day = format!("{}-{:0>2}-{:0>2}", &date[..4], part("month="), part("day="));
    let plain = format!(
        "user_id,cell_id,timestamp\r\n\"u \"\"1\"\"\",7,{day} 08:00:00\r\nu2,\"7\",{day}T08:30:00Z\r\n\
         {0},7,{day} 09:00:00+02:00\r\n0x{0},8,{day} 09:00:00\r\n,7,{day} 10:00:00\r\nNULL,7,{day} 10:00:01\r\n\
         u3,,{day} 10:00:00\r\nu3,7,\r\nu3,7,soon\r\nu3,007,{day}\r\nu3,7,{day} 10:00:00 Europe/Riga\r\n\
         u3,7,{day} 10:00:00 Europe/Riga\r\nu\u{f5},c\u{f5},{day} 11:00:00.123456\r\nu4,7,2099-01-01 00:00:00\r\n",
        "ab".repeat(16)
    );
    inputs.write("raw/events/b plain.csv", &plain);
    let semicolons = plain.replace(',', ";").replace("\r\n", "\n").replace("u3", "v3");
    inputs.write("raw/events/c.csv.gz", gzipped(&semicolons));
    // the second hour of the night in which the clocks are set back
    let repeated = "timestamp\tnote\tuser_id\tcell_id\n2024-10-27T00:30:00Z\t\"two\nlines\"\tw\t7\n\
                    2024-10-27T01:30:00Z\t\tw\t7\n2024-10-27T01:30:00Z\t\tw\t7\n";
    inputs.write("raw/events/d.csv.zst", zstandard(repeated));
    // rows of half a mebibyte, so that few of them fill two blocks
    let filler = "x".repeat(500_000);
    let mut long = "user_id,cell_id,filler,timestamp\n".to_owned();
    for row in 0..80 {
        let time =
            if row == 79 { "later".to_owned() } else { format!("{day} 12:00:{:02}", row % 60) };
        writeln!(long, "x{},{},{filler},{time}", row % 3, 7 + row % 2).unwrap();
    }
    inputs.write("raw/events/e.csv", long);
    inputs
}

/// The local copy of the outputs, under the name of outputs on this machine.
fn outputs_as_local(work: &Workspace) {
    let cache = work.path("data/cache/*").to_string_lossy().into_owned();
    let folder = glob::glob(&cache).unwrap().next().unwrap().unwrap();
    std::os::unix::fs::symlink(folder, work.path("processed")).unwrap();
}

/// Fixes the key of the digests of users, for outputs that are compared.
fn fix_users_key(work: &Workspace) {
    use sha2::Digest;
    let digest = sha2::Sha256::digest("s3://data/out");
    let folder: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    work.write(&format!("data/cache/{folder}/users.key"), "5a".repeat(32));
}

fn command(store: &Store, work: &Workspace, args: &[&str]) -> Command {
    let mut command = super::command(work, args);
    command.envs(store.env(store.port));
    command
}

fn run(store: &Store, work: &Workspace, args: &[&str]) -> ProgramOutput {
    ProgramOutput::of(command(store, work, args).output().unwrap())
}

fn ok(store: &Store, work: &Workspace, args: &[&str]) -> ProgramOutput {
    let ran = run(store, work, args);
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
    ran
}

/// Objects of jobs, without the empty ones that stand for folders.
fn staged(store: &Store) -> Vec<String> {
    let mut keys = store.memory.keys("out/_spark/");
    keys.retain(|key| !key.ends_with('/'));
    keys
}

/// The processes that a process started.
fn children(process: u32) -> Vec<String> {
    let of_threads = glob::glob(&format!("/proc/{process}/task/*/children")).unwrap();
    let texts = of_threads.flatten().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.flat_map(|t| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Kills a process and the processes that it started, each of which leads a group.
fn kill_with_children(process: u32) {
    let groups = children(process).into_iter().map(|child| format!("-{child}"));
    for target in std::iter::once(process.to_string()).chain(groups.collect::<Vec<_>>()) {
        assert!(Command::new("kill").args(["-KILL", "--", &target]).status().unwrap().success());
    }
}

#[test]
#[ignore = "needs Spark: run make test"]
fn spark_reads_and_writes_buckets_with_the_results_of_the_native_engine() {
    // `make torture` sets a million
    let events = std::env::var("SPARK_EVENTS").map_or(40_000, |text| text.parse().unwrap());
    let store = store_with(&events_in_every_form(events / 2));
    let native = workspace("", "");
    native.fix_users_key();
    store.ok(&native, &["compress"]);
    let cluster = Cluster::acquire();
    let work = workspace_on(&cluster, OUT);
    fix_users_key(&work);

    // killed while hourly presence is committed: the bucket has no date
    let program: Arc<Mutex<Option<u32>>> = Arc::default();
    let killed = Arc::clone(&program);
    store.at_request(&["POST", "/presence/", "uploadId="], move || {
        wait_until("the program was started", || killed.lock().unwrap().is_some());
        kill_with_children(killed.lock().unwrap().unwrap());
    });
    let mut child = command(&store, &work, &["compress", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    *program.lock().unwrap() = Some(child.id());
    assert!(!child.wait().unwrap().success(), "the job was to be killed");
    assert_eq!(store.memory.keys("out/compressed_events"), [""; 0]);
    assert!(!staged(&store).is_empty(), "the job was killed before it wrote anything");

    // the next run repeats requests that fail, completes the dates and removes what was left
    store.refuse_requests_of("Hadoop", 12);
    let child = command(&store, &work, &["run-all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let arguments = arguments_of_spark(child.id());
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(store.refusals_left(), 0);
    assert_eq!(staged(&store), [""; 0]);
    outputs_as_local(&work);
    compare_outputs::same(&native, &work);
    assert!(ran.stderr.contains("views: computed by the native engine"), "{}", ran.stderr);
    store.ok(&native, &["run-all"]);
    for view in ["users-per-lau-day-night", "number-of-unique-users-per-hour"] {
        let query = ["query", view, "--format", "csv"];
        assert_eq!(store.ok(&work, &query), store.ok(&native, &query), "{view}");
    }
    for engine in ["native", "spark"] {
        let again = ok(&store, &work, &["compress", "--engine", engine]);
        assert!(again.stderr.contains("unchanged, skipped"), "{}", again.stderr);
    }

    // credentials are in no argument, message, log or record
    let mut texts = vec![arguments, ran.stdout, ran.stderr, store.ok(&work, &["runs"])];
    texts.extend(
        files_of_workers(&cluster)
            .iter()
            .chain(&[work.path("processed/runs.jsonl"), work.path("pipeline.toml")])
            .map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()),
    );
    for text in texts {
        assert!(!text.contains(SECRET) && !text.contains(KEY), "{text}");
    }
}

/// The arguments of the processes that a process started, once Spark is among them.
fn arguments_of_spark(process: u32) -> String {
    let mut arguments = String::new();
    wait_until("Spark is running", || {
        for child in children(process) {
            let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            arguments.push_str(&String::from_utf8_lossy(&line));
        }
        arguments.contains("org.apache.spark.deploy.SparkSubmit")
    });
    arguments
}

#[test]
#[ignore = "needs Spark: run make test"]
fn worker_killed_during_a_job_in_buckets_does_not_change_the_result() {
    let inputs = Workspace::empty();
    inputs.config("");
    inputs.replace_inputs_with_synthetic(100_000, 11);
    let store = store_with(&inputs);
    let native = workspace("", "");
    native.fix_users_key();
    store.ok(&native, &["compress"]);
    let cluster = Cluster::acquire();
    let work = workspace_on(&cluster, OUT);
    // small partitions give both workers many tasks
    let more = "spark.sql.files.maxPartitionBytes = 65536\n\"spark.jars\"";
    work.write("pipeline.toml", work.read("pipeline.toml").replacen("\"spark.jars\"", more, 1));
    fix_users_key(&work);
    let written = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&written);
    store.at_request(&["PUT", "/judged/", "uploadId="], move || *seen.lock().unwrap() = true);
    let child = command(&store, &work, &["compress"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a task writes", || *written.lock().unwrap());
    cluster.kill_worker("1");
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    cluster.start_worker("1");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    outputs_as_local(&work);
    compare_outputs::same(&native, &work);
}

#[test]
fn job_in_a_store_names_no_path_of_this_machine() {
    let store = store_with(&Workspace::mini());
    let spark = settings("bin/spark", "local[1]", "engine = \"spark\"");
    let work = workspace(&spark, OUT);
    let seen = work.path("seen");
    let keep =
        "mkdir -p $DIR; cp script.sql $DIR/; echo \"$@\" > $DIR/arguments; env > $DIR/env; exit 1";
    write_stand_in(&work, &keep.replace("$DIR", &seen.to_string_lossy()));
    let ran = store.run(&work, &["compress"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let script = work.read("seen/script.sql");
    assert!(script.contains("'s3a://data/{events/year=2024/"), "{script}");
    let job = "s3a://data/out/_spark/.spark.";
    for table in ["judged", "presence", "files.parquet", "places.parquet"] {
        let named = script.lines().any(|line| line.contains(job) && line.contains(table));
        assert!(named, "{table} in {script}");
    }
    assert!(!script.contains("file:"), "{script}");
    let arguments = work.read("seen/arguments");
    for part in [
        "spark.hadoop.fs.s3a.committer.name=magic",
        "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
        &format!("spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:{}", store.port),
        "spark.hadoop.fs.s3a.endpoint.region=eu-north-1",
    ] {
        assert!(arguments.contains(part), "no {part} in {arguments}");
    }
    assert!(!arguments.contains(SECRET) && !arguments.contains(KEY), "{arguments}");
    assert!(work.read("seen/env").contains(&format!("AWS_SECRET_ACCESS_KEY={SECRET}")));
    assert!(staged(&store).is_empty(), "{:?}", staged(&store));
}

#[test]
fn missing_connector_is_named_with_the_remedy() {
    let store = store_with(&Workspace::mini());
    let spark = settings("bin/spark", "local[1]", "engine = \"spark\"");
    let work = workspace(&spark, OUT);
    for error in [
        "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found",
        "org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme \\\"gs\\\"",
        "java.lang.ClassNotFoundException: org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    ] {
        write_stand_in(&work, &format!("echo \"{error}\" >&2; exit 1"));
        let ran = store.run(&work, &["compress"]);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        for word in ["spark.jars", "docs/cluster.md", "Spark failed while starting"] {
            assert!(ran.stderr.contains(word), "no {word:?} in {}", ran.stderr);
        }
    }
}
