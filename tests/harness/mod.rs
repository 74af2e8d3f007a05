//! What all tests share: a workspace per test with the fixtures as inputs, the program run in it,
//! and the warehouses that the same test runs on.

mod files;
mod presence;
mod warehouse;
mod workspace;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config as ProptestConfig, RngSeed};

pub use files::{
    array, columns_as_csv, copy, mini_csv_events, mini_events, mini_events_by_user, read_table,
    write_parquet,
};
pub use presence::{PresenceRow, group_by_hour, mini_presence, read_presence};
pub(crate) use warehouse::test_on_each_warehouse;
pub use warehouse::{EXAMPLE_VIEWS, RELATIONS, VIEW_ALIASES, Warehouse};
pub use workspace::{ProgramOutput, Workspace};

/// The folder of the sources.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The expected rows of a view as CSV, from `fixtures/expected`.
pub fn expected(view: &str) -> String {
    let path = root().join("fixtures/expected").join(format!("{view}.csv"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The user ids of the mini inputs, which are no numbers.
const MINI_USERS: [&str; 6] = ["aa01", "bb02", "cc03", "dd04", "ee05", "ff06"];

/// True if a text has a user id of the mini inputs as a word. A hash or an id of an error may contain
/// their four hexadecimal digits by chance.
pub fn names_a_user(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| MINI_USERS.contains(&word))
}

#[test]
fn user_ids_are_found_as_words_and_not_within_hashes() {
    assert!(names_a_user("Cannot cast string 'aa01' to value") && names_a_user("x,ff06\n"));
    assert!(!names_a_user("(error 3aa01b7f)") && !names_a_user("sha256:0bb02"));
}

/// Runs a script that starts and stops servers; returns what it prints.
pub fn script(name: &str, args: &[&str]) -> String {
    let output = Command::new("sh").arg(root().join(name)).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{name} {args:?}: {}\n`make test` installs what it needs",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until a condition holds. Panics after four minutes, longer than anything here should take.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(240);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal such as `INT` to a process.
pub fn send_signal(process: u32, signal: &str) {
    let mut command = Command::new("kill");
    let status = command.args(["-s", signal, &process.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {signal} {process}");
}

/// Configuration of a property test whose cases take long: it runs one `divisor`-th of the usual
/// number of cases, which `PROPTEST_CASES` sets.
pub fn fraction_of_cases(divisor: u32) -> ProptestConfig {
    ProptestConfig::with_cases((ProptestConfig::default().cases / divisor).max(1))
}

#[test]
fn property_tests_have_a_fixed_seed() {
    // `.cargo/config.toml` sets it; without a seed a failure would depend on chance
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("run the tests with `cargo test`");
    assert_eq!(ProptestConfig::default().rng_seed, RngSeed::Fixed(seed.parse().unwrap()));
}
