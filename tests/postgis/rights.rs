//! Reading needs no more than SELECT and USAGE, and creates nothing.

use postgres::{Client, NoTls};

use super::{Cluster, lines};
use crate::harness::{Workspace, expected};
use crate::serve::Server;

const VIEW: &str = "view_users_per_lau_day_night";

/// Creates a database in which nobody may create anything by default; returns its URL.
fn database(name: &str) -> String {
    let cluster = Cluster::shared();
    let mut admin = cluster.client();
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
    admin.batch_execute(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")).unwrap();
    cluster.url_with("/mobility", &format!("/{name}"))
}

/// Creates a role that may do no more than connect, and never write; returns the URL with it.
fn role(client: &mut Client, url: &str, database: &str, role: &str) -> String {
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'r'; GRANT CONNECT ON DATABASE {database} TO {role}; \
             ALTER ROLE {role} SET default_transaction_read_only = on"
        ))
        .unwrap();
    url.replacen(&format!("postgres:{}@", Cluster::shared().password()), &format!("{role}:r@"), 1)
}

/// All relations, schemas, extensions and functions of the database.
fn objects(client: &mut Client) -> Vec<String> {
    lines(
        client,
        "SELECT o FROM (SELECT 'relation ' || oid || ' ' || relname AS o FROM pg_class \
         UNION ALL SELECT 'schema ' || oid || ' ' || nspname FROM pg_namespace \
         UNION ALL SELECT 'extension ' || extname FROM pg_extension \
         UNION ALL SELECT 'function ' || oid FROM pg_proc \
         UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND database = \
           (SELECT oid FROM pg_database WHERE datname = current_database())) AS all_objects \
         WHERE o !~ 'pg_(toast_)?temp_' ORDER BY o",
    )
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn role_that_may_only_select_can_query_serve_report_and_check() {
    let url = database("readers");
    let mut admin = Client::connect(&url, NoTls).unwrap();
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.postgis(&url, "mob", "");
    work.config("[load]\nuncompressed = true\n");
    work.ok(&["run-all"]);
    let of_role = role(&mut admin, &url, "readers", "watcher");
    admin
        .batch_execute("GRANT USAGE ON SCHEMA mob TO watcher; GRANT SELECT ON ALL TABLES IN SCHEMA mob TO watcher")
        .unwrap();
    let before = objects(&mut admin);
    let (as_owner, as_reader) = (work, Workspace::mini());
    as_reader.copy_shipped_views();
    // a view that only the reader knows is computed when it is read
    as_reader.write(
        "views/own.sql",
        "SELECT date, COUNT(*) AS n FROM mobile_events_placed GROUP BY date",
    );
    as_reader.postgis(&of_role, "mob", "");
    let read = || {
        assert_eq!(as_reader.ok(&["query", VIEW, "--format", "csv"]), expected(VIEW));
        assert_eq!(as_reader.ok(&["query", "own", "--format", "csv"]).lines().count(), 3);
        let sql = "SELECT COUNT(*) AS n FROM mobile_events_uncompressed";
        assert_eq!(as_reader.ok(&["query", "--sql", sql, "--format", "csv"]), "n\n26\n");
        as_reader.ok(&["query", "runs", "--format", "csv"]);
        as_reader.ok(&["report", "--output", "report.html"]);
        as_reader.ok(&["views", "--list"]);
        let checked = as_reader.ok(&["check"]);
        assert!(checked.contains("mobile_events_compressed 21"), "{checked}");
        let server = Server::start(&as_reader);
        let served = server.get_with(&format!("/{VIEW}"), "Accept", "text/csv");
        assert_eq!(String::from_utf8(served.body).unwrap(), expected(VIEW));
        assert_eq!(server.get("/health").status, 200);
    };
    read();
    // an invalid view is found all the same
    as_reader.write("views/own.sql", "SELECT nope FROM mobile_events_placed");
    let checked = as_reader.run(&["check"]);
    assert!(checked.status == 1 && checked.stdout.contains("own.sql"), "{}", checked.stdout);
    assert_eq!(objects(&mut admin), before);
    // new partitions, new views and views with other columns can be read as well
    let view =
        |more: &str| format!("SELECT cell_id, COUNT(*) AS n{more} FROM cell_plan GROUP BY cell_id");
    as_owner.write("views/cells.sql", view(""));
    as_owner.add_late_event(5);
    as_owner.ok(&["run-all"]);
    as_owner.write("views/cells.sql", view(", MIN(latitude) AS latitude"));
    as_owner.write(
        "views/own.sql",
        "SELECT date, COUNT(*) AS n FROM mobile_events_placed GROUP BY date",
    );
    as_owner.remove("raw/events/year=2024/month=10/day=2/late-5.parquet");
    as_owner.ok(&["run-all"]);
    admin.batch_execute("ALTER TABLE mob.quality_codes DROP COLUMN late").unwrap();
    as_owner.ok(&["load", "--force"]);
    let hidden = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'mob'::regnamespace \
                  AND c.relkind IN ('r', 'p', 'v') AND NOT has_table_privilege('watcher', c.oid, 'SELECT')";
    assert_eq!(lines(&mut admin, hidden), Vec::<String>::new());
    as_reader.write("views/own.sql", as_owner.read("views/own.sql"));
    read();
    as_reader.fails(&["load", "--force"], 1, &["run `mobility compress` first"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn roles_that_may_not_read_users_do_not_get_to_read_new_views() {
    let url = database("aggregates");
    let mut admin = Client::connect(&url, NoTls).unwrap();
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.postgis(&url, "mob", "");
    work.ok(&["run-all"]);
    let of_role = role(&mut admin, &url, "aggregates", "counter");
    admin
        .batch_execute(
            "GRANT USAGE ON SCHEMA mob TO counter; \
             GRANT SELECT ON mob.mobility_load, mob.mobility_view, mob.agg_events_per_hour TO counter",
        )
        .unwrap();
    work.write("views/who.sql", "SELECT DISTINCT user_id FROM mobile_events_compressed");
    work.ok(&["run-all"]);
    work.postgis(&of_role, "mob", "");
    assert_eq!(work.ok(&["query", "agg_events_per_hour", "--format", "csv"]).lines().count(), 21);
    work.fails(&["query", "who"], 1, &["permission denied"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn check_creates_nothing_and_says_what_a_load_creates() {
    let url = database("untouched");
    let mut admin = Client::connect(&url, NoTls).unwrap();
    let before = objects(&mut admin);
    let work = Workspace::mini();
    work.postgis(&url, "mob", "");
    let checked = work.ok(&["check"]);
    let words = "lacks the extension postgis and the schema mob, which `mobility load` creates";
    assert!(checked.contains(words), "{checked}");
    work.fails(&["query", VIEW], 1, &["holds no data yet", "mobility run-all"]);
    work.fails(&["report", "--output", "report.html"], 1, &["holds no data yet"]);
    assert_eq!(objects(&mut admin), before);
    // a role that may not create them
    let of_role = role(&mut admin, &url, "untouched", "onlooker");
    work.postgis(&of_role, "mob", "");
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1, "{}", checked.stdout);
    for words in ["CREATE EXTENSION postgis", "CREATE SCHEMA \"mob\" AUTHORIZATION \"onlooker\""] {
        assert!(checked.stdout.contains(words), "{}", checked.stdout);
    }
    assert_eq!(objects(&mut admin), before);
}
