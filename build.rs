//! Rebuilds the program when files are added to the folders that are embedded in it.

fn main() {
    println!("cargo:rerun-if-changed=src/output/html/assets");
    println!("cargo:rerun-if-changed=sql/views");
}
