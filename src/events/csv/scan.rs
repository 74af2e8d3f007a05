//! A scan of a CSV file finds its blocks, with the number and the dates of their rows.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use super::block::Block;
use super::file::{CsvEvents, with_remedy};
use super::records::Records;
use crate::domain::time::columns::Times;
use crate::domain::time::seen::Seen;
use crate::formats::csv::{NotByLines, RowError};
use crate::runtime::parallel::{Tasks, on_all_cores};

/// A block, and the error of the row that ends it.
type ScannedBlock = (Block, Option<RowError>);

impl CsvEvents {
    /// Scans the file. Time stamps after `latest_us` have no date. An uncompressed file whose rows are
    /// lines is split into blocks of about `block_bytes`, which are then read separately.
    ///
    /// # Errors
    /// A file that cannot be read; a row with another number of fields than the header.
    pub fn scan(&mut self, times: &Times, latest_us: i64, block_bytes: u64) -> Result<Vec<Block>> {
        let place = || format!("events file {}", self.input.location);
        let by_lines = if self.is_compressed {
            self.scan_compressed(times, latest_us)
        } else {
            self.scan_blocks(times, latest_us, block_bytes)
        };
        match by_lines.and_then(blocks_with_rows) {
            Ok(blocks) => {
                self.blocks = Some(blocks.clone());
                Ok(blocks)
            }
            Err(error) if error.is::<NotByLines>() => {
                let scanned = self.any_rows().and_then(|records| {
                    self.scan_rows(records, self.rows_start(), times.clone(), latest_us)
                });
                let blocks = scanned.and_then(|block| blocks_with_rows(vec![block]));
                blocks.map_err(with_remedy).with_context(place)
            }
            Err(error) => Err(with_remedy(error)).with_context(place),
        }
    }

    fn scan_compressed(&self, times: &Times, latest_us: i64) -> Result<Vec<ScannedBlock>> {
        let records = self.decompressed_lines()?;
        Ok(vec![self.scan_rows(records, self.rows_start(), times.clone(), latest_us)?])
    }

    fn scan_blocks(
        &self,
        times: &Times,
        latest_us: i64,
        block_bytes: u64,
    ) -> Result<Vec<ScannedBlock>> {
        let count = self.input.bytes.div_ceil(block_bytes.max(1));
        let ends = (1..=count).map(|i| i.saturating_mul(block_bytes));
        let ends: Vec<u64> = ends.filter(|end| *end > self.rows_start()).collect();
        let tasks = Tasks::new(&ends);
        let failed = AtomicBool::new(false);
        let scanned = on_all_cores(ends.len(), || {
            let mut blocks = Vec::new();
            tasks.each(|end| {
                if failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let start = end - block_bytes;
                let records = if start <= self.rows_start() {
                    self.lines_from(self.rows_start())?
                } else {
                    // one byte earlier, so that a line that begins exactly at `start` is not skipped
                    let mut records = self.lines_from(start - 1)?;
                    records.skip_rest_of_line()?;
                    records
                };
                let first = records.position();
                let block = self.scan_rows(records.until(*end), first, times.clone(), latest_us);
                let block = block.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                blocks.push((*end, block));
                Ok(())
            })?;
            Ok(blocks)
        })?;
        let mut blocks: Vec<(u64, ScannedBlock)> = scanned.into_iter().flatten().collect();
        blocks.sort_unstable_by_key(|(end, _)| *end);
        Ok(blocks.into_iter().map(|(_, block)| block).collect())
    }

    fn scan_rows(
        &self,
        mut records: Records,
        start: u64,
        mut times: Times,
        latest_us: i64,
    ) -> Result<ScannedBlock> {
        let mut seen = Seen::default();
        let mut row_error = None;
        loop {
            match records.next_row() {
                Ok(Some([_, _, time])) => {
                    if let Some(us) = self.event_time(time, &mut times).us() {
                        seen.add(us, latest_us);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    row_error = Some(error.downcast::<RowError>()?);
                    break;
                }
            }
        }
        let (dates, range_us) = seen.result();
        let bytes = start..records.position();
        let (rows, bare_dates) = (records.rows(), times.bare_dates());
        Ok((Block { bytes, rows, dates, bare_dates, range_us }, row_error))
    }
}

/// The blocks that have rows.
///
/// # Errors
/// The first invalid row, with its number in the file.
fn blocks_with_rows(scanned: Vec<ScannedBlock>) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rows = 0;
    for (block, row_error) in scanned {
        if let Some(error) = row_error {
            return Err(RowError { row: rows + error.row, ..error }.into());
        }
        rows += block.rows;
        if block.rows > 0 {
            blocks.push(block);
        }
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::BLOCK_BYTES;
    use super::*;
    use crate::config::Columns;
    use crate::storage::inputs::InputFile;

    fn scanned(text: &str, block_bytes: u64) -> (CsvEvents, Result<Vec<Block>>) {
        scanned_as("events.csv", text.as_bytes(), block_bytes)
    }

    fn scanned_as(name: &str, text: &[u8], block_bytes: u64) -> (CsvEvents, Result<Vec<Block>>) {
        let folder = tempfile::tempdir().unwrap();
        // the folder is removed by the test
        let path = folder.keep().join(name);
        std::fs::write(&path, text).unwrap();
        let input = InputFile::local(path).unwrap();
        let mut file = CsvEvents::open(input, &Columns::default()).unwrap();
        let times = file.times(None).unwrap();
        let blocks = file.scan(&times, i64::MAX, block_bytes);
        (file, blocks)
    }

    fn all(mut records: Records) -> Result<Vec<String>> {
        let mut all = Vec::new();
        while let Some(row) = records.next_row()? {
            all.push(row.map(|f| String::from_utf8_lossy(f).into_owned()).join("|"));
        }
        Ok(all)
    }

    fn rows(file: &CsvEvents) -> Vec<String> {
        let blocks = 0..file.blocks();
        let all = blocks.flat_map(|block| all(file.records(block).unwrap()).unwrap()).collect();
        remove(file);
        all
    }

    fn remove(file: &CsvEvents) {
        std::fs::remove_dir_all(file.input.location.as_path().parent().unwrap()).unwrap();
    }

    const HEADER: &str = "user_id,cell_id,timestamp\n";

    #[test]
    fn a_block_has_the_number_and_dates_of_its_rows() {
        let text = format!(
            "{HEADER}u,1,2024-10-01 08:00:00\nu,2,2024-10-02 09:00:00\nu,3,soon\nu,4,2024-10-01 07:00:00\n"
        );
        let (_, blocks) = scanned(&text, BLOCK_BYTES);
        let blocks = blocks.unwrap();
        let dates: Vec<String> = blocks[0].dates.iter().map(ToString::to_string).collect();
        assert_eq!((blocks.len(), blocks[0].rows), (1, 4));
        assert_eq!(dates, ["2024-10-01", "2024-10-02"]);
        let hour = 3_600_000_000;
        let seven = 1_727_766_000_000_000;
        assert_eq!(blocks[0].range_us, Some((seven, seven + 26 * hour)));
    }

    #[test]
    fn an_invalid_row_is_named_by_its_number_in_the_file() {
        let mut text = HEADER.to_owned();
        (0..100).for_each(|i| text.push_str(&format!("u,{i},2024-10-01 08:00:00\n")));
        text.push_str("u,100,2024-10-01 08:00:00,\nu,101\n");
        for block_bytes in [40, 700, BLOCK_BYTES] {
            let error = format!("{:#}", scanned(&text, block_bytes).1.unwrap_err());
            assert!(error.contains("row 101: 4 fields"), "{error}");
        }
    }

    #[test]
    fn quotes_mean_the_same_in_every_block() {
        let text = format!("{HEADER}5\" disk,1,a\"b\n\"u\"\"2\",2,\"t\"\r\n\"u\"3,\"3\",\"\"\n");
        for block_bytes in 1..80 {
            let (file, blocks) = scanned(&text, block_bytes);
            assert!(blocks.unwrap().len() > 1 || block_bytes > 30);
            assert!(file.blocks.is_some(), "every row is a line");
            assert_eq!(rows(&file), ["5\" disk|1|a\"b", "u\"2|2|t", "u3|3|"]);
        }
    }

    #[test]
    fn an_unclosed_quote_is_an_error_in_every_block() {
        let text = format!("{HEADER}u,1,t\nu\",2,\"\r\nu,3,t\nu,4,t\n");
        for block_bytes in 1..80 {
            for (name, text) in [
                ("a.csv", text.clone().into_bytes()),
                ("a.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap()),
            ] {
                let (file, blocks) = scanned_as(name, &text, block_bytes);
                let error = format!("{:#}", blocks.unwrap_err());
                assert!(
                    error.contains(&format!("{name}: row 2: a field begins with a quote")),
                    "{error}"
                );
                remove(&file);
            }
        }
    }

    proptest! {
        /// For any text and size of blocks, their rows are those of the general reader.
        #[test]
        fn blocks_have_the_rows_of_the_general_reader(
            start in "\u{feff}?[\r\n]{0,2}",
            header in prop::sample::select(vec![
                "user_id,cell_id,timestamp",
                "\"user_id\",cell_id,timestamp",
                "user_id,cell_id,\"timestamp\n\"",
            ]),
            ending in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            rows in "(a,a,a\n|a,\"a\",a\r\n|[a,\"\n\r]|\r\n|,,|\"\"|\u{feff}){0,20}",
            block_bytes in 1u64..60,
            compressed in any::<bool>(),
        ) {
            let text = format!("{start}{header}{ending}{rows}");
            let (file, blocks) = if compressed {
                let bytes = zstd::encode_all(text.as_bytes(), 1).unwrap();
                scanned_as("events.csv.zst", &bytes, block_bytes)
            } else {
                scanned(&text, block_bytes)
            };
            let expected = all(file.any_rows().unwrap());
            match (blocks, expected) {
                (Ok(blocks), Ok(expected)) => {
                    let counted: u64 = blocks.iter().map(|b| b.rows).sum();
                    prop_assert_eq!(counted, expected.len() as u64);
                    prop_assert_eq!(self::rows(&file), expected);
                }
                (Err(error), Err(expected)) => {
                    prop_assert_eq!(error.downcast_ref::<RowError>(), expected.downcast_ref());
                    prop_assert!(error.is::<RowError>());
                    remove(&file);
                }
                (blocks, expected) => prop_assert!(false, "{:?} {:?}", blocks, expected),
            }
        }

        /// For any size of blocks, together they have all rows.
        #[test]
        fn no_row_is_lost_or_read_twice(
            fields in prop::collection::vec("[a-c]{0,12}", 0..60),
            ending in prop::sample::select(vec!["\n", "\r\n", "\n\n"]),
            block_bytes in 1u64..80,
            quoted in prop::option::of(0usize..60),
            last_end in any::<bool>(),
        ) {
            let mut text = HEADER.to_owned();
            let mut expected = Vec::new();
            for (i, field) in fields.iter().enumerate() {
                // one field may continue on the next line
                let user = if quoted == Some(i) { "\"o\nne\"" } else { field.as_str() };
                text.push_str(&format!("{user},{i},soon{ending}"));
                expected.push(format!("{}|{i}|soon", user.trim_matches('"')));
            }
            if !last_end {
                text.truncate(text.trim_end().len());
            }
            let (file, blocks) = scanned(&text, block_bytes);
            let counted: u64 = blocks.unwrap().iter().map(|b| b.rows).sum();
            prop_assert_eq!(counted, expected.len() as u64);
            if !fields.is_empty() {
                prop_assert_eq!(rows(&file), expected);
            }
        }
    }
}
