//! A workbook with one sheet. Rows go to a temporary file, so that memory does not grow with them.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use chrono::DateTime;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format as Style, Worksheet};

use super::cells::{self, Column, Values};
use super::{Options, RowWriter, geometry};
use crate::errors::UsageError;

/// Rows of a sheet, the header included.
const MAX_ROWS: u32 = 1_048_576;
/// Characters in a cell, and in the name of a sheet.
const MAX_TEXT: usize = 32_767;
const MAX_NAME: usize = 31;
/// Greater integers have no exact number in a spreadsheet and are written as text.
const MAX_EXACT: u64 = 1 << 53;
/// 1 January 1970 in days of a spreadsheet, which has no days before March 1900.
const EPOCH: f64 = 25_569.0;
const FIRST_DAY: f64 = 61.0;
const MICROSECONDS_PER_DAY: f64 = 86_400e6;

pub(super) struct Workbook<'a> {
    out: &'a mut (dyn Write + Send),
    book: rust_xlsxwriter::Workbook,
    date: Style,
    time: Style,
    geometry: Option<usize>,
    row: u32,
}

impl<'a> Workbook<'a> {
    /// # Errors
    /// A temporary file that cannot be created.
    pub fn new(
        schema: &Schema,
        out: &'a mut (dyn Write + Send),
        options: &Options,
    ) -> Result<Self> {
        let mut book = rust_xlsxwriter::Workbook::new();
        let seconds =
            options.loaded_at.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let created = ExcelDateTime::from_timestamp(seconds.unwrap_or_default().timestamp())?;
        let mut properties = DocProperties::new().set_creation_datetime(&created);
        if let Some(title) = &options.title {
            properties = properties.set_title(title);
        }
        if let Some(remark) = &options.remark {
            properties = properties.set_comment(remark);
        }
        book.set_properties(&properties);
        let sheet = book.add_worksheet_with_constant_memory()?;
        sheet.set_name(sheet_name(options.layer.as_deref().unwrap_or("rows")))?;
        sheet.set_freeze_panes(1, 0)?;
        let heading = Style::new().set_bold();
        for (index, field) in schema.fields().iter().enumerate() {
            let column = place(index)?;
            let width = field.name().chars().count().clamp(11, 40) + 2;
            sheet.set_column_width(column, width as f64)?;
            sheet.write_string_with_format(0, column, field.name(), &heading)?;
        }
        Ok(Workbook {
            out,
            book,
            date: Style::new().set_num_format("yyyy-mm-dd"),
            time: Style::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            geometry: geometry::column(schema),
            row: 1,
        })
    }
}

impl RowWriter for Workbook<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        let sheet = self.book.worksheet_from_index(0)?;
        for row in 0..batch.num_rows() {
            if self.row >= MAX_ROWS {
                return Err(anyhow!(UsageError(
                    "a sheet of a workbook holds at most 1,048,575 rows; use --limit or a filter, or \
                     another format, such as csv or parquet"
                        .to_owned()
                )));
            }
            for (index, column) in columns.iter().enumerate() {
                let is_geometry = self.geometry == Some(index);
                let cell = Cell { sheet, row: self.row, column: place(index)? };
                cell.write(column, row, is_geometry, (&self.date, &self.time))
                    .with_context(|| format!("row {}, column {}", self.row, index + 1))?;
            }
            self.row += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.book.save_to_writer(&mut *self.out).context("cannot write the workbook")
    }
}

/// A cell that is to be written.
struct Cell<'a> {
    sheet: &'a mut Worksheet,
    row: u32,
    column: u16,
}

impl Cell<'_> {
    /// Writes numbers, dates and truth values as such and everything else as text, which a spreadsheet
    /// never takes for a formula.
    fn write(
        self,
        column: &Column,
        row: usize,
        is_geometry: bool,
        (date, time): (&Style, &Style),
    ) -> Result<()> {
        if column.is_null(row) {
            return Ok(());
        }
        match &column.values {
            Values::Boolean(array) => {
                self.sheet.write_boolean(self.row, self.column, array.value(row))?;
                return Ok(());
            }
            Values::Integer(array) if array.value(row).unsigned_abs() <= MAX_EXACT => {
                return self.number(array.value(row) as f64, None);
            }
            Values::Unsigned(array) if array.value(row) <= MAX_EXACT => {
                return self.number(array.value(row) as f64, None);
            }
            Values::Single(array) if array.value(row).is_finite() => {
                return self.number(array.value(row).into(), None);
            }
            Values::Double(array) if array.value(row).is_finite() => {
                return self.number(array.value(row), None);
            }
            Values::Decimal(_) => {
                if let Ok(number) = column.text(row).parse() {
                    return self.number(number, None);
                }
            }
            Values::Date(array) => {
                let day = f64::from(array.value(row)) + EPOCH;
                if day >= FIRST_DAY {
                    return self.number(day, Some(date));
                }
            }
            Values::Timestamp { array, zoned: false } => {
                let day = array.value(row) as f64 / MICROSECONDS_PER_DAY + EPOCH;
                if day >= FIRST_DAY {
                    return self.number(day, Some(time));
                }
            }
            _ => {}
        }
        let text = column.display_text(row, is_geometry);
        if text.chars().count() > MAX_TEXT {
            return Err(anyhow!(UsageError(format!(
                "a cell of a workbook holds at most {MAX_TEXT} characters; use another format, such as csv"
            ))));
        }
        self.sheet.write_string(self.row, self.column, text)?;
        Ok(())
    }

    fn number(self, number: f64, style: Option<&Style>) -> Result<()> {
        match style {
            Some(style) => {
                self.sheet.write_number_with_format(self.row, self.column, number, style)?
            }
            None => self.sheet.write_number(self.row, self.column, number)?,
        };
        Ok(())
    }
}

fn place(index: usize) -> Result<u16> {
    u16::try_from(index).context("a sheet of a workbook has at most 16,384 columns")
}

/// The name without the characters that a sheet may not have in it.
fn sheet_name(name: &str) -> String {
    name.chars().filter(|c| !"[]:*?/\\'".contains(*c)).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::output::formats::Format;
    use crate::output::formats::samples::{bytes, every_type, rows};

    /// A part of a workbook.
    fn part(workbook: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(workbook.to_vec())).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn numbers_dates_and_texts_are_typed_cells() {
        let options = Options { layer: Some("every/type".to_owned()), ..Options::default() };
        let written = bytes(Format::Xlsx, vec![every_type()], &options);
        assert!(written == bytes(Format::Xlsx, vec![every_type()], &options), "not reproducible");
        let sheet = part(&written, "xl/worksheets/sheet1.xml");
        assert!(sheet.contains("<t>Jõgeva</t>"), "{sheet}");
        assert!(sheet.contains("<v>-7</v>") && sheet.contains("<v>123.45</v>"), "{sheet}");
        // 2024-10-01, and 08:00 on that day
        assert!(sheet.contains("<v>45566</v>"), "{sheet}");
        assert!(sheet.contains("<v>45566.333333333"), "{sheet}");
        assert!(sheet.contains("<t>18446744073709551615</t>"), "{sheet}");
        let book = part(&written, "xl/workbook.xml");
        assert!(book.contains("name=\"everytype\""), "{book}");
    }

    #[test]
    fn text_like_a_formula_stays_text() {
        let names: arrow::array::ArrayRef =
            std::sync::Arc::new(arrow::array::StringArray::from(vec!["=1+1"]));
        let written = bytes(Format::Xlsx, vec![rows([("name", names)])], &Options::default());
        let sheet = part(&written, "xl/worksheets/sheet1.xml");
        assert!(sheet.contains("<t>=1+1</t>") && !sheet.contains("<f>"), "{sheet}");
    }
}
