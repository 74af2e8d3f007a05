//! Looking through a file once: where it can be cut, how many rows there are, and of which days.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use super::file::{CsvEvents, with_remedy};
use super::records::Records;
use crate::domain::time::LocalDate;
use crate::domain::time::columns::Times;
use crate::domain::time::seen::Seen;
use crate::formats::csv::{NotByLines, RowError, is_compressed};
use crate::runtime::parallel::{Tasks, on_all_cores};

/// Size of the parts that a plain file is read in, on all cores: small enough that the day of a
/// country in one file makes many, and always the same, so that results do not depend on the machine.
pub const BLOCK_BYTES: u64 = 32 << 20;

/// Rows that lie together in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    pub bytes: Range<u64>,
    pub rows: u64,
    /// Days of its usable time stamps, in order.
    pub days: Vec<LocalDate>,
    /// Smallest and largest of these, local µs.
    pub range_us: Option<(i64, i64)>,
}

/// A block, with the row that ends it if it does not fit.
type Found = (Block, Option<RowError>);

impl CsvEvents {
    /// Looks through the file; time stamps after `latest_us` belong to no day. A file whose rows
    /// are lines and that is not compressed is cut into blocks of about `block_bytes`.
    ///
    /// # Errors
    /// A file that cannot be read; a row that has more or fewer fields than the header.
    pub fn survey(
        &mut self,
        times: &Times,
        latest_us: i64,
        block_bytes: u64,
    ) -> Result<Vec<Block>> {
        let place = || format!("events file {}", self.input.location);
        let by_lines = if is_compressed(&self.input.location) {
            self.stream(times, latest_us)
        } else {
            self.all_blocks(times, latest_us, block_bytes)
        };
        match by_lines.and_then(checked) {
            Ok(blocks) => {
                self.blocks = Some(blocks.clone());
                Ok(blocks)
            }
            Err(error) if error.is::<NotByLines>() => {
                let found = self.any_rows().and_then(|records| {
                    self.look(records, self.rows_start(), times.clone(), latest_us)
                });
                let found = found.and_then(|found| checked(vec![found]));
                found.map_err(with_remedy).with_context(place)
            }
            Err(error) => Err(with_remedy(error)).with_context(place),
        }
    }

    fn stream(&self, times: &Times, latest_us: i64) -> Result<Vec<Found>> {
        let records = self.decompressed_lines()?;
        Ok(vec![self.look(records, self.rows_start(), times.clone(), latest_us)?])
    }

    fn all_blocks(&self, times: &Times, latest_us: i64, block_bytes: u64) -> Result<Vec<Found>> {
        let cuts = self.input.bytes.div_ceil(block_bytes.max(1));
        let ends = (1..=cuts).map(|i| i.saturating_mul(block_bytes));
        let ends: Vec<u64> = ends.filter(|end| *end > self.rows_start()).collect();
        let tasks = Tasks::new(&ends);
        let in_vain = AtomicBool::new(false);
        let found = on_all_cores(ends.len(), || {
            let mut found = Vec::new();
            tasks.each(|end| {
                if in_vain.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let start = end - block_bytes;
                let records = if start <= self.rows_start() {
                    self.lines_from(self.rows_start())?
                } else {
                    // from one byte before, so that a line which begins right here is not left out
                    let mut records = self.lines_from(start - 1)?;
                    records.skip_rest_of_line()?;
                    records
                };
                let first = records.at();
                let block = self.look(records.until(*end), first, times.clone(), latest_us);
                let block = block.inspect_err(|_| in_vain.store(true, Ordering::Relaxed))?;
                found.push((*end, block));
                Ok(())
            })?;
            Ok(found)
        })?;
        let mut found: Vec<(u64, Found)> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(end, _)| *end);
        Ok(found.into_iter().map(|(_, block)| block).collect())
    }

    /// Reads all rows.
    fn look(
        &self,
        mut records: Records,
        start: u64,
        mut times: Times,
        latest_us: i64,
    ) -> Result<Found> {
        let mut seen = Seen::default();
        let mut bad = None;
        loop {
            match records.next_row() {
                Ok(Some([_, _, time])) => {
                    if let Some(us) = self.event_time(time, &mut times).us() {
                        seen.add(us, latest_us);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    bad = Some(error.downcast::<RowError>()?);
                    break;
                }
            }
        }
        let (days, range_us) = seen.result();
        let block = Block { bytes: start..records.at(), rows: records.rows(), days, range_us };
        Ok((block, bad))
    }
}

/// The blocks that have rows.
///
/// # Errors
/// The first row that does not fit, by its number in the file.
fn checked(found: Vec<Found>) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rows = 0;
    for (block, bad) in found {
        if let Some(bad) = bad {
            return Err(RowError { row: rows + bad.row, ..bad }.into());
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

    use super::*;
    use crate::config::Columns;
    use crate::storage::inputs::InputFile;

    fn surveyed(text: &str, block_bytes: u64) -> (CsvEvents, Result<Vec<Block>>) {
        surveyed_as("events.csv", text.as_bytes(), block_bytes)
    }

    fn surveyed_as(name: &str, text: &[u8], block_bytes: u64) -> (CsvEvents, Result<Vec<Block>>) {
        let folder = tempfile::tempdir().unwrap();
        // a name that stays good while the file is open
        let path = folder.keep().join(name);
        std::fs::write(&path, text).unwrap();
        let input = InputFile::local(path).unwrap();
        let mut file = CsvEvents::open(input, &Columns::default()).unwrap();
        let times = file.times(None).unwrap();
        let blocks = file.survey(&times, i64::MAX, block_bytes);
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
    fn a_block_knows_its_rows_and_days() {
        let text = format!(
            "{HEADER}u,1,2024-10-01 08:00:00\nu,2,2024-10-02 09:00:00\nu,3,soon\nu,4,2024-10-01 07:00:00\n"
        );
        let (_, blocks) = surveyed(&text, BLOCK_BYTES);
        let blocks = blocks.unwrap();
        let days: Vec<String> = blocks[0].days.iter().map(ToString::to_string).collect();
        assert_eq!((blocks.len(), blocks[0].rows), (1, 4));
        assert_eq!(days, ["2024-10-01", "2024-10-02"]);
        let hour = 3_600_000_000;
        let seven = 1_727_766_000_000_000;
        assert_eq!(blocks[0].range_us, Some((seven, seven + 26 * hour)));
    }

    #[test]
    fn a_row_that_does_not_fit_is_named_by_its_number_in_the_file() {
        let mut text = HEADER.to_owned();
        (0..100).for_each(|i| text.push_str(&format!("u,{i},2024-10-01 08:00:00\n")));
        text.push_str("u,100,2024-10-01 08:00:00,\nu,101\n");
        for block_bytes in [40, 700, BLOCK_BYTES] {
            let error = format!("{:#}", surveyed(&text, block_bytes).1.unwrap_err());
            assert!(error.contains("row 101: 4 fields"), "{error}");
        }
    }

    #[test]
    fn quotes_mean_the_same_in_every_piece() {
        let text = format!("{HEADER}5\" disk,1,a\"b\n\"u\"\"2\",2,\"t\"\r\n\"u\"3,\"3\",\"\"\n");
        for block_bytes in 1..80 {
            let (file, blocks) = surveyed(&text, block_bytes);
            assert!(blocks.unwrap().len() > 1 || block_bytes > 30);
            assert!(file.blocks.is_some(), "every row is a line");
            assert_eq!(rows(&file), ["5\" disk|1|a\"b", "u\"2|2|t", "u3|3|"]);
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused_in_every_piece() {
        let text = format!("{HEADER}u,1,t\nu\",2,\"\r\nu,3,t\nu,4,t\n");
        for block_bytes in 1..80 {
            for (name, text) in [
                ("a.csv", text.clone().into_bytes()),
                ("a.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap()),
            ] {
                let (file, blocks) = surveyed_as(name, &text, block_bytes);
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
        /// Whatever the text and however small the pieces, they give what the general reader gives.
        #[test]
        fn pieces_agree_with_the_general_reader(
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
                surveyed_as("events.csv.zst", &bytes, block_bytes)
            } else {
                surveyed(&text, block_bytes)
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

        /// However small the pieces, together they are the whole.
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
                // now and then a field goes on over the end of its line
                let user = if quoted == Some(i) { "\"o\nne\"" } else { field.as_str() };
                text.push_str(&format!("{user},{i},soon{ending}"));
                expected.push(format!("{}|{i}|soon", user.trim_matches('"')));
            }
            if !last_end {
                text.truncate(text.trim_end().len());
            }
            let (file, blocks) = surveyed(&text, block_bytes);
            let counted: u64 = blocks.unwrap().iter().map(|b| b.rows).sum();
            prop_assert_eq!(counted, expected.len() as u64);
            if !fields.is_empty() {
                prop_assert_eq!(rows(&file), expected);
            }
        }
    }
}
