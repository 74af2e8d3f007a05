//! The records of a `.dbf` file: fields of fixed width in the code page that the file or the `.cpg`
//! file beside it states.
//!
//! The `dbase` crate replaces what it cannot decode and passes over deleted records, so that the
//! records after one belong to other shapes.

use std::io::{Read, Seek, SeekFrom};

use anyhow::{Context, Result, bail};

use super::code_page::CodePage;

const HEADER_BYTES: usize = 32;
const FIELD_BYTES: usize = 32;
const END_OF_FIELDS: u8 = 0x0d;
const DELETED: u8 = b'*';

/// A column of the table.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    kind: u8,
    /// Position in a record.
    start: usize,
    length: usize,
}

/// A `.dbf` file, read record by record.
pub struct Table<R> {
    file: R,
    pub fields: Vec<Field>,
    /// Records according to the header, including deleted ones.
    pub records: usize,
    page: CodePage,
    record: Vec<u8>,
}

impl<R: Read + Seek> Table<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// A file that is not a table.
    pub fn open(mut file: R) -> Result<Self> {
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let records = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let start = u16::from_le_bytes([header[8], header[9]]);
        let length = usize::from(u16::from_le_bytes([header[10], header[11]]));
        let mut descriptions = vec![0; usize::from(start).saturating_sub(HEADER_BYTES)];
        file.read_exact(&mut descriptions)?;
        let mut fields = Vec::new();
        // the first byte of a record states whether it is deleted
        let mut end = 1;
        for field in descriptions.chunks_exact(FIELD_BYTES) {
            if field[0] == END_OF_FIELDS {
                break;
            }
            let name = field[..11].split(|b| *b == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).trim().to_owned();
            fields.push(Field { name, kind: field[11], start: end, length: field[16].into() });
            end += usize::from(field[16]);
        }
        if fields.is_empty() || length < end {
            bail!("its header is damaged");
        }
        file.seek(SeekFrom::Start(start.into()))?;
        let page = CodePage::of_language_driver(header[29]);
        Ok(Table { file, fields, records, page, record: vec![0; length] })
    }

    /// Takes the code page from the text of a `.cpg` file.
    ///
    /// # Errors
    /// A code page that is unknown.
    pub fn set_code_page(&mut self, cpg: &str) -> Result<()> {
        self.page = CodePage::of(cpg, self.page)?;
        Ok(())
    }

    /// Reads the next record. False if it is deleted.
    ///
    /// # Errors
    /// A file that ends before it.
    pub fn advance(&mut self) -> Result<bool> {
        self.file.read_exact(&mut self.record).context("it ends early")?;
        Ok(self.record[0] != DELETED)
    }

    /// The text of a field of the current record; numbers without leading zeros and spaces.
    ///
    /// # Errors
    /// Bytes that are not text in the code page; the message names the remedy.
    pub fn text(&self, field: &Field) -> Result<Option<String>> {
        let bytes = &self.record[field.start..field.start + field.length];
        let trimmed = trim(bytes);
        Ok(match field.kind {
            b'C' if trimmed.is_empty() => None,
            b'C' => {
                let is_full = trimmed.last() == bytes.last() && bytes.last() != Some(&b' ');
                let text = self.page.decode(trimmed, is_full);
                Some(text.with_context(|| format!("column {}", field.name))?)
            }
            b'N' | b'F' => {
                let number = std::str::from_utf8(trimmed).ok().and_then(|n| n.parse::<f64>().ok());
                number.map(|number| number.to_string())
            }
            b'I' | b'+' => bytes.try_into().ok().map(|bytes| i32::from_le_bytes(bytes).to_string()),
            b'B' | b'O' => bytes.try_into().ok().map(|bytes| f64::from_le_bytes(bytes).to_string()),
            b'L' | b'D' | b'T' | b'@' => None,
            other => bail!(
                "column {} has the type {:?}, whose text is in another file; rewrite the file, for example with ogr2ogr",
                field.name,
                char::from(other)
            ),
        })
    }
}

/// Without the spaces and zero bytes that fill a field.
fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    bytes.trim_ascii()
}
