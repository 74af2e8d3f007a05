//! Configuration: precedence, defaults, errors.

use std::collections::HashMap;
use std::path::Path;

use mobility::config::{Config, KEYS, Sources, env_name, load};
use serde_json::{Value, json};

use crate::harness::{Workspace, root};

fn loaded(
    file: Option<&Path>,
    env: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> anyhow::Result<Config> {
    let env: HashMap<String, String> =
        env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let flags = flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    load(&Sources { file, env: &|name| env.get(name).cloned(), flags })
}

#[test]
fn flag_overrides_environment_overrides_file_overrides_default() {
    let work = Workspace::empty();
    let file = work.path("p.toml");
    let url = |c: Config| c.warehouse.url.to_string();
    let env = [("DATABASE_URL", "embedded:e")];
    work.write("p.toml", "");
    let default = format!("embedded:{}", work.path("data/warehouse").display());
    assert_eq!(url(loaded(Some(&file), &[], &[]).unwrap()), default);
    work.write("p.toml", "[warehouse]\nurl = \"embedded:/f\"\n");
    assert_eq!(url(loaded(Some(&file), &[], &[]).unwrap()), "embedded:/f");
    assert_eq!(url(loaded(Some(&file), &env, &[]).unwrap()), "embedded:e");
    let flags = [("warehouse.url", "embedded:flag")];
    assert_eq!(url(loaded(Some(&file), &env, &flags).unwrap()), "embedded:flag");
}

#[test]
fn outputs_in_an_object_store_use_the_cache_and_are_shown_as_url() {
    let work = Workspace::empty();
    let file = work.path("p.toml");
    work.write("p.toml", "[data]\nprocessed = \"s3://bucket/out\"\n");
    let config = loaded(Some(&file), &[], &[]).unwrap();
    assert_eq!(config.data.processed.parent().unwrap(), work.path("data/cache"));
    assert_eq!(config.recorded_settings().unwrap()["data"]["processed"], "s3://bucket/out");
    // a trailing slash names the same location
    let env = [("MOBILITY_DATA_PROCESSED", "s3://bucket/out/")];
    let same = loaded(Some(&file), &env, &[]).unwrap();
    assert_eq!(same.data.processed, config.data.processed);
    let env = [("MOBILITY_DATA_PROCESSED", "s3://other/out")];
    assert_ne!(loaded(Some(&file), &env, &[]).unwrap().data.processed, config.data.processed);
    let local = loaded(Some(&file), &[("MOBILITY_DATA_PROCESSED", "here")], &[]).unwrap();
    assert_eq!((local.data.processed.to_str(), local.data.store), (Some("here"), None));
}

/// Text for the environment variable of each key, and the value that the config then has there.
fn another_value_of_each_key() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("strict", "true", json!(true)),
        ("engine", "spark", json!("spark")),
        ("data.events", "a folder/events", json!(["a folder/events"])),
        ("data.cells", "[\"a.csv\", \"b.csv\"]", json!(["a.csv", "b.csv"])),
        ("data.lau", "lau.gpkg", json!(["lau.gpkg"])),
        ("data.population", "people.csv", json!("people.csv")),
        ("data.nuts", "nuts.csv", json!("nuts.csv")),
        ("data.processed", "out", json!("out")),
        ("data.cache", "scratch", json!("scratch")),
        ("output.mode", "group", json!("group")),
        ("extract.events", "s3://bucket/events", json!(["s3://bucket/events"])),
        ("extract.cells", "cells", json!(["cells"])),
        ("extract.to", "copies", json!("copies")),
        ("extract.lau_year", "2021", json!(2021)),
        ("extract.lau_scale", "20M", json!("20M")),
        ("extract.lau_crs", "4326", json!(4326)),
        ("extract.lau_url", "https://host/{year}", json!("https://host/{year}")),
        ("extract.connections", "7", json!(7)),
        ("columns.user_id", "msisdn", json!("msisdn")),
        ("columns.cell_id", "site", json!("site")),
        ("columns.timestamp", "at", json!("at")),
        ("columns.timestamp_unit", "ms", json!("ms")),
        ("columns.timestamp_format", "%d.%m.%Y %H:%M", json!("%d.%m.%Y %H:%M")),
        ("columns.null_values", "[\"-\"]", json!(["-"])),
        ("columns.plan_cell_id", "cell", json!("cell")),
        ("columns.latitude", "y", json!("y")),
        ("columns.longitude", "x", json!("x")),
        ("columns.valid_date_start", "from", json!("from")),
        ("columns.valid_date_end", "to", json!("to")),
        ("columns.gisco_id", "id", json!("id")),
        ("columns.cntr_code", "country", json!("country")),
        ("columns.lau_name", "name", json!("name")),
        ("columns.population", "POP_2018", json!("POP_2018")),
        ("columns.nuts", "REGION", json!("REGION")),
        ("checks.off", "[\"duplicate\"]", json!(["duplicate"])),
        ("checks.quarantine", "true", json!(true)),
        ("checks.user_id_bytes", "32", json!(32)),
        ("checks.folder_tolerance_days", "30", json!(30)),
        ("checks.fast_hop_km", "12.5", json!(12.5)),
        ("checks.fast_hop_m_s", "100", json!(100.0)),
        ("checks.ping_pong_s", "90", json!(90.0)),
        ("checks.ping_pong_km", "3", json!(3.0)),
        ("checks.most_events_a_day", "500", json!(500)),
        ("checks.open_days", "3", json!(3)),
        ("checks.expected_dates", "workdays", json!("workdays")),
        ("compress.memory", "512MiB", json!("512MiB")),
        ("lau.countries", "[\"EE\", \"LV\"]", json!(["EE", "LV"])),
        ("lau.crs", "EPSG:4326", json!("EPSG:4326")),
        ("lau.max_mib", "100", json!(100)),
        ("geojoin.method", "nearest", json!("nearest")),
        ("geojoin.max_distance_m", "100", json!(100.0)),
        ("time.zone", "Europe/Tallinn", json!("Europe/Tallinn")),
        ("time.day_start", "6", json!(6)),
        ("time.day_end", "22", json!(22)),
        ("anchors.window", "28", json!(28)),
        ("anchors.night_start", "21", json!(21)),
        ("anchors.night_end", "6", json!(6)),
        ("anchors.min_nights", "7", json!(7)),
        ("anchors.home_share", "0.6", json!(0.6)),
        ("anchors.work_start", "8", json!(8)),
        ("anchors.work_end", "18", json!(18)),
        ("anchors.work_min_hours", "3", json!(3)),
        ("anchors.work_min_days", "5", json!(5)),
        ("anchors.work_share", "0.5", json!(0.5)),
        ("anchors.work_min_distance_m", "500", json!(500.0)),
        ("calendar.holidays", "[\"2024-12-24\"]", json!(["2024-12-24"])),
        ("present.window_s", "1800", json!(1800)),
        ("weights.min_devices", "20", json!(20)),
        ("weights.max_weight", "50", json!(50.0)),
        ("weights.min_coverage", "0.9", json!(0.9)),
        ("weights.interval_z", "1.64", json!(1.64)),
        ("stays.max_gap_s", "3600", json!(3600)),
        ("stays.max_night_gap_s", "36000", json!(36000)),
        ("stays.night_gap_start", "22", json!(22)),
        ("stays.night_gap_end", "7", json!(7)),
        ("stays.flicker_s", "900", json!(900)),
        ("stays.flicker_m", "3000", json!(3000.0)),
        ("stays.flicker_neighbours", "4", json!(4)),
        ("stays.pad_s", "60", json!(60)),
        ("stays.min_stay_s", "600", json!(600)),
        ("trips.min_distance_m", "500", json!(500.0)),
        ("trips.max_hours", "6", json!(6)),
        ("trips.return_s", "3600", json!(3600)),
        ("warehouse.url", "postgres://host/db", json!("postgres://host/db")),
        ("warehouse.schema", "mobility", json!("mobility")),
        ("warehouse.connections", "5", json!(5)),
        ("warehouse.connect_timeout_s", "3", json!(3)),
        ("warehouse.statement_timeout_s", "60", json!(60)),
        ("load.uncompressed", "true", json!(true)),
        ("spark.submit", "bin/spark-sql", json!(["bin/spark-sql"])),
        ("spark.master", "spark://head:7077", json!("spark://head:7077")),
        ("spark.staging", "s3://bucket/staging", json!("s3://bucket/staging")),
        ("spark.conf", "{ \"spark.cores.max\" = \"4\" }", json!({ "spark.cores.max": "4" })),
        ("views.dir", "queries", json!("queries")),
        ("views.builtin", "false", json!(false)),
        ("views.snapshot_dates", "[\"2024-12-24\"]", json!(["2024-12-24"])),
        ("publish.audience", "public", json!("public")),
        ("publish.min_devices", "30", json!(30)),
        ("publish.min_area_devices", "100", json!(100)),
        ("publish.areas", "nuts3", json!("nuts3")),
        ("publish.period", "week", json!("week")),
        ("publish.zeros", "hide", json!("hide")),
        ("publish.cells", "true", json!(true)),
        ("publish.store", "released", json!("released")),
        ("serve.bind", "127.0.0.1:8080", json!("127.0.0.1:8080")),
        ("serve.audience", "public", json!("public")),
        ("serve.token", "0123456789abcdef", json!("***")),
        (
            "serve.tokens",
            "[{ name = \"a\", role = \"user_rows\", token_file = \"a.token\" }]",
            json!([{ "name": "a", "role": "user_rows", "token_file": "a.token" }]),
        ),
        ("serve.allow_user_rows", "true", json!(true)),
        ("serve.audit_log", "audit.jsonl", json!("audit.jsonl")),
        ("serve.base_path", "/mobility", json!("/mobility")),
        ("serve.trusted_proxies", "[\"10.0.0.0/8\"]", json!(["10.0.0.0/8"])),
        ("serve.max_queries", "3", json!(3)),
        ("serve.timeout_s", "5", json!(5)),
        ("serve.tls_cert", "/tls/server.crt", json!("/tls/server.crt")),
        ("serve.tls_key", "/tls/server.key", json!("/tls/server.key")),
        ("serve.behind_tls_proxy", "true", json!(true)),
        ("serve.max_connections", "100", json!(100)),
        ("serve.max_connections_per_address", "10", json!(10)),
        ("serve.client_timeout_s", "5", json!(5)),
        ("serve.max_connection_s", "60", json!(60)),
    ]
}

/// Sets a dotted key in the form in which a config is shown.
fn set(config: &mut Value, key: &str, value: Value) {
    match key.split_once('.') {
        Some((section, leaf)) => config[section][leaf] = value,
        None => config[key] = value,
    }
}

/// Settings that have a value.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        Value::Object(keys) => {
            let set = keys.into_iter().filter(|(_, value)| !value.is_null());
            set.map(|(key, value)| (key, without_nulls(value))).collect()
        }
        other => other,
    }
}

#[test]
fn every_key_has_a_variable_that_sets_this_key_alone() {
    let work = Workspace::empty();
    let file = work.path("pipeline.toml");
    work.write("pipeline.toml", "");
    let shown = |env: &[(&str, &str)]| {
        let config = loaded(Some(&file), env, &[]).unwrap_or_else(|e| panic!("{env:?}: {e:#}"));
        without_nulls(serde_json::to_value(&config).unwrap())
    };
    let defaults = shown(&[]);
    let values = another_value_of_each_key();
    let names: Vec<&str> = values.iter().map(|(key, ..)| *key).collect();
    assert_eq!(names, KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    for (key, text, value) in values {
        let mut expected = defaults.clone();
        set(&mut expected, key, value);
        assert_ne!(expected, defaults, "{key}: the test needs another value than the default");
        // one of these two alone is refused
        let other = match key {
            "serve.tls_cert" => "serve.tls_key",
            "serve.tls_key" => "serve.tls_cert",
            _ => {
                assert_eq!(shown(&[(&env_name(key), text)]), expected, "{key}");
                continue;
            }
        };
        set(&mut expected, other, json!("/tls/other"));
        let pair = [(&*env_name(key), text), (&*env_name(other), "/tls/other")];
        assert_eq!(shown(&pair), expected, "{key}");
    }
}

#[test]
fn misspelled_environment_variable_is_rejected() {
    let work = Workspace::mini();
    let output = work.command(&["views", "--list"]).env("MOBILITY_DATA_EVENT", "x").output();
    let output = output.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("MOBILITY_DATA_EVENT ") && printed.contains("MOBILITY_DATA_EVENTS?"),
        "{printed}"
    );
}

#[test]
fn variable_of_a_token_is_accepted_and_its_file_is_relative_to_the_config() {
    let work = Workspace::mini();
    work.config(
        "[serve]\ntokens = [{ name = \"a\", role = \"aggregates\", token_env = \"MOBILITY_TOKEN_A\" },\n\
         { name = \"b\", role = \"aggregates\", token_file = \"b.token\" }]\n",
    );
    let listed = |name: &str| work.command(&["views", "--list"]).env(name, "x").output().unwrap();
    assert!(listed("MOBILITY_TOKEN_A").status.success());
    let other = listed("MOBILITY_TOKEN_B");
    assert!(String::from_utf8_lossy(&other.stderr).contains("MOBILITY_TOKEN_A?"));
    let config = loaded(Some(&work.path("pipeline.toml")), &[("MOBILITY_TOKEN_A", "x")], &[]);
    let tokens = config.unwrap().serve.tokens;
    assert_eq!(tokens[0].from_env.as_ref().unwrap().reveal(), "x");
    assert_eq!(tokens[1].token_file, Some(work.path("b.token")));
}

#[test]
fn shipped_config_lists_every_key_with_its_default() {
    let text = std::fs::read_to_string(root().join("pipeline.toml")).unwrap();
    let work = Workspace::empty();
    work.write("sql/views/any.sql", "SELECT 1 AS x");
    work.write("empty.toml", "");
    work.write("shipped.toml", &text);
    let load = |name: &str| loaded(Some(&work.path(name)), &[], &[]).unwrap();
    assert_eq!(load("shipped.toml"), load("empty.toml"));
    // with every `#key` uncommented, the config is still the default
    let uncommented: String = text
        .lines()
        .map(|l| match l.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{l}\n"),
        })
        .collect();
    let table: toml::Table = toml::from_str(&uncommented).unwrap();
    for key in KEYS {
        let found = match key.name.split_once('.') {
            Some((section, leaf)) => table.get(section).and_then(|s| s.get(leaf)),
            None => table.get(key.name),
        };
        assert!(found.is_some(), "{} is not in pipeline.toml", key.name);
    }
    work.write("p.toml", &uncommented);
    let all = load("p.toml");
    let mut expected = load("empty.toml");
    // these have no default; the file shows an example
    expected.extract.events = vec!["s3://bucket/events".to_owned()];
    expected.extract.cells = vec!["s3://bucket/cells".to_owned()];
    expected.extract.lau_year = Some(2021);
    expected.data.population = Some(work.path("data/raw/population.csv"));
    expected.data.nuts = Some(work.path("data/raw/nuts.csv"));
    expected.columns.population = Some("POP_2021".to_owned());
    expected.columns.timestamp_unit = Some(mobility::domain::time::text::EpochUnit::S);
    expected.columns.timestamp_format = Some("%d.%m.%Y %H:%M:%S".to_owned().try_into().unwrap());
    expected.columns.plan_cell_id = Some("cell_id".to_owned());
    expected.checks.user_id_bytes = Some(32);
    expected.checks.folder_tolerance_days = Some(30);
    expected.compress.memory = Some("512MiB".parse().unwrap());
    expected.lau.crs = Some("EPSG:3035".to_owned());
    expected.time.zone = Some("Europe/Tallinn".to_owned());
    expected.serve.base_path = Some("/mobility".to_owned());
    expected.serve.audience = Some(mobility::config::Audience::Analyst);
    expected.warehouse.statement_timeout_s = Some(60);
    expected.spark.master = Some("spark://head:7077".to_owned());
    expected.spark.staging = Some("s3://bucket/staging".to_owned());
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    expected.spark.conf =
        [property("spark.executor.memory", "4g"), property("spark.executor.cores", "4")].into();
    expected.serve.token = Some(mobility::config::Secret::new("at-least-16-characters"));
    expected.serve.tokens = all.serve.tokens.clone();
    let names: Vec<&str> = all.serve.tokens.iter().map(|token| token.name.as_str()).collect();
    assert_eq!(names, ["dashboard"]);
    expected.serve.audit_log = Some("/var/log/mobility/audit.jsonl".into());
    expected.serve.tls_cert = Some(work.path("server.crt"));
    expected.serve.tls_key = Some(work.path("server.key"));
    expected.serve.max_connections_per_address = Some(64);
    assert_eq!(all, expected);
}

#[test]
fn config_errors_name_file_line_and_remedy() {
    let work = Workspace::mini();
    let cases = [
        ("[tme]\nzone = \"x\"\n", vec!["pipeline.toml", "line 1", "`tme`", "`time`"]),
        ("[time]\nday_strt = 7\n", vec!["line 2", "`time.day_strt`", "`time.day_start`"]),
        ("max_distance_m = 7\n", vec!["line 1", "`geojoin.max_distance_m`"]),
        ("[time]\nday_start = \"seven\"\n", vec!["pipeline.toml", "line 2"]),
        ("[time]\nday_start = 21\n", vec!["time.day_start = 21", "must be before the end"]),
        ("[time]\nzone = \"Europe/Talinn\"\n", vec!["`Europe/Tallinn`"]),
        ("[geojoin]\nmethod = \"closest\"\n", vec!["line 2", "`within`"]),
        ("[data]\nevents = []\n", vec!["data.events is empty"]),
        ("[views]\nsnapshot_dates = [\"yesterday\"]\n", vec!["yesterday", "2024-10-01"]),
        ("[serve]\nbind = \"localhost\"\n", vec!["serve.bind", "127.0.0.1:5000"]),
        ("[serve]\ntoken = \"short\"\n", vec!["serve.token", "16"]),
        ("[serve]\ntokens = \"a\"\n", vec!["line 2", "list of tables", "token_env"]),
        ("[[serve.tokens]]\nname = \"a\"\n", vec!["missing field `role`"]),
        ("[[serve.tokens]]\nname = \"a\"\nrole = \"all\"\n", vec!["`aggregates`", "`user_rows`"]),
        ("[[serve.tokens]]\nname = \"a b\"\nrole = \"user_rows\"\n", vec!["name of token 1"]),
        (
            "[[serve.tokens]]\nname = \"a\"\nrole = \"user_rows\"\n",
            vec!["\"a\"", "token_env", "token_file"],
        ),
        (
            "[serve]\ntokens = [\n{ name = \"a\", role = \"user_rows\", token_env = \"A\" },\n\
             { name = \"a\", role = \"aggregates\", token_env = \"B\" }]\n",
            vec!["\"a\"", "rename one"],
        ),
        ("[serve]\nbase_path = \"//evil\"\n", vec!["serve.base_path", "single slashes"]),
        ("[serve]\ntrusted_proxies = [\"proxy\"]\n", vec!["serve.trusted_proxies", "10.0.0.0/24"]),
        ("[serve]\nmax_queries = 0\n", vec!["serve.max_queries", "at least 1"]),
        ("[serve]\ntimeout_s = 0\n", vec!["serve.timeout_s", "at least 1"]),
        ("[data\n", vec!["pipeline.toml", "line 1"]),
    ];
    for (text, words) in cases {
        work.write("pipeline.toml", text);
        work.fails(&["views"], 1, &words);
        let checked = work.run(&["check"]);
        assert_eq!(checked.status, 1, "{text}: {}", checked.stdout);
    }
    for token in ["\"s3cret", "s3cret-s3cret-s3cret", "\"s3cret\"", "[\"s3cret\"]"] {
        work.write("pipeline.toml", format!("[serve]\ntoken = {token}\n"));
        let ran = work.fails(&["views"], 1, &["token"]);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    // a token in the wrong place, and behind a misspelled key
    let secret = "s3cret-s3cret-s3cret";
    for text in [
        format!("[[serve.tokens]]\nname = \"a\"\nrole = \"aggregates\"\ntoken = \"{secret}\"\n"),
        format!("[[serve.tokens]]\nname = \"a\"\nrole = \"aggregates\"\nsecret = \"{secret}\"\n"),
        format!(
            "[serve]\ntokens = [\n  {{ name = \"a\", role = \"aggregates\", token = \"{secret}\" }},\n]\n"
        ),
        format!("[serve]\ntokens = [\n  {{ name = \"a\", rle = \"{secret}\" }},\n]\n"),
        format!("[serve]\ntokens = [\n  {{ name = \"a\", x = \"{secret} }},\n]\n"),
        format!("[serve]\ntokens = [\"{secret}\"]\n"),
        format!("[serve]\ntokens = \"{secret}\"\n"),
        format!("serve = {{ tokens = \"{secret}\" }}\n"),
        format!("serve = {{ allow_user_rows = 1, token = \"{secret}\" }}\n"),
    ] {
        work.write("pipeline.toml", &text);
        let ran = work.fails(&["views"], 1, &["mobility: "]);
        assert!(!ran.stderr.contains("s3cret"), "{text}: {}", ran.stderr);
    }
    work.config("");
    let output = work.command(&["views"]).env("MOBILITY_SERVE_TOKENS", secret).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("serve.tokens") && !printed.contains("s3cret"), "{printed}");
    let ran = work.fails(
        &["views", "--warehouse", "mysql://me:s3cret@x"],
        1,
        &["mysql", "embedded:FOLDER"],
    );
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    work.fails(&["views", "--config", "nowhere.toml"], 1, &["nowhere.toml", "cannot be read"]);
}

#[test]
fn relative_paths_are_relative_to_the_config_file() {
    let work = Workspace::mini();
    std::fs::create_dir(work.path("elsewhere")).unwrap();
    let mut command = work.command(&["run-all", "--config", "../pipeline.toml"]);
    let output = command.current_dir(work.path("elsewhere")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(work.path("warehouse/CURRENT").exists() && work.path("processed/lau.parquet").exists());
}

#[test]
fn folder_of_views_is_beside_the_config_and_a_configured_one_must_exist() {
    let work = Workspace::mini();
    let config = work.read("pipeline.toml");
    let (rest, _) = config.split_once("[views]").unwrap();
    work.write("pipeline.toml", rest);
    work.ok(&["run-all"]);
    assert_eq!(
        work.ok(&["query", "users-per-lau", "--format", "csv"]),
        crate::harness::expected("agg_users_per_lau_per_day")
    );
    assert!(work.ok(&["check"]).contains("views built into the program"));
    work.write("sql/views/mine.sql", "SELECT 1 AS x");
    assert_eq!(work.ok(&["query", "mine", "--format", "csv"]), "x\n1\n");
    work.write("pipeline.toml", format!("{rest}[views]\ndir = \"nowhere\"\n"));
    work.fails(&["views"], 1, &["views.dir", "nowhere", "remove views.dir"]);
    work.fails(&["check"], 1, &["1 problem found"]);
}
