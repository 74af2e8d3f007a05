//! Looking through a file once: where it can be cut, how many rows there are, and of which days.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use super::file::{CsvEvents, with_remedy};
use super::records::{NotByLines, Records, RowError};
use crate::domain::time::LocalDate;
use crate::domain::time::columns::Times;
use crate::domain::time::seen::Seen;
use crate::formats::csv::{decoded, is_compressed};
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
                let records = Records::of_any(decoded(&self.input)?, self.layout());
                let found = self.look(records, 0, times.clone(), latest_us);
                let found = found.and_then(|found| checked(vec![found]));
                found.map_err(with_remedy).with_context(place)
            }
            Err(error) => Err(with_remedy(error)).with_context(place),
        }
    }

    fn stream(&self, times: &Times, latest_us: i64) -> Result<Vec<Found>> {
        let records = Records::of_lines(decoded(&self.input)?, 0, self.layout());
        Ok(vec![self.look(records, 0, times.clone(), latest_us)?])
    }

    fn all_blocks(&self, times: &Times, latest_us: i64, block_bytes: u64) -> Result<Vec<Found>> {
        let cuts = self.input.bytes.div_ceil(block_bytes.max(1));
        let starts: Vec<u64> = (0..cuts).map(|i| i * block_bytes).collect();
        let tasks = Tasks::new(&starts);
        let in_vain = AtomicBool::new(false);
        let found = on_all_cores(starts.len(), || {
            let mut found = Vec::new();
            tasks.each(|start| {
                if in_vain.load(Ordering::Relaxed) {
                    return Ok(());
                }
                // from one byte before, so that a line which begins right here is not left out
                let from = start.saturating_sub(1);
                let mut records = Records::of_lines(self.from(from)?, from, self.layout());
                if *start > 0 {
                    records.skip_rest_of_line()?;
                }
                let (first, end) = (records.at(), start.saturating_add(block_bytes));
                let block = self.look(records.until(end), first, times.clone(), latest_us);
                let block = block.inspect_err(|_| in_vain.store(true, Ordering::Relaxed))?;
                found.push((*start, block));
                Ok(())
            })?;
            Ok(found)
        })?;
        let mut found: Vec<(u64, Found)> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(start, _)| *start);
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
                Ok(Some([_, _, time])) => seen.add(self.local_us(time, &mut times), latest_us),
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
        let folder = tempfile::tempdir().unwrap();
        // a name that stays good while the file is open
        let path = folder.keep().join("events.csv");
        std::fs::write(&path, text).unwrap();
        let input = InputFile::local(path).unwrap();
        let mut file = CsvEvents::open(input, &Columns::default()).unwrap();
        let times = file.times(None).unwrap();
        let blocks = file.survey(&times, i64::MAX, block_bytes);
        (file, blocks)
    }

    fn rows(file: &CsvEvents) -> Vec<String> {
        let mut all = Vec::new();
        for block in 0..file.blocks() {
            let mut records = file.records(block).unwrap();
            while let Some(row) = records.next_row().unwrap() {
                all.push(row.map(|f| String::from_utf8_lossy(f).into_owned()).join("|"));
            }
        }
        std::fs::remove_dir_all(file.input.location.as_path().parent().unwrap()).unwrap();
        all
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

    proptest! {
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
