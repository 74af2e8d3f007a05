//! What an analyst asks first: which views, tables and columns there are, and what is wrong with a
//! statement.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{
    ProgramOutput, RELATIONS, Warehouse, Workspace, root, test_on_each_warehouse,
};

fn csv(work: &Workspace, sql: &str) -> String {
    work.ok(&["query", "--format", "csv", "--sql", sql])
}

#[test]
fn list_shows_views_and_tables_with_their_columns() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write("views/own.sql", "SELECT ST_Area(geometry) AS a FROM lau");
    // before anything is loaded
    let listed = work.ok(&["query", "--list"]);
    let (views, tables) = listed.split_once("\nTables\n").unwrap();
    assert!(views.contains("columns hour, event_count\n"), "{views}");
    assert!(views.contains("columns date, lau_id, lau_name, day_users, night_users\n"), "{views}");
    assert!(views.contains("\nown "), "{views}");
    // long lists of columns are wrapped
    let words = tables.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        tables.contains("\nlau ")
            && words.contains(
                "columns lau_id, country_code, lau_name, geometry, population, area_km2 "
            ),
        "{tables}"
    );
    for table in ["mobile_events_compressed", "cell_plan", "quality_daily", "runs"] {
        assert!(tables.contains(&format!("\n{table} ")), "{tables}");
    }
    assert!(
        listed.lines().all(|line| line.chars().count() <= 100 || !line.contains("columns")),
        "{listed}"
    );
}

fn questions_about_relations_are_answered_with_those_of_the_contract(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let tables = csv(&work, "SHOW TABLES");
    let names: Vec<&str> = tables.lines().skip(1).map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(names, RELATIONS);
    let all = "SELECT table_name, table_type FROM information_schema.tables ORDER BY 1";
    assert_eq!(csv(&work, all), tables);
    let described = "column_name,data_type,is_nullable\n\
        cell_id,text,NO\nlatitude,double precision,NO\nlongitude,double precision,NO\n\
        valid_date_start,date,YES\nvalid_date_end,date,YES\nlau_id,text,YES\nlau_match,text,NO\n\
        lau_distance_m,double precision,YES\ngeometry,geometry,NO\nsite_id,text,NO\n";
    for sql in ["DESCRIBE cell_plan", "desc Cell_Plan;", "SHOW COLUMNS FROM cell_plan"] {
        assert_eq!(csv(&work, sql), described, "{sql}");
    }
    assert_eq!(
        csv(&work, "DESCRIBE agg_events_per_hour"),
        "column_name,data_type,is_nullable\n\
         hour,timestamp without time zone,YES\nevent_count,bigint,YES\n"
    );
    let counted = "SELECT COUNT(*) AS n FROM information_schema.columns c \
        JOIN information_schema.tables t ON t.table_name = c.table_name WHERE c.column_name = 'lau_name'";
    assert_eq!(csv(&work, counted), "n\n5\n");
    work.fails(&["query", "--sql", "DESCRIBE cel_plan"], 2, &["cel_plan", "\"cell_plan\""]);
    // the types that queries return
    let formats = work.ok(&["query", "--sql", "SHOW TABLES", "--format", "json"]);
    assert!(formats.contains("\"BASE TABLE\"") && formats.contains("\"VIEW\""), "{formats}");
}

test_on_each_warehouse!(questions_about_relations_are_answered_with_those_of_the_contract);

#[test]
fn sql_is_read_from_a_file_and_from_standard_input() {
    let work = Workspace::loaded();
    work.write("one.sql", "\u{feff}-- a comment\nSELECT COUNT(*) AS n\nFROM lau;\n\n");
    let expected = csv(&work, "SELECT COUNT(*) AS n FROM lau");
    assert_eq!(csv(&work, "@one.sql"), expected);
    let mut child = work
        .command(&["query", "--format", "csv", "--sql", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT COUNT(*) AS n FROM lau\n").unwrap();
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!((ran.stdout, ran.status), (expected, 0), "{}", ran.stderr);
    work.fails(&["query", "--sql", "@two.sql"], 1, &["two.sql"]);
    work.write("empty.sql", " ;\n");
    work.fails(&["query", "--sql", "@empty.sql"], 2, &["empty.sql", "no SELECT"]);
    // line and column are those of the file
    work.write("bad.sql", "SELECT lau_id,\n  lau_nam\nFROM lau\n");
    work.fails(
        &["query", "--sql", "@bad.sql"],
        1,
        &["line 2, column 3", "lau_name", "\n    lau_nam\n    ^^^^^^^"],
    );
}

fn errors_in_sql_point_at_the_place_and_suggest_the_nearest_word(warehouse: Warehouse) {
    let work = warehouse.loaded();
    for (sql, words) in [
        (
            "SELECT lau_nam FROM lau",
            vec!["line 1, column 8", "lau_name", "  SELECT lau_nam FROM lau\n         ^^^^^^^"],
        ),
        ("SELECT l.lau_nam FROM lau l", vec!["lau_nam", "lau_name", "^"]),
        ("SELECT lau_id FROM lau ORDER BY lau_nam", vec!["lau_name"]),
        ("SELCT 1", vec!["line 1, column 1", "SELECT instead of SELCT", "  SELCT 1\n  ^^^^^"]),
        (
            "SELECT * FORM lau",
            vec!["line 1, column 10", "FROM instead of FORM", "\n           ^^^^"],
        ),
        (
            "SELECT lau_id\nFROM lau\nWERE lau_id = 'x'",
            vec!["line 3, column 1", "WHERE instead of WERE"],
        ),
        (
            "SELECT lau_id FROM lau ODER BY lau_id",
            vec!["line 1, column 24", "ORDER instead of ODER"],
        ),
        ("SELECT COUNT(*) FROM lau GRUOP BY lau_id", vec!["GROUP instead of GRUOP"]),
        ("SELECT lau_id FROM lua", vec!["lua", "\"lau\""]),
    ] {
        let ran = work.fails(&["query", "--sql", sql], 1, &words);
        assert_eq!(
            ran.stderr.matches("line ").count(),
            ran.stderr.matches(", column ").count(),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("at Line:"), "{}", ran.stderr);
    }
}

test_on_each_warehouse!(errors_in_sql_point_at_the_place_and_suggest_the_nearest_word);

#[test]
fn day_in_another_form_says_which_form_is_expected() {
    let work = Workspace::mini();
    for day in ["06.05.2024", "05/06/2024", "6 May 2024", "20240506", "2024-05-06T00:00"] {
        for args in [
            vec!["query", "lau", "--date", day],
            vec!["query", "lau", "--from", day],
            vec!["quality", "--to", day],
            vec!["compress", "--since", day],
            vec!["purge", "--before", day],
            vec!["report", "--output", "x.svg", "--view", "lau", "--date", day],
            vec!["synth", "--out", "x", "--start", day],
        ] {
            let ran = work.fails(&args, 2, &[day, "YYYY-MM-DD"]);
            // day and month are not guessed
            assert!(!ran.stderr.contains("2024-05-06\""), "{}", ran.stderr);
        }
    }
    work.fails(
        &["query", "lau", "--date", "2024-02-30"],
        2,
        &["2024-02-30", "no such day", "YYYY-MM-DD"],
    );
}

fn errors_of_views_state_place_and_reason_once(warehouse: Warehouse) {
    let work = warehouse.mini();
    work.copy_shipped_views();
    work.config("");
    work.ok(&["run-all"]);
    for (sql, reason) in [
        ("SELECT dat, COUNT(*) AS n FROM mobile_events_placed GROUP BY dat", "date"),
        ("SELECT date COUNT(*) FROM lau", "line 1"),
        ("-- order: nope\nSELECT COUNT(*) AS n FROM lau", "\"nope\""),
        ("SELECT * FROM mobile_events_placd", "mobile_events_placed"),
    ] {
        work.write("views/own.sql", sql);
        for command in
            [vec!["views"], vec!["run-all", "--force"], vec!["query", "own"], vec!["check"]]
        {
            let ran = work.run(&command);
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.status, 1, "{command:?}: {printed}");
            let line = printed.lines().find(|line| line.contains("view own ("));
            let line = line.unwrap_or_else(|| panic!("{command:?}: {printed}"));
            assert!(line.contains(reason), "{command:?}: {line}");
            assert_eq!(line.matches("own.sql").count(), 1, "{command:?}: {line}");
            assert_eq!(line.matches("view own").count(), 1, "{command:?}: {line}");
        }
    }
}

test_on_each_warehouse!(errors_of_views_state_place_and_reason_once);

/// What the program prints on a terminal of this width.
fn on_terminal(work: &Workspace, columns: u16, args: &[&str], env: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_mobility");
    let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let line = format!("stty cols {columns} rows 24; '{program}' {}", quoted.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.current_dir(work.path("")).env_clear().env("PATH", std::env::var("PATH").unwrap());
    command.env("TERM", "xterm").envs(env.iter().copied()).stdin(Stdio::null());
    let ran = ProgramOutput::of(command.output().unwrap());
    assert_eq!(ran.status, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
    console::strip_ansi_codes(&ran.stdout.replace('\r', "")).into_owned()
}

#[test]
fn no_column_is_dropped_in_silence_on_a_narrow_terminal() {
    let work = Workspace::loaded();
    let names = work.ok(&["query", "quality_daily", "--format", "csv"]);
    let names: Vec<&str> = names.lines().next().unwrap().split(',').collect();
    for columns in [60, 80, 120] {
        let table = on_terminal(&work, columns, &["query", "quality_daily"], &[]);
        assert!(
            table.lines().all(|line| console::measure_text_width(line) <= columns.into()),
            "{table}"
        );
        let (_, rest) = table.split_once("columns that do not fit: ").unwrap();
        let rest = rest.replace('\n', " ");
        assert!(rest.contains("use --wide, --vertical or --output FILE"), "{rest}");
        let shown = table.lines().nth(2).unwrap();
        for name in &names {
            let beginning = &name[..name.len().min(5)];
            assert!(
                shown.contains(beginning) || rest.contains(name),
                "{columns}: {name} in {table}"
            );
        }
        let wide = on_terminal(&work, columns, &["query", "quality_daily", "--wide"], &[]);
        assert!(names.iter().all(|name| wide.contains(name)), "{wide}");
        assert!(!wide.contains("do not fit") && !wide.contains('…'), "{wide}");
        let vertical = on_terminal(&work, columns, &["query", "quality_daily", "--vertical"], &[]);
        assert_eq!(vertical.matches("─ row ").count(), 2, "{vertical}");
        assert!(names.iter().all(|name| vertical.contains(&format!("\n{name}"))), "{vertical}");
        // a single row that does not fit
        let one = on_terminal(&work, columns, &["query", "quality_daily", "--limit", "1"], &[]);
        assert!(names.iter().all(|name| one.contains(&format!("\n{name}"))), "{one}");
        assert!(one.ends_with("1 row\n") && !one.contains("do not fit"), "{one}");
        let runs = on_terminal(&work, columns, &["runs"], &[]);
        assert!(
            runs.lines().all(|line| console::measure_text_width(line) <= columns.into()),
            "{runs}"
        );
        let list = on_terminal(&work, columns, &["query", "--list"], &[]);
        let lists = list.lines().filter(|line| line.trim_start().starts_with("columns"));
        assert!(lists.clone().count() > 10);
    }
}

#[test]
fn tables_on_a_terminal_go_through_the_pager() {
    let work = Workspace::loaded();
    let marked = [("PAGER", "sed 's/^/> /'")];
    let table = on_terminal(&work, 80, &["query", "lau"], &marked);
    assert!(table.lines().all(|line| line.starts_with("> ")), "{table}");
    assert!(table.contains("> │ EE_0001"), "{table}");
    // the whole table, and no error if the pager is closed early
    let rows = "SELECT a.cell_id FROM cell_plan a CROSS JOIN cell_plan b CROSS JOIN cell_plan c \
                CROSS JOIN cell_plan d";
    let counted = on_terminal(&work, 80, &["query", "--sql", rows], &[("PAGER", "wc -l")]);
    assert!(counted.trim().parse::<u64>().unwrap() > 1_005, "{counted}");
    let first = on_terminal(&work, 80, &["query", "--sql", rows], &[("PAGER", "head -n 2")]);
    assert_eq!(first.lines().count(), 2, "{first}");
    // other formats, pipes and an empty variable do without it
    for (args, pager) in
        [(vec!["query", "lau", "--format", "csv"], "false"), (vec!["query", "lau"], "")]
    {
        let printed = on_terminal(&work, 80, &args, &[("PAGER", pager)]);
        assert!(printed.contains("EE_0001"), "{printed}");
    }
    let mut piped = work.command(&["query", "lau"]);
    let piped = ProgramOutput::of(piped.env("PAGER", "false").output().unwrap());
    assert!(piped.stdout.contains("EE_0001"), "{}", piped.stdout);
}

#[test]
fn report_of_a_fault_collects_what_is_needed_and_no_secret() {
    let work = Workspace::loaded();
    let mut command = work.command(&["check", "--report"]);
    command.env("PGPASSWORD", "s3cret").env("MOBILITY_SERVE_TOKEN", "s3cret-s3cret-s3cret");
    let ran = ProgramOutput::of(command.output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let version = format!("mobility: {}", env!("CARGO_PKG_VERSION"));
    for word in [
        &version,
        "system: ",
        "cores: ",
        "memory: ",
        "events     26 rows in 2 files",
        "\"lau\": {",
        "data.events: 2 files, ",
        "warehouse: ",
        "run-all done",
    ] {
        assert!(ran.stdout.contains(word), "no {word:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("s3cret"), "{}", ran.stdout);
    // also where check finds mistakes, or the configuration cannot be read
    work.remove("raw/cells");
    let found = work.ok(&["check", "--report"]);
    assert!(found.contains("WRONG  cell plan"), "{found}");
    work.write("pipeline.toml", "[warehouse]\nurl = \"postgres://me:s3cret@h:port/d\"\nnope = 1\n");
    let found = work.ok(&["check", "--report"]);
    assert!(found.contains("WRONG  config") && found.contains(&version), "{found}");
    assert!(!found.contains("s3cret"), "{found}");
}

#[test]
fn help_explains_the_header_of_views_and_where_to_ask() {
    let work = Workspace::empty();
    for args in [["help", "views"], ["views", "--help"]] {
        let help = work.ok(&args);
        for key in [
            "name",
            "view",
            "aliases",
            "title",
            "description",
            "order",
            "chart",
            "single_users",
            "by",
        ] {
            assert!(help.contains(&format!("-- {key}: ")), "{key}: {help}");
        }
    }
    let help = work.ok(&["--help"]);
    assert!(help.contains("CONTRIBUTING.md") && help.contains("check --report"), "{help}");
}

#[test]
fn install_puts_program_pages_and_completions_below_the_prefix() {
    let work = Workspace::empty();
    let prefix = work.path("stage/usr");
    let script = root().join("deploy/install.sh");
    let run = |first: &str| {
        assert!(Command::new(&script).arg(first).arg(&prefix).status().unwrap().success());
    };
    run(env!("CARGO_BIN_EXE_mobility"));
    for (file, word) in [
        ("share/man/man1/mobility.1", "ENVIRONMENT"),
        ("share/man/man1/mobility-views.1", "single_users"),
        ("share/bash-completion/completions/mobility", "complete"),
        ("share/zsh/site-functions/_mobility", "#compdef mobility"),
        ("share/fish/vendor_completions.d/mobility.fish", "complete -c mobility"),
    ] {
        let text = std::fs::read_to_string(prefix.join(file)).unwrap();
        assert!(text.contains(word), "{file}");
    }
    let installed = Command::new(prefix.join("bin/mobility")).arg("--version").output().unwrap();
    assert!(installed.stdout.starts_with(b"mobility "));
    run("--remove");
    let left = glob::glob(&prefix.join("**/*").to_string_lossy()).unwrap();
    assert_eq!(left.map(Result::unwrap).filter(|path| path.is_file()).count(), 0);
}

#[test]
fn select_of_users_and_information_schema_is_audited() {
    let work = Workspace::loaded();
    work.config("[serve]\naudit_log = \"audit.jsonl\"\n");
    csv(&work, "DESCRIBE mobile_events_compressed");
    csv(&work, "SHOW TABLES");
    assert!(!work.path("audit.jsonl").exists());
    let joined = "SELECT e.user_id FROM mobile_events_compressed e, information_schema.tables t \
                  WHERE t.table_name = 'lau'";
    assert!(csv(&work, joined).lines().count() > 10);
    assert!(work.read("audit.jsonl").contains("\"relation\":\"--sql\""));
}
