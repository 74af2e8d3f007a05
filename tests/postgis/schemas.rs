//! Several warehouses in one database: everything stays within the configured schema, whatever the
//! search path of the role says and whatever `public` contains.

use postgres::{Client, NoTls};

use super::{Cluster, lines};
use crate::harness::{Workspace, expected};
use crate::serve::Server;

const VIEW: &str = "view_users_per_lau_day_night";

/// A database of its own with a role that may create schemas and whose search path is `public`; returns
/// the URLs of the role and of a superuser.
fn database(name: &str) -> [String; 2] {
    let cluster = Cluster::shared();
    let mut admin = cluster.client();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    admin
        .batch_execute(&format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'l'; ALTER ROLE {name} SET search_path TO public; \
             GRANT CREATE ON DATABASE {name} TO {name}"
        ))
        .unwrap();
    let url = cluster.url_with("/mobility", &format!("/{name}"));
    let mut client = Client::connect(&url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "CREATE EXTENSION postgis; GRANT CREATE, USAGE ON SCHEMA public TO {name}"
        ))
        .unwrap();
    let of_role = format!("postgres:{}@", cluster.password());
    [url.replacen(&of_role, &format!("{name}:l@"), 1), url]
}

/// Every relation of a schema except the history of runs, with a hash of its rows.
fn contents(url: &str, schema: &str) -> Vec<String> {
    let sql = format!(
        "SELECT format('%s %s', c.relname, (xpath('//h/text()', query_to_xml(format( \
           'SELECT md5(string_agg(t::text, '','' ORDER BY t::text COLLATE \"C\")) AS h FROM %I.%I t', \
           n.nspname, c.relname), true, false, '')))[1]::text) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'v') AND c.relname <> 'runs' \
           AND c.relname NOT IN ('geometry_columns', 'geography_columns', 'spatial_ref_sys') ORDER BY 1"
    );
    lines(&mut Client::connect(url, NoTls).unwrap(), &sql)
}

/// The tables of the history of runs have this many rows.
fn runs(url: &str, schema: &str) -> String {
    let sql = format!("SELECT count(*)::text FROM \"{schema}\".runs");
    lines(&mut Client::connect(url, NoTls).unwrap(), &sql).remove(0)
}

fn csv(work: &Workspace, sql: &str) -> String {
    work.ok(&["query", "--sql", sql, "--format", "csv"])
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn loads_queries_records_and_removals_stay_within_their_schema() {
    let [url, admin] = database("several_schemas");
    let events = "SELECT CAST(SUM(event_count) AS BIGINT) AS n FROM mobile_events_compressed";
    // the same tables and views with other rows
    let public = Workspace::mini();
    public.replace_inputs_with_synthetic(2000, 3);
    public.postgis(&url, "public", "");
    public.copy_shipped_views();
    public.write("views/busy.sql", "SELECT cell_id, COUNT(*) AS n FROM cell_plan GROUP BY cell_id");
    public.ok(&["run-all"]);
    let before = contents(&admin, "public");
    assert!(before.iter().any(|relation| relation.starts_with("busy ")), "{before:?}");
    let mut earlier: Option<(&str, Vec<String>)> = None;
    for schema in ["Mixed", "mixed", "a.b", "a b"] {
        let work = Workspace::mini();
        work.postgis(&url, schema, "");
        work.copy_shipped_views();
        work.write("views/busy.sql", "SELECT lau_id, COUNT(*) AS n FROM cell_plan GROUP BY lau_id");
        assert!(work.ok(&["check"]).contains(&format!("lacks the schema {schema}")), "{schema}");
        work.ok(&["run-all"]);
        // 26 events, of which one is repeated
        assert_eq!(csv(&work, events), "n\n25\n", "{schema}");
        assert_eq!(work.ok(&["query", VIEW, "--format", "csv"]), expected(VIEW), "{schema}");
        let server = Server::start(&work);
        let served = server.get_with(&format!("/{VIEW}"), "Accept", "text/csv").body;
        assert_eq!(String::from_utf8(served).unwrap(), expected(VIEW), "{schema}");
        drop(server);
        // the view is removed from this schema alone
        work.remove("views/busy.sql");
        work.add_late_event(7);
        work.ok(&["run-all"]);
        assert_eq!(csv(&work, events), "n\n26\n", "{schema}");
        assert_eq!(runs(&admin, schema), "2");
        let own = contents(&admin, schema);
        assert!(own.iter().all(|relation| !relation.starts_with("busy ")), "{own:?}");
        work.ok(&["load", "--force"]);
        if let Some((other, contents_before)) = earlier.replace((schema, contents(&admin, schema)))
        {
            assert_eq!(contents(&admin, other), contents_before, "{other}");
        }
    }
    assert_eq!(contents(&admin, "public"), before);
    assert_eq!(runs(&admin, "public"), "1");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn names_without_a_schema_never_mean_relations_beside_postgis() {
    let [url, admin] = database("beside_postgis");
    Client::connect(&admin, NoTls)
        .unwrap()
        .batch_execute(
            "CREATE TABLE public.elsewhere AS SELECT 7 AS x; GRANT SELECT ON public.elsewhere TO PUBLIC",
        )
        .unwrap();
    let work = Workspace::mini();
    work.postgis(&url, "mob", "");
    work.copy_shipped_views();
    work.ok(&["run-all"]);
    let missing = ["relation \"elsewhere\" does not exist"];
    let query = |sql: &str, words: &[&str]| work.fails(&["query", "--sql", sql], 1, words);
    query("SELECT x FROM elsewhere", &missing);
    query("SELECT ST_X(geometry), (SELECT x FROM elsewhere) FROM cell_plan", &["does not exist"]);
    query("WITH lau AS (SELECT 1 AS y) SELECT x FROM lau, Elsewhere", &missing);
    assert_eq!(csv(&work, "SELECT x FROM public.elsewhere"), "x\n7\n");
    assert_eq!(csv(&work, "WITH elsewhere AS (SELECT 3 AS x) SELECT x FROM elsewhere"), "x\n3\n");
    let nearest =
        "SELECT COUNT(*) AS n FROM cell_plan WHERE ST_X(geometry) > 0 AND geometry && geometry";
    assert_eq!(csv(&work, nearest), "n\n10\n");
    work.write("views/other.sql", "SELECT x FROM elsewhere");
    work.fails(&["views"], 1, &[&["other.sql"], &missing[..]].concat());
    let checked = work.run(&["check"]);
    assert!(checked.status == 1 && checked.stdout.contains(missing[0]), "{}", checked.stdout);
}
