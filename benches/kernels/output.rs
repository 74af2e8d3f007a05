//! Rows to text for `query`, and to PostgreSQL's binary form for `load`.

use std::io;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobility::output::formats::{Format, Options, write};
use mobility::warehouse::postgis::encode::Encoder;

use crate::random::Random;

const ROWS: usize = 100_000;
const PRESENCES: usize = 1_000_000;

/// Rows as those of `number-of-unique-cells-per-user`.
fn rows() -> RecordBatch {
    let mut random = Random(9);
    let mut user = || random.hash().iter().map(|b| format!("{b:02x}")).collect::<String>();
    let columns: [(&str, ArrayRef); 3] = [
        ("user_id", Arc::new(StringArray::from_iter_values((0..ROWS).map(|_| user())))),
        ("date", Arc::new(Date32Array::from(vec![19_997; ROWS]))),
        (
            "unique_cell_count",
            Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|i| i % 40))),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[divan::bench(args = [Format::Csv, Format::Json, Format::Ndjson, Format::Parquet])]
fn write_rows(bencher: Bencher, format: Format) {
    let batch = rows();
    let reader = || Box::new(RecordBatchIterator::new([Ok(batch.clone())], batch.schema()));
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(reader).bench_local_values(|rows| {
        write(format, rows, Box::new(io::sink()), &Options::default()).unwrap()
    });
}

#[divan::bench]
fn encode_presences_for_copy(bencher: Bencher) {
    let mut rows = Encoder::default();
    bencher.counter(ItemsCount::new(PRESENCES)).bench_local(|| {
        rows.bytes.clear();
        for i in 0..PRESENCES as i64 {
            rows.presence([i, i & 4_095], [1_727_769_600_000_000, 1_727_769_660_000_000], [5, 0]);
        }
        black_box(rows.bytes.len())
    });
}
