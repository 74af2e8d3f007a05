//! The command line: help, usage errors, completions, manual pages, output streams.

use crate::harness::Workspace;

const COMMANDS: [&str; 12] = [
    "synth",
    "compress",
    "geojoin",
    "quality",
    "load",
    "views",
    "query",
    "serve",
    "run-all",
    "runs",
    "check",
    "completions",
];

#[test]
fn help_of_every_command_has_examples() {
    let work = Workspace::empty();
    for command in COMMANDS {
        let help = work.ok(&[command, "--help"]);
        assert!(
            help.contains("Examples:") && help.contains(&format!("mobility {command}")),
            "{help}"
        );
        for flag in
            ["--config", "--warehouse", "--quiet", "--verbose", "--progress", "--log-format"]
        {
            assert!(help.contains(flag), "{command} --help lacks {flag}");
        }
    }
    assert!(work.ok(&["--help"]).contains("Examples:"));
    assert!(work.ok(&["--version"]).starts_with("mobility "));
}

#[test]
fn unknown_arguments_are_usage_errors() {
    let work = Workspace::empty();
    work.fails(&["qery"], 2, &["query"]);
    work.fails(&["query", "--formt", "csv", "x"], 2, &["--format"]);
    work.fails(&[], 2, &["Usage"]);
    work.fails(&["synth", "--out", "x", "--events", "0"], 2, &["--events"]);
}

#[test]
fn completions_contain_all_commands() {
    let work = Workspace::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = work.ok(&["completions", shell]);
        assert!(COMMANDS.iter().all(|c| script.contains(c)), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let work = Workspace::empty();
    work.ok(&["man", "--out", "pages"]);
    for command in COMMANDS {
        let page = work.read(&format!("pages/mobility-{command}.1"));
        // manual pages escape hyphens
        let typed = format!("mobility {}", command.replace('-', "\\-"));
        for word in [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH \"EXIT STATUS\"", &typed] {
            assert!(page.contains(word), "{command}: no {word}");
        }
        assert!(
            work.read("pages/mobility.1")
                .contains(&format!("mobility\\-{}(1)", command.replace('-', "\\-")))
        );
    }
    assert!(!work.path("pages/mobility-man.1").exists(), "it is for those who pack the program");
    assert!(!work.ok(&["--help"]).contains("  man "));
}

#[test]
fn only_results_go_to_standard_output() {
    let work = Workspace::mini();
    let ran = work.run(&["run-all", "--quiet"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.status), ("", "", 0));
    let ran = work.run(&[
        "query",
        "user-location-distribution",
        "--format",
        "csv",
        "--progress",
        "always",
    ]);
    assert_eq!(ran.stdout, crate::harness::expected("user_location_distribution"));
    let ran = work.run(&["compress", "--force"]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("26 rows in"), "{}", ran.stderr);
}
