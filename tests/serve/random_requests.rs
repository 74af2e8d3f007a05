//! Random requests never cause an error of the server.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{USER_ROWS, served};
use crate::harness::{Warehouse, test_on_each_warehouse};

const PATHS: [&str; 16] = [
    "/users-per-lau-day-night",
    "/users-per-lau",
    "/number-of-events-per-hour",
    "/user-location-distribution",
    "/users-per-lau-2024-10-01",
    "/number-of-unique-cells-per-user",
    "/tables/cell_plan",
    "/tables/lau",
    "/tables/mobile_events_compressed",
    "/views",
    "/map",
    "/assets/pages.css",
    "/assets/%2e%2e/%2e%2e/mod.rs",
    "/%ff%fe",
    "//",
    "/tables/",
];
const NAMES: [&str; 11] = [
    "date", "from", "to", "lau", "order_by", "order-by", "limit", "offset", "format", "safe",
    "x%00",
];
const VALUES: [&str; 28] = [
    "",
    "0",
    "1",
    "10",
    "-1",
    "999999999999",
    "18446744073709551616",
    "2024-10-01",
    "0001-01-01",
    "9999-12-31",
    "2024-02-30",
    "EE_0001",
    "%00",
    "%ff",
    "'",
    "\"%3B--",
    "lau_id",
    "hour:desc",
    "date,date,date",
    "geometry",
    "user_count:desc",
    ":",
    ",",
    "csv",
    "html",
    "geojson",
    "parquet",
    "markdown",
];
const ACCEPT: [&str; 6] = ["*/*", "text/html", "text/csv;q=9", ";;q=,", "a/b;q=0.5, */*;q=0", "x"];

fn no_request_causes_a_server_error(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, USER_ROWS);
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut answered = 0;
    for _ in 0..400 {
        let (path, accept) = request(&mut random);
        let got = server.get_with(&path, "accept", accept);
        assert!(got.status < 500, "{path}: {}: {}", got.status, got.text());
        answered += u32::from(got.status == 200);
    }
    assert!(answered > 20, "only {answered} good requests");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

test_on_each_warehouse!(no_request_causes_a_server_error);

fn request(random: &mut ChaCha8Rng) -> (String, &'static str) {
    let pick =
        |random: &mut ChaCha8Rng, from: &[&'static str]| from[random.random_range(0..from.len())];
    let mut path = pick(random, &PATHS).to_owned();
    if random.random_range(0..8) == 0 {
        path.extend((0..8).map(|_| char::from(random.random_range(b'!'..=b'~'))));
        path = path.replace(['#', '<', '>', '"', '`', '{', '}', '\\', '^', '|', '?'], "~");
    }
    for part in 0..random.random_range(0..4) {
        let (name, value) = (pick(random, &NAMES), pick(random, &VALUES));
        path.push_str(&format!("{}{name}={value}", if part == 0 { "?" } else { "&" }));
    }
    (path.replace('"', "%22"), pick(random, &ACCEPT))
}
