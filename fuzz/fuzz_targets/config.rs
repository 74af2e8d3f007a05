#![no_main]

#[allow(dead_code)]
#[path = "../../tests/faults/byte_parsers.rs"]
mod byte_parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    byte_parsers::config(bytes);
});
