//! Connection poolers: by session they work, by transaction or statement they are refused.

use super::{Cluster, new_schema};
use crate::harness::{Workspace, expected};
use crate::serve::Server;

const VIEW: &str = "view_users_per_lau_day_night";

#[test]
#[ignore = "needs PostGIS: run make test"]
fn pooler_by_transaction_is_refused_with_the_reason() {
    let cluster = Cluster::shared();
    let schema = new_schema();
    let work = Workspace::mini();
    work.postgis(&cluster.url, &schema, "");
    work.ok(&["run-all"]);
    for mode in ["transaction", "statement"] {
        work.postgis(&cluster.pooler(mode), &schema, "");
        let words = ["pool_mode = transaction", "session", "127.0.0.1"];
        work.fails(&["query", VIEW], 1, &words);
        work.fails(&["load", "--force"], 1, &words);
        let server = Server::start(&work);
        let served = server.get(&format!("/{VIEW}"));
        assert_eq!(served.status, 503);
        assert!(String::from_utf8_lossy(&served.body).contains(words[0]));
        let checked = work.run(&["check"]);
        assert_eq!(checked.status, 1, "{}", checked.stdout);
        assert!(checked.stdout.contains(words[0]), "{}", checked.stdout);
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn pooler_by_session_works() {
    let work = Workspace::mini();
    work.postgis(&Cluster::shared().pooler("session"), &new_schema(), "");
    work.ok(&["run-all"]);
    work.add_late_event(3);
    work.ok(&["run-all"]);
    work.remove("raw/events/year=2024/month=10/day=2/late-3.parquet");
    work.ok(&["run-all"]);
    assert_eq!(work.ok(&["query", VIEW, "--format", "csv"]), expected(VIEW));
    assert!(work.ok(&["check"]).contains("mobile_events_compressed 21"));
}
