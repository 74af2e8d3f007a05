//! Settings of server, database and role, which change neither loads nor results.

use postgres::{Client, NoTls};

use super::{Cluster, lines};
use crate::harness::{EXAMPLE_VIEWS, ProgramOutput, Workspace, expected};
use crate::serve::Server;

/// Defaults that end loads and queries, or change results, where a session does not set its own.
const HOSTILE: [&str; 30] = [
    "default_transaction_isolation = 'serializable'",
    "default_transaction_read_only = 'on'",
    "default_transaction_deferrable = 'on'",
    "statement_timeout = '250ms'",
    "lock_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '1s'",
    "idle_session_timeout = '1s'",
    "search_path = decoy, pg_catalog, public",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'sql_standard'",
    "TimeZone = 'Pacific/Auckland'",
    "extra_float_digits = '-15'",
    "standard_conforming_strings = 'off'",
    "backslash_quote = 'off'",
    "bytea_output = 'escape'",
    "client_encoding = 'LATIN1'",
    "client_min_messages = 'error'",
    "row_security = 'off'",
    "exit_on_error = 'on'",
    "transform_null_equals = 'on'",
    "array_nulls = 'off'",
    "quote_all_identifiers = 'on'",
    "gin_fuzzy_search_limit = '1'",
    "work_mem = '64kB'",
    "lc_numeric = 'et_EE.UTF-8'",
    "lc_monetary = 'et_EE.UTF-8'",
    "lc_time = 'et_EE.UTF-8'",
    "enable_hashagg = 'off'",
    "xmloption = 'document'",
    "cursor_tuple_fraction = '0.01'",
];

/// Texts whose form depends on settings of the session.
const FORMS: &str = "SELECT date '2024-02-01'::text AS d, '2024-02-01'::date::text AS e, \
    interval '1 day 2 hours'::text AS i, 0.1::float8::text AS f, '\\x00ff'::bytea::text AS b, \
    'a\\b' AS s, timestamptz '2024-10-01 12:00+00'::text AS t, to_char(1234.5, '9G999D9') AS n, \
    (NULL = NULL)::text AS x, '{1,NULL}'::int[]::text AS a, \
    concat_ws(' ', current_setting('lock_timeout'), current_setting('idle_session_timeout'), \
      current_setting('idle_in_transaction_session_timeout'), \
      current_setting('default_transaction_read_only')) AS l, current_setting('TimeZone') AS z";

/// Applies the defaults to a role or database; locales that the machine lacks are left out.
fn apply(admin: &mut Client, target: &str) {
    for setting in HOSTILE {
        let applied = admin.batch_execute(&format!("ALTER {target} SET {setting}"));
        assert!(applied.is_ok() || setting.starts_with("lc_"), "{setting}: {applied:?}");
    }
}

/// A database of its own, and the URL of a role that may create schemas in it.
fn database(name: &str) -> (Client, String) {
    let cluster = Cluster::shared();
    cluster.client().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    let url = cluster.url_with("/mobility", &format!("/{name}"));
    let mut admin = Client::connect(&url, NoTls).unwrap();
    admin
        .batch_execute(&format!(
            "CREATE EXTENSION postgis; CREATE ROLE {name} LOGIN PASSWORD 'r'; \
             GRANT CREATE ON DATABASE {name} TO {name}; CREATE SCHEMA decoy; \
             GRANT USAGE ON SCHEMA decoy TO PUBLIC; \
             CREATE FUNCTION decoy.hashtext(text) RETURNS int LANGUAGE sql AS 'SELECT 1/0'; \
             CREATE TABLE decoy.lau (wrong int)"
        ))
        .unwrap();
    let role = url.replacen(&format!("postgres:{}@", cluster.password()), &format!("{name}:r@"), 1);
    (admin, role)
}

fn work(url: &str) -> Workspace {
    let work = Workspace::mini();
    work.copy_shipped_views();
    // takes longer than the statement timeout
    work.write("views/slow.sql", "SELECT COUNT(*) AS n FROM (SELECT pg_sleep(0.5)) AS s");
    work.postgis(url, "mob", "");
    work.config("[load]\nuncompressed = true\n");
    work
}

fn assert_loads_and_reads(work: &Workspace) {
    work.ok(&["run-all"]);
    for (name, view) in EXAMPLE_VIEWS {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), expected(view), "{name}");
    }
    let forms = work.ok(&["query", "--sql", FORMS, "--format", "csv"]);
    let [names, values] = forms.lines().collect::<Vec<_>>()[..] else { panic!("{forms}") };
    assert_eq!(names, "d,e,i,f,b,s,t,n,x,a,l,z");
    assert_eq!(
        values,
        "2024-02-01,2024-02-01,1 day 02:00:00,0.1,\\x00ff,a\\b,2024-10-01 12:00:00+00,\" 1,234.5\",,\
         \"{1,NULL}\",0 0 0 on,UTC"
    );
    let slow = "SELECT COUNT(*) AS n FROM (SELECT pg_sleep(0.5)) AS s";
    assert_eq!(work.ok(&["query", "--sql", slow, "--format", "csv"]), "n\n1\n");
    assert_eq!(work.ok(&["query", "slow", "--format", "csv"]), "n\n1\n");
    let server = Server::start(work);
    let served = server.get_with("/view_users_per_lau_day_night", "Accept", "text/csv");
    assert_eq!(String::from_utf8(served.body).unwrap(), expected("view_users_per_lau_day_night"));
    // a second load replaces a date, and both kinds of runs are recorded
    work.add_late_event(1);
    work.ok(&["run-all", "--force"]);
    work.ok(&["views", "--refresh"]);
    let ran = work.ok(&["query", "--sql", "SELECT COUNT(*) AS n FROM runs", "--format", "csv"]);
    assert_eq!(ran, "n\n3\n");
    work.ok(&["purge", "--before", "2024-10-02", "--yes"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn settings_of_the_role_change_neither_loads_nor_results() {
    let (mut admin, url) = database("hostile_role");
    apply(&mut admin, "ROLE hostile_role");
    assert_loads_and_reads(&work(&url));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn settings_of_the_database_change_neither_loads_nor_results() {
    let (mut admin, url) = database("hostile_database");
    apply(&mut admin, "DATABASE hostile_database");
    assert_loads_and_reads(&work(&url));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn isolation_levels_of_the_role_change_no_load() {
    let (mut admin, url) = database("isolated");
    let work = work(&url);
    for level in ["repeatable read", "serializable", "read uncommitted"] {
        admin
            .batch_execute(&format!(
                "ALTER ROLE isolated SET default_transaction_isolation = '{level}'"
            ))
            .unwrap();
        work.ok(&["run-all", "--force"]);
        let view = "view_users_per_lau_day_night";
        assert_eq!(work.ok(&["query", view, "--format", "csv"]), expected(view), "{level}");
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn role_that_the_login_takes_on_owns_the_tables() {
    let (mut admin, url) = database("member");
    admin
        .batch_execute(
            "CREATE ROLE keeper; GRANT keeper TO member; GRANT CREATE ON DATABASE member TO keeper; \
             REVOKE CREATE ON DATABASE member FROM member; ALTER ROLE member SET role = keeper",
        )
        .unwrap();
    let work = work(&url);
    work.ok(&["run-all"]);
    let owners = lines(
        &mut admin,
        "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'mob'",
    );
    assert_eq!(owners, ["keeper"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn options_of_the_url_reach_the_session() {
    let (_, url) = database("optional");
    let work = work(&url);
    work.ok(&["run-all"]);
    let sql = "SELECT current_setting('geqo') AS g, current_setting('application_name') AS a";
    let url = format!("{url}?options=-c%20geqo%3Doff&application_name=nightly&keepalives=0");
    let mut command = work.command(&["query", "--sql", sql, "--format", "csv"]);
    let ran = ProgramOutput::of(command.env("DATABASE_URL", url).output().unwrap());
    assert_eq!((ran.stdout.as_str(), ran.status), ("g,a\noff,nightly\n", 0), "{}", ran.stderr);
}
