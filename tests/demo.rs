//! `mobility demo`: what it says, what it leaves, and that it keeps away from the data of its user.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Workspace, send_signal, wait_until};

/// A demo whose temporary folders lie in `tmp` of the workspace.
struct Demo {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Demo {
    fn start(work: &Workspace, events: &str, prepare: impl FnOnce(&mut Command)) -> Demo {
        fs::create_dir_all(work.path("tmp")).unwrap();
        let mut command = work.command(&["demo", "--events", events, "--days", "2"]);
        command.env("TMPDIR", work.path("tmp"));
        prepare(&mut command);
        command.stdout(Stdio::piped()).stderr(File::create(work.path("demo.log")).unwrap());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Demo { child, output }
    }

    /// The lines before the first empty one, which say what happened.
    fn lines(&mut self) -> Vec<String> {
        let lines = self.output.by_ref().lines().map(Result::unwrap);
        lines.take_while(|line| !line.is_empty()).collect()
    }

    /// Interrupts it, and returns the exit status.
    fn interrupt(mut self) -> Option<i32> {
        send_signal(self.child.id(), "INT");
        self.child.wait().unwrap().code()
    }
}

/// The folders of demos.
fn folders(work: &Workspace) -> Vec<PathBuf> {
    fs::read_dir(work.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn url_of(line: &str) -> String {
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    url.unwrap_or_else(|| panic!("no URL in {line:?}")).to_owned()
}

#[test]
fn demo_serves_views_of_synthetic_data_and_removes_its_folder_at_the_end() {
    let work = Workspace::empty();
    // neither of these may be read
    work.write("pipeline.toml", "not a configuration");
    let mut demo = Demo::start(&work, "3000", |command| {
        command.env("DATABASE_URL", "postgres://nowhere.invalid/").env("MOBILITY_STRICT", "maybe");
    });
    let lines = demo.lines();
    assert_eq!(lines.len(), 5, "{lines:?}: {}", work.read("demo.log"));
    assert!(lines[0].contains("6,000 events of 2 days"), "{lines:?}");
    let [folder] = &folders(&work)[..] else { panic!("{:?}", folders(&work)) };
    assert!(folder.join("data/raw/events").is_dir() && folder.join("data/warehouse").is_dir());
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let csv = format!("{}number-of-events-per-hour?format=csv", url_of(&lines[4]));
    let csv = ureq::get(&csv).call().unwrap().body_mut().read_to_string().unwrap();
    let counts = csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap());
    assert_eq!(counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>(), 6_000);
    // what it proposes to try works
    let mut query = Command::new(env!("CARGO_BIN_EXE_mobility"));
    let query = query.args(["query", "--sql", "SELECT COUNT(*) AS n FROM lau", "--format", "csv"]);
    let answer = query.current_dir(folder).env_clear().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "n\n79\n", "{answer:?}");

    assert_eq!(demo.interrupt(), Some(0), "{}", work.read("demo.log"));
    assert_eq!(folders(&work), Vec::<PathBuf>::new());
    assert_eq!(work.read("pipeline.toml"), "not a configuration");
    assert_eq!(work.read("demo.log"), "");
}

#[test]
fn folder_of_an_interrupted_demo_is_removed() {
    let work = Workspace::empty();
    let mut demo = Demo::start(&work, "3000000", |_| {});
    wait_until("the demo writes events", || {
        folders(&work).iter().any(|folder| folder.join("data/raw").is_dir())
    });
    send_signal(demo.child.id(), "TERM");
    assert_eq!(demo.child.wait().unwrap().code(), Some(1));
    assert_eq!(demo.lines(), Vec::<String>::new());
    let said = work.read("demo.log");
    assert!(said.contains("interrupted; the folder of the demo is removed"), "{said}");
    assert_eq!(folders(&work), Vec::<PathBuf>::new());
}

/// A program `xdg-open` that writes its arguments into the file `opened`.
fn fake_browser(work: &Workspace) -> (PathBuf, PathBuf) {
    let opened = work.path("opened");
    let script = format!("#!/bin/sh\necho \"$@\" >{0}.new && mv {0}.new {0}\n", opened.display());
    work.write("bin/xdg-open", script);
    let program = work.path("bin/xdg-open");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, opened)
}

fn with_desktop(command: &mut Command, browser: &Path) {
    let path = std::env::var("PATH").unwrap();
    let folder = browser.parent().unwrap().display();
    command.env("PATH", format!("{folder}:{path}")).env("DISPLAY", ":0");
}

#[test]
fn demo_opens_the_dashboard_in_the_browser_of_a_desktop() {
    let work = Workspace::empty();
    let (browser, opened) = fake_browser(&work);
    let mut demo = Demo::start(&work, "3000", |command| with_desktop(command, &browser));
    let url = url_of(&demo.lines()[4]);
    wait_until("the browser is opened", || opened.exists());
    assert_eq!(work.read("opened").trim(), url);
    assert_eq!(demo.interrupt(), Some(0));
}

#[test]
fn demo_refuses_the_configuration_and_the_warehouse_of_its_user() {
    let work = Workspace::empty();
    let words = ["of its own", "--config and --warehouse"];
    work.fails(&["demo", "--config", "pipeline.toml"], 2, &words);
    work.fails(&["demo", "--warehouse", "embedded:warehouse"], 2, &words);
}
