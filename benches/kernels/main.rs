//! Micro-benchmarks of the hot kernels, in process and on one thread unless said otherwise; run by
//! `make bench-kernels`. Inputs are made before the clock starts and are the same in every run.

mod compress;
mod geojoin;
mod output;
mod publication;
mod random;

fn main() {
    divan::main();
}
