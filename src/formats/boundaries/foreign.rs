//! Files of another kind than their names say, told by their first bytes.

use std::io::Read;

use anyhow::{Result, bail};

use super::Format;
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;

/// Bytes that are looked at.
const START_BYTES: u64 = 512;

/// # Errors
/// A file that is a pointer of Git LFS, a web page, or, in place of GeoJSON, of another kind that can
/// be told; a file that cannot be read.
pub fn refuse(input: &InputFile, format: Format) -> Result<()> {
    let mut start = Vec::new();
    ByteSource::open(input)?.reader()?.take(START_BYTES).read_to_end(&mut start)?;
    if start.starts_with(b"version https://git-lfs.github.com/spec/") {
        bail!("it is a pointer of Git LFS, not the file itself; fetch it with git lfs pull");
    }
    let text = String::from_utf8_lossy(&start).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        bail!("it is an HTML page, not the file itself; download it again from the right address");
    }
    if format != Format::GeoJson {
        return Ok(());
    }
    match start.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => bail!(
            "it is encoded in UTF-16; convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"
        ),
        [0x1f, 0x8b, ..] => bail!("it is compressed with gzip; decompress it with gunzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => bail!("it is compressed with Zstandard; use zstd -d"),
        [b'P', b'K', 3, 4, ..] => {
            bail!("it is a zip file; unzip it, or, if it holds a shapefile, name it .zip")
        }
        _ if start.starts_with(b"SQLite format 3") => bail!("it is a GeoPackage; name it .gpkg"),
        _ if start.starts_with(b"PAR1") => bail!("it is a Parquet file; name it .parquet"),
        _ if text.starts_with('<') => {
            bail!("it is XML, not GeoJSON; convert it, for example with ogr2ogr")
        }
        _ => Ok(()),
    }
}
