//! CSV for Spark: this program reads it, by the same code as for the native engine, and writes user, cell
//! and local time as Parquet.
//!
//! Spark's own reader has other rules for quotes and knows no row numbers, and the survey has to read a
//! CSV file anyway, since nothing else tells its dates.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Int64Builder, RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::JobFile;
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::UserKey;
use crate::domain::time::EventTimeView;
use crate::events::{EventBatch, EventFile, EventReader, IdEncoder};
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::spark::JobFolder;
use crate::stages::compress::work::Work;

/// Rows that are converted at a time.
const BATCH_ROWS: usize = 1 << 16;
/// The folder of the parts.
const FOLDER: &str = "text";

/// A block of a CSV file.
struct Part<'a> {
    input: usize,
    file: &'a EventFile,
    index: usize,
    first_row: u64,
    /// Name in the folder of the job.
    name: String,
}

/// Writes the blocks of CSV files, on all cores.
///
/// # Errors
/// The first file that cannot be read; a folder or store that cannot be written.
pub fn write(
    work: &Work,
    files: &[(usize, &EventFile)],
    folder: &JobFolder,
) -> Result<Vec<JobFile>> {
    let mut parts = Vec::new();
    for (input, file) in files {
        for group in work.survey.inputs[*input].groups.iter().filter(|group| group.rows > 0) {
            let name = format!("{FOLDER}/{input:05}-{:05}.parquet", group.index);
            let (index, first_row) = (group.index, group.first_row);
            parts.push(Part { input: *input, file, index, first_row, name });
        }
    }
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let text = folder.path().join(FOLDER);
    fs::create_dir(&text).with_context(|| format!("cannot create {}", text.display()))?;
    let tasks = Tasks::new(&parts);
    on_all_cores(parts.len(), || {
        tasks.each(|part| {
            let path = folder.path().join(&part.name);
            let written = write_part(work, part, &path);
            written.with_context(|| part.file.place(part.index))
        })
    })?;
    folder.share(parts.iter().map(|part| part.name.clone()).collect())?;
    let job_file = |part: Part| JobFile {
        input: part.input,
        path: folder.shared().join(&part.name),
        first_row: part.first_row,
    };
    Ok(parts.into_iter().map(job_file).collect())
}

fn write_part(work: &Work, part: &Part, path: &Path) -> Result<()> {
    let times = part.file.times(work.settings.time.tz())?.tracking_repeats();
    let source = part.file.source(part.index)?;
    let mut reader = EventReader::open(part.file, source, part.index, times, BATCH_ROWS)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let schema = schema();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
    let (mut ids, mut batch) = (Ids::default(), EventBatch::default());
    while reader.next_batch(&mut ids, &mut batch)? {
        writer.write(&canonical(&ids, &batch, &schema)?)?;
        ids.clear();
    }
    writer.close()?;
    Ok(())
}

/// The columns that `sql/spark/events/read.sql` describes.
fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("user_key", DataType::Binary),
        field("cell_id", DataType::Utf8),
        field("local_us", DataType::Int64),
        field("repeated", DataType::Boolean),
        field("unreadable", DataType::Boolean),
    ]))
}

fn canonical(ids: &Ids, batch: &EventBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let (mut users, mut cells) = (BinaryBuilder::new(), StringBuilder::new());
    let (mut local_us, mut repeated) = (Int64Builder::new(), BooleanBuilder::new());
    let mut unreadable = BooleanBuilder::new();
    let number = |slot: &IdSlot| slot.number().map(|number| number as usize);
    for ((user, cell), time) in batch.users.iter().zip(&batch.cells).zip(&batch.times) {
        users.append_option(number(user).map(|number| &ids.users[number]));
        cells.append_option(number(cell).map(|number| &ids.cells[number]));
        let (us, again) = match time.view() {
            EventTimeView::Missing | EventTimeView::Unreadable => (None, false),
            EventTimeView::Local { us, repeated } => (Some(us), repeated),
        };
        local_us.append_option(us);
        repeated.append_value(again);
        unreadable.append_value(time.view() == EventTimeView::Unreadable);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(users.finish()),
        Arc::new(cells.finish()),
        Arc::new(local_us.finish()),
        Arc::new(repeated.finish()),
        Arc::new(unreadable.finish()),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// The ids of a batch, in the order in which they were met.
#[derive(Default)]
struct Ids {
    users: Vec<Vec<u8>>,
    cells: Vec<String>,
}

impl Ids {
    fn clear(&mut self) {
        self.users.clear();
        self.cells.clear();
    }
}

impl IdEncoder for Ids {
    fn user(&mut self, id: UserKey) -> IdSlot {
        let (kind, bytes) = match id {
            UserKey::Bytes(bytes) => (1, bytes),
            UserKey::Text(text) => (0, text.as_bytes()),
        };
        self.users.push([&[kind], bytes].concat());
        IdSlot::new(self.users.len() as u32 - 1)
    }

    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<IdSlot>,
    ) {
        out.extend((0..rows).map(|row| match id(row) {
            Some(bytes) if !bytes.is_empty() => self.user(UserKey::Bytes(bytes)),
            _ => IdSlot::MISSING,
        }));
    }

    fn cell(&mut self, id: &str) -> IdSlot {
        self.cells.push(id.to_owned());
        IdSlot::new(self.cells.len() as u32 - 1)
    }

    fn cell_number(&mut self, id: i64) -> IdSlot {
        self.cell(&id.to_string())
    }
}
