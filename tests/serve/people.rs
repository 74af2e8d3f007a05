//! The documents of the page about people.

use serde_json::{Value, json};

use super::Server;
use crate::harness::{Warehouse, test_on_each_warehouse};
use crate::insights::estimates::world;

fn documents_hold_what_is_asked_for(warehouse: Warehouse) {
    let work = world().load(warehouse, "");
    let server = Server::start(&work);
    let get = |path: &str| server.get(path).json();
    let overview = get("/people/overview");
    let window = |start: &str, end: &str, dates: u64, complete: bool| {
        json!({
            "window_start": start, "last_date": end, "dates": dates, "nights": dates,
            "complete": complete, "rotation": false,
        })
    };
    assert_eq!(
        overview["windows"],
        json!([
            window("2024-10-01", "2024-10-31", 31, true),
            window("2024-11-01", "2024-11-30", 1, false),
        ])
    );
    // runs of dates, not every date
    let runs = json!([["2024-10-01", "2024-10-31"], ["2024-11-02", "2024-11-02"]]);
    assert_eq!((&overview["dates"], &overview["nights"]), (&runs, &runs));
    assert_eq!((&overview["laus"], &overview["laus_with_population"]), (&json!(6), &json!(5)));
    assert_eq!(overview["settings"]["min_nights"], 10);

    let residents = get("/people/residents?window=2024-10-01");
    assert_eq!(residents["laus"], json!(["EE_A", "EE_B", "EE_C", "EE_D", "EE_E", "EE_F"]));
    assert_eq!(residents["residents"], json!([18, 16, 5, 17, 16, 0]));
    assert_eq!(residents["workers"], json!([0, 0, 0, 0, 0, 11]));
    assert_eq!(residents["status"][1], "over_covered");

    let present = get("/people/present?date=2024-11-02");
    assert_eq!(present["window"], "2024-10-01");
    assert_eq!(present["hours"].as_array().unwrap().len(), 24);
    assert_eq!(present["hours"][12], "2024-11-02 12:00:00");
    assert_eq!(present["laus"], json!(["EE_B", "EE_F"]));
    let roles = |hour: usize| {
        ["resident", "worker", "visitor", "unknown"]
            .map(|role| present["devices"][role][hour].clone())
    };
    assert_eq!(roles(12), [json!([1, 0]), json!([0, 11]), json!([0, 2]), json!([0, 1])]);
    assert_eq!(present["located"][12], 15);

    let estimate = get("/people/present-estimate?date=2024-11-02");
    let at =
        |hour: usize| ["estimate", "lower", "upper", "coverage"].map(|k| estimate[k][hour].clone());
    assert_eq!(
        at(12),
        [json!([1.0, 33.0]), json!([null, 17.1]), json!([null, 48.9]), json!([1.0, 0.8462])]
    );
    assert_eq!(
        at(15),
        [json!([null, null]), json!([null, null]), json!([null, null]), json!([null, 0.7857])]
    );

    let commuters = get("/people/commuters?window=2024-10-01");
    assert_eq!(commuters["lines"], json!([["EE_A", "EE_F", 11, 33.0, 17.1, 48.9, 1.0]]));
    // arriving, leaving, within, without a home
    assert_eq!(commuters["sums"], json!([["EE_A", 0, 11, 0, 0], ["EE_F", 11, 0, 0, 0]]));
    let overnight = get("/people/overnight?night=2024-11-02");
    assert_eq!(
        (&overnight["pairs"], &overnight["lines"][2]),
        (&json!(3), &json!(["EE_C", "EE_F", 2, null, null, null, 0.0]))
    );
    assert_eq!(overnight["sums"][3], json!(["EE_F", 16, 0, 0, 1]));
    // of one LAU also devices without a home
    let of_one = get("/people/overnight?night=2024-11-02&lau=EE_F");
    assert_eq!((&of_one["pairs"], &of_one["sums"]), (&json!(4), &Value::Null));
    assert_eq!(of_one["lines"][3], json!([null, "EE_F", 1, null, null, null, null]));
    assert_eq!(
        get("/people/overnight?night=2024-11-02&lau=EE_B")["lines"].as_array().unwrap().len(),
        1
    );

    for (path, status, words) in [
        ("/people/resident", 404, "did you mean /people/residents?"),
        ("/people/residents", 400, "needs window"),
        ("/people/residents?window=October", 400, "2024-10-01"),
        ("/people/residents?window=2024-10-01&lau=EE_A", 400, "no parameter"),
        (
            "/people/commuters?window=2024-10-01&lau=EE_X%27%20OR%201=1",
            400,
            "is not the id of a LAU; /tables/lau lists all ids",
        ),
        ("/people/overview?date=2024-10-01", 400, "no parameter"),
    ] {
        let got = server.get(path);
        assert_eq!(got.status, status, "{path}");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{path}: {detail}");
    }
    // a date that is not loaded has nobody
    assert_eq!(get("/people/present?date=2024-12-24")["hours"], json!([]));
    let page = server.get_with("/people", "accept", "text/html").ok();
    assert!(page.contains("assets/people.js"), "{page}");
}

test_on_each_warehouse!(documents_hold_what_is_asked_for);

#[test]
fn views_that_are_left_out_are_named() {
    let work = crate::harness::Workspace::mini();
    work.write(
        "views/one.sql",
        "-- by: date\nSELECT date, COUNT(*) AS n FROM mobile_events_compressed GROUP BY date\n",
    );
    work.config("");
    work.ok(&["run-all"]);
    let server = Server::start(&work);
    let overview = server.get("/people/overview").json();
    assert!(
        overview["missing"].as_array().unwrap().contains(&json!("residents_per_lau")),
        "{overview}"
    );
    let got = server.get("/people/present?date=2024-10-01");
    assert_eq!(got.status, 400);
    assert!(got.json()["detail"].as_str().unwrap().contains("needs the view anchor_windows"));
}
