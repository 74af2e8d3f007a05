//! A PostGIS warehouse with Spark as engine: the stored results are those of the native engine.

use std::collections::BTreeSet;
use std::fs;

use chrono::Days;

use super::errors::write_stand_in;
use super::{Cluster, ok, program, run, settings};
use crate::harness::Workspace;
use crate::insights::random_worlds::random_world;
use crate::insights::world::date;
use crate::postgis::{self, client, lines, mini, new_schema};

const RULES: &str = "[anchors]\nmin_nights = 1\nwork_min_days = 1\n[weights]\nmin_devices = 2\n";

/// Puts the config of a workspace together: all views of the program, and those in its folder `views`.
fn configure(work: &Workspace, more: &str) {
    work.config(more);
    work.add_builtin_views();
}

/// Configures Spark with a command that keeps the SQL of each job.
fn configure_spark(work: &Workspace, cluster: &Cluster) {
    let jobs = work.path("jobs");
    fs::create_dir_all(&jobs).unwrap();
    let jobs = jobs.display();
    let keep = format!(
        "for last; do :; done\ncp \"$last\" \"{jobs}/$(ls {jobs} | wc -l).sql\"\nexec {} \"$@\"",
        program()
    );
    write_stand_in(work, &keep);
    configure(work, &settings("bin/spark", cluster.url, &format!("engine = \"spark\"\n{RULES}")));
}

/// The number of jobs that were started.
fn jobs(work: &Workspace) -> usize {
    fs::read_dir(work.path("jobs")).unwrap().count()
}

/// The views that the latest job computed.
fn computed(work: &Workspace) -> BTreeSet<String> {
    let script = work.read(&format!("jobs/{}.sql", jobs(work) - 1));
    let name =
        |line: &str| Some(line.strip_prefix("CREATE TABLE `")?.split('`').next()?.to_owned());
    script.lines().filter_map(name).collect()
}

/// The names of all views but some.
fn all_but(schema: &str, left: &[&str]) -> BTreeSet<String> {
    let views = lines(&mut client(schema), "SELECT view FROM mobility_view");
    views.into_iter().filter(|view| !left.contains(&&**view)).collect()
}

/// The rows of all views, and which periods are stored. Their fingerprints differ, since the files of hourly
/// presence that Spark writes have the same rows but other bytes.
fn results(schema: &str) -> Vec<(String, Vec<String>)> {
    let mut client = client(schema);
    let periods = "SELECT concat_ws(' ', view, date, row_count) FROM mobility_view_date ORDER BY 1";
    let mut all = vec![("periods".to_owned(), lines(&mut client, periods))];
    for view in lines(&mut client, "SELECT view FROM mobility_view ORDER BY view") {
        let rows = lines(&mut client, &format!("SELECT v::text FROM {view} v ORDER BY 1"));
        all.push((view, rows));
    }
    all
}

fn assert_same(schemas: [&str; 2], when: &str) {
    let [spark, native] = schemas.map(results);
    assert!(spark.len() > 40, "{when}");
    assert_eq!(spark.len(), native.len(), "{when}");
    for ((view, spark), (_, native)) in spark.iter().zip(&native) {
        let differs = spark.iter().zip(native).find(|(spark, native)| spark != native);
        assert_eq!(differs, None, "{when}: {view}");
        assert_eq!(spark.len(), native.len(), "{when}: {view}");
    }
}

fn assert_nothing_to_do(work: &Workspace) {
    let printed = ok(work, &["views"]);
    assert!(printed.contains("views: unchanged, skipped"), "{printed}");
}

#[test]
#[ignore = "needs PostGIS and Spark: run make test"]
fn stored_results_equal_those_of_the_native_engine() {
    let cluster = Cluster::acquire();
    let world = random_world(11, ("2024-09-25", 10), 30, &[7], None);
    let last = date("2024-09-25") + Days::new(9);
    let (work, schema) = mini();
    world.on(|date| date < last).write(&work);
    // with a plain `by: date`, only of views of the program is it known which column has the date
    let plain = "-- by: date\nSELECT date, COUNT(*) AS n FROM users_per_day GROUP BY date\n";
    work.write("views/own_plain.sql", plain);
    configure_spark(&work, &cluster);
    let native = Workspace::copy_of(&work);
    let native_schema = new_schema();
    native.postgis(&postgis::Cluster::shared().url, &native_schema, "");
    configure(&native, RULES);
    let schemas = [&*schema, &*native_schema];

    ok(&work, &["run-all"]);
    native.ok(&["run-all"]);
    assert_eq!(jobs(&work), 2, "one of compress, and one of views");
    // the snapshot has no column with the date
    let left = ["own_plain", "unique_users_per_lau_2024_10_01"];
    assert_eq!(computed(&work), all_but(&schema, &left));
    assert_same(schemas, "at first");
    for view in
        ["present_estimate", "commuters", "overnight_stays", "trips_per_device", "user_cell_dates"]
    {
        let query = ["query", view, "--format", "csv"];
        let rows = work.ok(&query);
        assert!(rows.lines().count() > 1, "{view}");
        assert_eq!(rows, native.ok(&query), "{view}");
    }

    // nothing new
    ok(&work, &["run-all"]);
    assert_nothing_to_do(&work);
    assert_eq!(jobs(&work), 2);

    // another date: what has changed is stored in the transaction of the load
    let before_it =
        "SELECT concat_ws(' ', xmin, mobility_date) FROM stored_agg_events_per_hour ORDER BY 1";
    let stored = lines(&mut client(&schema), before_it);
    for work in [&work, &native] {
        world.on(|date| date == last).write_events(work, "last.csv");
    }
    ok(&work, &["compress"]);
    work.ok(&["movement"]);
    work.ok(&["quality"]);
    ok(&work, &["load"]);
    native.ok(&["run-all"]);
    assert_nothing_to_do(&work);
    assert_eq!(jobs(&work), 4, "one of compress, and one of load");
    assert!(computed(&work).contains("present_estimate"));
    assert_same(schemas, "after another date");
    let kept = lines(&mut client(&schema), before_it);
    assert!(stored.iter().all(|row| kept.contains(row)), "rows of other dates were written again");

    // new views: one over stored rows, and one with a function of the server
    let over = "-- order: kind\nSELECT kind, COUNT(*) AS n FROM anchors GROUP BY kind\n";
    let of_server = "-- order: date\nSELECT date, CAST(ST_X(ST_Point(1.5, 2.0)) AS double precision) AS x \
                     FROM users_per_day\n";
    for work in [&work, &native] {
        work.write("views/own_over.sql", over);
        work.write("views/own_of_server.sql", of_server);
    }
    ok(&work, &["views"]);
    native.ok(&["views"]);
    assert_eq!(jobs(&work), 5);
    assert_eq!(computed(&work), BTreeSet::from(["own_over".to_owned()]));
    assert_same(schemas, "after new views");

    // back to the native engine, for which everything is up to date
    configure(&work, RULES);
    work.ok(&["run-all"]);
    assert_nothing_to_do(&work);
    for work in [&work, &native] {
        work.write(
            "raw/events/late.csv",
            "user_id,cell_id,timestamp\nu001,a1,2024-10-05 08:10:00\n",
        );
        work.ok(&["run-all"]);
    }
    assert_same(schemas, "after a late event, natively");

    // and to Spark, which has nothing to do either
    configure_spark(&work, &cluster);
    assert_nothing_to_do(&work);
    assert_eq!(jobs(&work), 5);
    ok(&work, &["views", "--refresh"]);
    assert_eq!(computed(&work), all_but(&schema, &[&left[..], &["own_of_server"]].concat()));
    assert_same(schemas, "after a refresh");
    // nothing of the jobs is left beside the outputs
    let names = fs::read_dir(work.path("processed")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let left: Vec<String> = names.filter(|name| name.contains("spark")).collect();
    assert_eq!(left, [""; 0]);
}

/// Fails at the first view, as Spark does.
const FAILING: &str = "for last; do :; done
grep -B1 'CREATE TABLE' \"$last\" | head -1 | sed \"s/.*'\\(mobility step [0-9]*\\)'.*/\\1/\"
echo 'Caused by: java.io.IOException: No space left on device' >&2
exit 1";

#[test]
#[ignore = "needs PostGIS: run make test"]
fn failed_job_leaves_the_rows_of_the_earlier_load() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let state = |schema: &str| {
        let load = "SELECT concat_ws(' ', load_no, loaded) FROM mobility_load";
        (lines(&mut client(schema), load), results_of_mini(schema))
    };
    let before = state(&schema);
    write_stand_in(&work, FAILING);
    let with_spark = settings("bin/spark", "local[1]", "engine = \"spark\"");
    let fails = |args: &[&str]| {
        work.config(&with_spark);
        let failed = run(&work, args);
        assert_eq!(failed.status, 1, "{args:?}: {}", failed.stderr);
        for word in [
            "Spark failed while computing view",
            ".sql)",
            "No space left on device",
            "--engine native",
        ] {
            assert!(failed.stderr.contains(word), "no {word:?} in {}", failed.stderr);
        }
        assert_eq!(state(&schema), before, "{args:?}");
        work.config("");
    };
    fails(&["views", "--refresh"]);
    work.add_late_event(7);
    for stage in ["compress", "movement", "quality"] {
        work.ok(&[stage]);
    }
    fails(&["load"]);
    work.ok(&["run-all"]);
    assert_ne!(state(&schema), before);
}

/// Rows of all views of the mini inputs.
fn results_of_mini(schema: &str) -> Vec<Vec<String>> {
    let mut client = client(schema);
    let views = lines(&mut client, "SELECT view FROM mobility_view ORDER BY view");
    assert!(views.len() > 10);
    let rows = |view: &String| format!("SELECT v::text FROM {view} v ORDER BY 1");
    views.iter().map(|view| lines(&mut client, &rows(view))).collect()
}
