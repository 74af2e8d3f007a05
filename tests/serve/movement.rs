//! The documents of the page about movement, over the world that is worked out by hand.

use serde_json::json;

use super::Server;
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::movement::by_hand::world;

fn documents_of_movement_hold_what_is_asked_for(warehouse: Warehouse) {
    let work = world().load(warehouse, "");
    let server = Server::start(&work);
    let get = |path: &str| server.get(path).json();
    let overview = get("/movement/overview");
    let runs = json!([["2023-10-01", "2023-10-01"], ["2024-10-01", "2024-10-03"]]);
    assert_eq!((&overview["dates"], &overview["laus"]), (&runs, &json!(3)));

    let day = get("/movement/day?date=2024-10-01");
    assert_eq!(
        (&day["hours"][8], &day["hours"][23], &day["hours"][9]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(day["distances"], json!([["10-50 km", 1, 1], ["2-10 km", 1, 1]]));
    assert_eq!(day["devices"], json!([["0", 8], ["1", 2]]));
    let dwell = get("/movement/day?date=2024-10-02")["dwell"].clone();
    assert!(dwell.as_array().unwrap().contains(&json!(["EE_A", "3-8 h", 1, 7.08])), "{dwell}");
    // those of `quality_daily`, which `movement::quality` compares with the reference
    let sql = "SELECT stay_share, pass_share, move_share, unknown_share FROM quality_daily \
               WHERE date = DATE '2024-10-01'";
    let csv = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let shares = ["stay_share", "pass_share", "move_share", "unknown_share"]
        .map(|name| day["shares"][name].to_string());
    assert_eq!(csv.lines().nth(1), Some(shares.join(",").as_str()), "{day}");
    let unknown = get("/movement/day?date=2024-12-24")["shares"]["unknown_share"].clone();
    assert_eq!(unknown, json!(null), "a date without events");

    let flows = get("/movement/flows?date=2024-10-01");
    assert_eq!((&flows["lines"], &flows["pairs"]), (&json!([["EE_A", "EE_C", 1]]), &json!(1)));
    // arriving, leaving, within; also outside all LAUs
    assert_eq!(flows["sums"], json!([[null, 1, 0, 0], ["EE_A", 0, 2, 0], ["EE_C", 1, 0, 0]]));
    assert_eq!(flows["matrix"], json!({ "laus": ["EE_A", "EE_C"], "trips": [[0, 1], [0, 0]] }));
    let hour = get("/movement/flows?date=2024-10-01&hour=23");
    assert_eq!(
        (&hour["lines"], &hour["sums"]),
        (&json!([]), &json!([[null, 1, 0, 0], ["EE_A", 0, 1, 0]]))
    );
    let of_one = get("/movement/flows?date=2024-10-01&lau=EE_A");
    assert_eq!(of_one["lines"], json!([["EE_A", "EE_C", 1], ["EE_A", null, 1]]));
    assert_eq!((&of_one["sums"], &of_one["matrix"]), (&json!(null), &json!(null)));

    for (path, status, words) in [
        ("/movement/flow", 404, "did you mean /movement/flows?"),
        ("/movement/flows", 400, "needs date"),
        ("/movement/flows?date=October", 400, "2024-10-01"),
        ("/movement/flows?date=2024-10-01&hour=24", 400, "a number from 0 to 23"),
        ("/movement/day?date=2024-10-01&hour=8", 400, "no parameter"),
        ("/movement/flows?date=2024-10-01&lau=EE_X%27%20OR%201=1", 400, "is not the id of a LAU"),
    ] {
        let got = server.get(path);
        assert_eq!(got.status, status, "{path}");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{path}: {detail}");
    }
    assert_eq!(get("/movement/flows?date=2024-12-24")["sums"], json!([]));
    let page = server.get_with("/movement", "accept", "text/html").ok();
    assert!(page.contains("assets/movement.js"), "{page}");
}

test_on_each_warehouse!(documents_of_movement_hold_what_is_asked_for);

#[test]
fn views_about_movement_that_are_left_out_are_named() {
    let work = Workspace::loaded();
    let server = Server::start(&work);
    let overview = server.get("/movement/overview").json();
    assert!(overview["missing"].as_array().unwrap().contains(&json!("trips_od")), "{overview}");
    let got = server.get("/movement/day?date=2024-10-01");
    assert_eq!(got.status, 400);
    assert!(got.json()["detail"].as_str().unwrap().contains("needs the view dwell_per_lau"));
}
