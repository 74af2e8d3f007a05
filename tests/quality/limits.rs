//! The limits that a report names are those of the config.

use crate::checks::{DAY, SECOND, along_a_line, codes, columns};
use crate::serve::Server;

const SETTINGS: &str = "[checks]\nfast_hop_km = 1.5\nfast_hop_m_s = 20\nping_pong_s = 90\n\
    ping_pong_km = 3\n";

#[test]
fn reports_name_the_limits_of_the_config() {
    let work = along_a_line();
    work.config(SETTINGS);
    let events = [
        // 50 km in a minute, and back
        ("u", "a", DAY),
        ("u", "c", DAY + 60 * SECOND),
        ("u", "a", DAY + 120 * SECOND),
        // 2 km away for 80 seconds, at no more than 50 metres a second
        ("v", "a", DAY),
        ("v", "b", DAY + 40 * SECOND),
        ("v", "a", DAY + 80 * SECOND),
        // too slow for a hop with these limits, and back within 90 seconds
        ("w", "a", DAY),
        ("w", "b", DAY + 110 * SECOND),
        ("w", "a", DAY + 220 * SECOND),
    ];
    work.write_events("x.parquet", columns(&events));
    work.ok(&["run-all", "--quiet"]);
    assert_eq!(codes(&work, "2024-10-01"), "too_fast_both=2 too_fast_once=4");
    let mut reports = vec![work.ok(&["quality"])];
    for name in ["quality.md", "quality.html"] {
        work.ok(&["quality", "--output", name]);
        reports.push(work.read(name));
    }
    let server = Server::start(&work);
    reports.push(server.get_with("/quality", "accept", "text/html").ok());
    for report in &reports {
        // HTML escapes the slash of a unit
        let report = report.replace("&#x2f;", "/");
        for hops in ["hops to and from it", "a hop to or from it"] {
            let text = format!("{hops} over 1.5 km and faster than 20 m/s");
            assert!(report.contains(&text), "no {text:?} in {report}");
        }
        assert!(!report.contains("10 km") && !report.contains("55 m/s"), "{report}");
    }
}

#[test]
fn a_ping_pong_is_described_with_its_limits() {
    let work = along_a_line();
    work.config("[checks]\nping_pong_s = 90\nping_pong_km = 3\n");
    let events = [("u", "a", DAY), ("u", "b", DAY + 40 * SECOND), ("u", "a", DAY + 80 * SECOND)];
    work.write_events("x.parquet", columns(&events));
    work.ok(&["run-all", "--quiet"]);
    assert_eq!(codes(&work, "2024-10-01"), "ping_pong=1");
    let report = work.ok(&["quality"]);
    assert!(report.contains("within 90 s and 3 km"), "{report}");
}
