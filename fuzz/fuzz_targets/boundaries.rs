#![no_main]

#[allow(dead_code)]
#[path = "../../tests/faults/entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    entries::boundaries(bytes);
});
