//! The code page of a `.dbf` file, by its `.cpg` file or the language driver id in its header, as GDAL
//! reads them.

use anyhow::{Context, Result, bail};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use oem_cp::code_table_type::TableType;

const REMEDY: &str = "rewrite the shapefile in UTF-8, for example with ogr2ogr -lco ENCODING=UTF-8";

/// How bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePage {
    Stated(&'static Encoding),
    /// A code page of DOS.
    Dos(u16),
    /// A DOS code page without a decoder: only ASCII can be read.
    Unsupported(u16),
    /// Text that is valid UTF-8 is UTF-8, and other text Latin-1.
    Unstated,
}

impl CodePage {
    /// The code page by the text of a `.cpg` file; `otherwise` if it is empty or names none.
    ///
    /// # Errors
    /// An unknown name.
    pub fn of(cpg: &str, otherwise: CodePage) -> Result<Self> {
        let name = cpg.trim_matches(['\u{feff}', '\0', ' ', '\r', '\n', '\t']);
        // the last three mean the code page of the machine that wrote the file
        if ["", "system", "ansi", "oem"].contains(&&*name.to_ascii_lowercase()) {
            return Ok(otherwise);
        }
        // the id of a language driver, which GDAL writes too
        if let Some(id) = name.strip_prefix("LDID/").and_then(|id| id.trim().parse().ok()) {
            return Ok(Self::of_language_driver(id));
        }
        Self::named(name).with_context(|| {
            format!(
                "its .cpg file specifies the unknown encoding {name:?}; correct it, or {REMEDY}"
            )
        })
    }

    /// `UTF8`, `ISO-8859-1`, `88591`, `1257`, `ANSI 1252`, `OEM 850`, `windows-1257`, `latin1`.
    fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let digits = plain.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let prefix = &plain[..plain.len() - digits.len()];
        let known = ["", "ansi", "oem", "cp", "ms", "win", "windows", "ibm", "iso", "dos"];
        if known.contains(&prefix) && !digits.is_empty() {
            if let Some(part) = digits.strip_prefix("8859") {
                let part = part.trim_start_matches('0');
                return labelled(&format!("iso-8859-{part}"));
            }
            return Self::numbered(digits.parse().ok()?);
        }
        labelled(name).or_else(|| labelled(&plain))
    }

    fn numbered(number: u16) -> Option<Self> {
        match number {
            620 | 895 => Some(Self::Unsupported(number)),
            // the library of encodings has none of DOS but 866, and reads 874 as Windows does
            _ if number != 874 && dos_table(number).is_some() => Some(Self::Dos(number)),
            _ => codepage::to_encoding(number).and_then(of_bytes),
        }
    }

    /// The code page by the id in the header of a `.dbf` file, after GDAL's `ConvertCodePage`.
    pub fn of_language_driver(id: u8) -> Self {
        let number = match id {
            1 | 11 | 13 | 15 | 17 | 21 | 24 | 25 | 27 => 437,
            2 | 10 | 14 | 16 | 18 | 20 | 22 | 26 | 29 | 37 | 55 => 850,
            3 | 88 | 89 => 1252,
            4 => 10000,
            8 | 23 | 102 => 865,
            19 | 123 => 932,
            28 | 108 => 863,
            31 | 34 | 35 | 64 | 100 | 135 => 852,
            36 => 860,
            38 | 101 => 866,
            77 | 122 => 936,
            78 | 121 => 949,
            79 | 120 => 950,
            80 | 124 => 874,
            103 => 861,
            104 => 895,
            105 => 620,
            106 | 134 => 737,
            107 | 136 => 857,
            125 => 1255,
            126 => 1256,
            150 => 10007,
            200 => 1250,
            201 => 1251,
            202 => 1254,
            203 => 1253,
            204 => 1257,
            // 87 means Latin-1, but programs also write it before UTF-8
            _ => return Self::Unstated,
        };
        Self::numbered(number).unwrap_or(Self::Unstated)
    }

    /// Decodes the text of a field. If it fills the field, its last character may have been cut.
    ///
    /// # Errors
    /// Bytes that are not text in the code page.
    pub fn decode(self, bytes: &[u8], fills_field: bool) -> Result<String> {
        if bytes.is_ascii() {
            return Ok(String::from_utf8_lossy(bytes).into_owned());
        }
        let encoding = match self {
            Self::Stated(encoding) => encoding,
            Self::Dos(number) => {
                let text = dos_table(number).and_then(|table| table.decode_string_checked(bytes));
                return text.with_context(|| not_in(&format!("code page {number}")));
            }
            Self::Unsupported(number) => bail!("its text is in code page {number}; {REMEDY}"),
            Self::Unstated if whole_characters(bytes, fills_field).is_some() => UTF_8,
            Self::Unstated => WINDOWS_1252,
        };
        let text = if encoding == UTF_8 {
            whole_characters(bytes, fills_field).map(str::to_owned)
        } else {
            encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned)
        };
        text.with_context(|| not_in(encoding.name()))
    }
}

fn not_in(encoding: &str) -> String {
    format!(
        "its text is not encoded in {encoding}, which the .cpg file or the .dbf file states; put the right \
         encoding into the .cpg file, for example ISO-8859-1"
    )
}

fn dos_table(number: u16) -> Option<&'static TableType> {
    DECODING_TABLE_CP_MAP.get(&number)
}

/// The encoding of a label, if ASCII is a part of it.
fn labelled(label: &str) -> Option<CodePage> {
    Encoding::for_label(label.as_bytes()).and_then(of_bytes)
}

fn of_bytes(encoding: &'static Encoding) -> Option<CodePage> {
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    (!is_wide && encoding != encoding_rs::REPLACEMENT).then_some(CodePage::Stated(encoding))
}

/// The bytes as UTF-8, without a last character that the width of the field has cut.
fn whole_characters(bytes: &[u8], fills_field: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(e) if fills_field && e.error_len().is_none() && e.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cpg: Option<&str>, language_driver: u8, bytes: &[u8]) -> Result<String> {
        let by_id = CodePage::of_language_driver(language_driver);
        cpg.map_or(Ok(by_id), |cpg| CodePage::of(cpg, by_id))?.decode(bytes, false)
    }

    #[test]
    fn names_of_code_pages_are_read_as_gdal_reads_them() {
        for name in ["UTF8", "UTF-8", "utf-8", "65001", "CP65001", "\u{feff}UTF-8\r\n"] {
            assert_eq!(read(Some(name), 0x57, "Õis".as_bytes()).unwrap(), "Õis", "{name}");
        }
        for name in [
            "ISO88591",
            "ISO-8859-1",
            "ISO 8859-1",
            "88591",
            "8859-1",
            "latin1",
            "ANSI 1252",
            "1252",
        ] {
            assert_eq!(read(Some(name), 0, b"\xd5is").unwrap(), "Õis", "{name}");
        }
        for name in ["1257", "CP1257", "ANSI 1257", "windows-1257"] {
            assert_eq!(read(Some(name), 0, b"R\xe2da\xf0").unwrap(), "Rādaš", "{name}");
        }
        assert_eq!(read(Some("LDID/204"), 0, b"R\xe2da\xf0").unwrap(), "Rādaš");
        assert_eq!(read(Some("LDID/87"), 204, b"\xd5is").unwrap(), "Õis");
        assert_eq!(read(Some("System"), 0, b"\xd5is").unwrap(), "Õis");
        assert_eq!(read(Some("System"), 204, b"R\xe2da").unwrap(), "Rāda");
        assert!(read(Some("klingon"), 0, b"").unwrap_err().to_string().contains("klingon"));
        assert!(read(Some("UTF-16"), 0, b"").is_err());
    }

    #[test]
    fn language_driver_decides_without_a_cpg_file() {
        assert_eq!(read(None, 0x57, b"\xd5is").unwrap(), "Õis");
        assert_eq!(read(None, 0, b"\xd5is").unwrap(), "Õis");
        assert_eq!(read(None, 0, "Õis".as_bytes()).unwrap(), "Õis");
        assert_eq!(read(None, 204, b"R\xe2da").unwrap(), "Rāda");
        assert_eq!(read(None, 201, b"\xc4\xe0").unwrap(), "Да");
        let error = read(None, 104, b"\xe5is").unwrap_err().to_string();
        assert!(error.contains("code page 895") && error.contains("ENCODING=UTF-8"), "{error}");
        assert_eq!(read(None, 104, b"Ois").unwrap(), "Ois");
    }

    /// The bytes are those of Python's codecs.
    #[test]
    fn code_pages_of_dos_are_read() {
        for (id, names, bytes, text) in [
            (1, ["437", "OEM 437"], b"Z\x81rich".as_slice(), "Zürich"),
            (2, ["850", "CP850"], b"\xe5is", "Õis"),
            (31, ["852", "IBM852"], b"\x9d\xa2d\xab", "Łódź"),
            (38, ["866", "cp866"], b"\x84\xa0", "Да"),
            (101, ["866", "dos-866"], b"\x84\xa0", "Да"),
            (106, ["737", "OEM 737"], b"\x80\x9f\xe3\xa4\x98", "Αθήνα"),
            (107, ["857", "857"], b"\xa7", "ğ"),
            (8, ["865", "ibm865"], b"\x9dre", "Øre"),
            (0, ["775", "CP775"], b"R\x83da", "Rāda"),
        ] {
            for name in names {
                assert_eq!(read(Some(name), 0, bytes).unwrap(), text, "{name}");
            }
            if id > 0 {
                assert_eq!(read(None, id, bytes).unwrap(), text, "{id}");
            }
        }
    }

    #[test]
    fn text_in_another_encoding_is_an_error_and_a_cut_character_is_left_out() {
        let error = read(Some("UTF-8"), 0, b"\xd5is").unwrap_err().to_string();
        assert!(error.contains("UTF-8") && error.contains(".cpg"), "{error}");
        let cut = &"Maa Õ".as_bytes()[..5];
        let page = CodePage::of("UTF-8", CodePage::Unstated).unwrap();
        assert_eq!(page.decode(cut, true).unwrap(), "Maa ");
        assert!(page.decode(cut, false).is_err());
    }
}
