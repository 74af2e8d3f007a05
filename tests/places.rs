//! What views about places rest on: sites, times of placed events, and the population of LAUs.

use serde_json::{Value, json};

use crate::harness::{Warehouse, Workspace, root, test_on_each_warehouse};

fn csv(work: &Workspace, sql: &str) -> String {
    work.ok(&["query", "--sql", sql, "--format", "csv"])
}

fn cells_at_one_coordinate_are_one_site(warehouse: Warehouse) {
    let work = warehouse.mini();
    for folder in ["raw/cells", "raw/events"] {
        work.remove(folder);
    }
    // b is a few centimetres from a, and c in another town
    work.write(
        "raw/cells/plan.csv",
        "cell_id,latitude,longitude\na,59.437,24.7536\nb,59.4370001,24.7536001\nc,58.378,26.729\n",
    );
    work.write(
        "raw/events/events.csv",
        "user_id,cell_id,timestamp\n\
         u,a,2024-10-01 12:00:00\nu,b,2024-10-01 12:00:00\nu,a,2024-10-01 12:05:00\n\
         u,a,2024-10-01 12:10:00\nu,c,2024-10-01 12:10:00\nu,a,2024-10-01 12:20:00\n\
         u,a,2024-10-01 12:30:00\nu,c,2024-10-01 12:30:00\n",
    );
    work.ok(&["run-all"]);
    assert_eq!(
        csv(&work, "SELECT cell_id, site_id FROM cell_plan ORDER BY cell_id"),
        "cell_id,site_id\na,\"59.43700,24.75360\"\nb,\"59.43700,24.75360\"\nc,\"58.37800,26.72900\"\n"
    );
    let rows = |table: &str| {
        let columns = "cell_id, first_seen, last_seen, event_count";
        csv(&work, &format!("SELECT {columns} FROM {table} ORDER BY cell_id"))
    };
    assert_eq!(
        rows("mobile_events_compressed"),
        "cell_id,first_seen,last_seen,event_count\n\
         a,2024-10-01 12:00:00,2024-10-01 12:30:00,5\n\
         b,2024-10-01 12:00:00,2024-10-01 12:00:00,1\n\
         c,2024-10-01 12:10:00,2024-10-01 12:30:00,2\n"
    );
    // at 12:10 and 12:30 the user is at two sites, at 12:00 at two cells of one
    assert_eq!(
        rows("mobile_events_placed"),
        "cell_id,first_seen,last_seen,event_count\n\
         a,2024-10-01 12:00:00,2024-10-01 12:20:00,3\n\
         b,2024-10-01 12:00:00,2024-10-01 12:00:00,1\n"
    );
}

test_on_each_warehouse!(cells_at_one_coordinate_are_one_site);

/// The boundaries of the mini inputs, whose features have been changed.
fn boundaries(change: impl Fn(&str, &mut Value)) -> String {
    let path = root().join("fixtures/mini/lau/lau.geojson");
    let mut all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for feature in all["features"].as_array_mut().unwrap() {
        let id = feature["properties"]["GISCO_ID"].as_str().unwrap().to_owned();
        change(&id, &mut feature["properties"]);
    }
    all.to_string()
}

/// Names the file with the population of LAUs in the configuration.
fn configure_population_file(work: &Workspace) {
    work.config("");
    let config = work.read("pipeline.toml");
    let data = "[data]\npopulation = \"raw/people.csv\"\n";
    work.write("pipeline.toml", config.replace("[data]\n", data));
}

const POPULATION: &str = "SELECT lau_id, population FROM lau ORDER BY lau_id";

fn population_comes_from_boundaries_or_a_file(warehouse: Warehouse) {
    let work = warehouse.mini();
    let of = |id: &str| match id {
        "EE_0001" => json!(4_321),
        "EE_0002" => json!("96.5"),
        "EE_0003" => json!(-9_999),
        _ => Value::Null,
    };
    work.remove("raw/lau");
    work.write(
        "raw/lau/lau.geojson",
        boundaries(|id, properties| {
            properties["POP_2019"] = json!(1);
            properties["POP_2021"] = of(id);
            properties["POP_DENS"] = json!(7);
            properties["EINWOHNER"] = json!(8);
        }),
    );
    work.ok(&["run-all"]);
    // the newest year; a negative number is none
    let newest = "lau_id,population\nEE_0001,4321\nEE_0002,97\nEE_0003,\nEE_0004,\n";
    assert_eq!(csv(&work, POPULATION), newest);
    work.config("[columns]\npopulation = \"EINWOHNER\"\n");
    work.ok(&["run-all"]);
    assert_eq!(
        csv(&work, POPULATION),
        "lau_id,population\nEE_0001,8\nEE_0002,8\nEE_0003,8\nEE_0004,8\n"
    );
    work.write("raw/people.csv", "lau_id,population\nEE_0001,10\nEE_0004,-1\nXX_1,5\n");
    configure_population_file(&work);
    work.ok(&["run-all"]);
    let from_file = "lau_id,population\nEE_0001,10\nEE_0002,\nEE_0003,\nEE_0004,\n";
    assert_eq!(csv(&work, POPULATION), from_file);
    // a changed file is read again
    work.write("raw/people.csv", "lau_id,population\nEE_0001,11\n");
    work.ok(&["run-all"]);
    assert_eq!(csv(&work, POPULATION), from_file.replace("10", "11"));
}

test_on_each_warehouse!(population_comes_from_boundaries_or_a_file);

fn area_of_a_lau_is_that_of_its_boundary(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let sql = "SELECT lau_id, area_km2 FROM lau WHERE lau_id < 'EE_0003' ORDER BY lau_id";
    // a square with sides of 2 km, which is a hole in one with sides of 10 km
    let areas = "lau_id,area_km2\nEE_0001,4\nEE_0002,96\n";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), areas);
}

test_on_each_warehouse!(area_of_a_lau_is_that_of_its_boundary);

#[test]
fn population_that_cannot_be_used_is_reported_with_its_place() {
    let work = Workspace::mini();
    configure_population_file(&work);
    work.fails(&["geojoin"], 1, &["data.population", "people.csv"]);
    for (text, words) in [
        ("lau_id,people\nEE_0001,1\n", &["data.population", "no column \"population\""][..]),
        ("lau_id,population\nEE_0001,1 234\n", &["row 1", "\"1 234\"", "without separators"]),
        ("lau_id,population\nEE_0001,1\nEE_0001,2\n", &["row 2", "EE_0001 is there twice"]),
        ("lau_id,population\n,1\n", &["row 1", "no lau_id"]),
        ("lau_id,population\n0001,1\n", &["none of its 1 id", "EE_0001"]),
    ] {
        work.write("raw/people.csv", text);
        work.fails(&["geojoin"], 1, words);
    }
    work.config("");
    work.remove("raw/lau");
    let many = boundaries(|_, properties| properties["POP_2021"] = json!("many"));
    work.write("raw/lau/lau.geojson", many);
    work.fails(&["geojoin"], 1, &["lau.geojson", "EE_0002", "\"many\" is not a number"]);
}
