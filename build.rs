//! A file that is new among the assets has to get into the program.

fn main() {
    println!("cargo:rerun-if-changed=src/output/html/assets");
}
