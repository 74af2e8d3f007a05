//! Withheld numbers in formats for people: a word in place of nothing.

use arrow::datatypes::Schema;

use super::cells::{Column, Values};
use crate::datasets::published::SUPPRESSED;

/// Tells withheld numbers from values that are unknown.
pub(super) struct Withheld {
    /// The column that says in which rows a number is withheld.
    flag: Option<usize>,
    /// By column, whether its numbers may be withheld.
    is_measure: Vec<bool>,
}

impl Withheld {
    pub fn new(schema: &Schema, measures: &[String]) -> Self {
        let is_measure = schema.fields().iter().map(|field| measures.contains(field.name()));
        Withheld { flag: schema.index_of(SUPPRESSED).ok(), is_measure: is_measure.collect() }
    }

    /// The word for a cell, if it is a withheld number.
    pub fn word(&self, columns: &[Column], index: usize, row: usize) -> Option<&'static str> {
        let flag = &columns[self.flag?];
        let is_withheld =
            !flag.is_null(row) && matches!(flag.values, Values::Boolean(flags) if flags.value(row));
        (is_withheld && self.is_measure[index] && columns[index].is_null(row)).then_some(SUPPRESSED)
    }

    /// The text of a cell.
    pub fn text(
        &self,
        columns: &[Column],
        index: usize,
        row: usize,
        geometry: Option<usize>,
    ) -> String {
        match self.word(columns, index, row) {
            Some(word) => word.to_owned(),
            None => columns[index].display_text(row, geometry == Some(index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};

    use crate::output::formats::samples::{reader, rows, shown};
    use crate::output::formats::{Format, Options, cells};

    /// A withheld number, a shown one, and one that is unknown.
    fn released() -> RecordBatch {
        let laus: ArrayRef = Arc::new(StringArray::from(vec![Some("A"), Some("B"), None]));
        let devices: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1_600), None]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, false]));
        rows([("lau_id", laus), ("devices", devices), ("suppressed", flags)])
    }

    #[test]
    fn withheld_numbers_are_a_word_for_people_and_nothing_in_files() {
        let options = Options { measures: vec!["devices".to_owned()], ..Options::default() };
        for (format, expected) in [
            (
                Format::Markdown,
                "| lau_id | devices | suppressed |\n| --- | ---: | --- |\n| A | suppressed | true |\n\
                 | B | 1600 | false |\n|  |  | false |\n",
            ),
            (Format::Csv, "lau_id,devices,suppressed\nA,,true\nB,1600,false\n,,false\n"),
            (
                Format::Json,
                "[\n{\"lau_id\":\"A\",\"devices\":null,\"suppressed\":true},\n\
                 {\"lau_id\":\"B\",\"devices\":1600,\"suppressed\":false},\n\
                 {\"lau_id\":null,\"devices\":null,\"suppressed\":false}\n]\n",
            ),
        ] {
            let text = shown(format, vec![released()], &options);
            if format == Format::Json {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(json, serde_json::from_str::<serde_json::Value>(expected).unwrap());
            } else {
                assert_eq!(text.replace("\r\n", "\n"), expected);
            }
        }
        let table = shown(Format::Table, vec![released()], &options);
        assert!(table.contains("│ A      ┆ suppressed ┆ true"), "{table}");
        let vertical = Options { vertical: true, ..options };
        let text = shown(Format::Table, vec![released()], &vertical);
        assert!(text.contains("devices     suppressed\n"), "{text}");
        let found = cells(reader(vec![released()]), &vertical.measures).unwrap();
        let devices: Vec<Option<&str>> = found.iter().map(|row| row[1].as_deref()).collect();
        assert_eq!(devices, [Some("suppressed"), Some("1600"), None]);
    }
}
