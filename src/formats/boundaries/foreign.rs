//! Files of another kind than their names say, told by their first bytes.

use anyhow::{Result, bail};

use super::Format;
use crate::formats::content::{Content, start_of};
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;

/// # Errors
/// A file that is a pointer of Git LFS, a web page, or, in place of GeoJSON, of another kind that can
/// be told; a file that cannot be read.
pub fn refuse(input: &InputFile, format: Format) -> Result<()> {
    let Some(content) = Content::of(&start_of(ByteSource::open(input)?.reader()?)) else {
        return Ok(());
    };
    match (content, format) {
        (Content::LfsPointer | Content::Html, _) => bail!(content.in_place_of_a_table()),
        (Content::EncryptedParquet, _) => bail!(content.in_place_of_a_table()),
        (_, Format::GeoPackage | Format::Shapefile | Format::Zip | Format::GeoParquet) => Ok(()),
        (Content::Gzip, _) => bail!("it is compressed with gzip; decompress it with gunzip"),
        (Content::Zstd, _) => bail!("it is compressed with Zstandard; use zstd -d"),
        (Content::Bzip2, _) => bail!("it is compressed with bzip2; decompress it with bunzip2"),
        (Content::Xz, _) => bail!("it is compressed with xz; decompress it with unxz"),
        (Content::Zip, _) => {
            bail!("it is a zip file; unzip it, or, if it holds a shapefile, name it .zip")
        }
        (Content::Sqlite, _) => bail!("it is a GeoPackage; name it .gpkg"),
        (Content::Parquet, _) => bail!("it is a Parquet file; name it .parquet"),
        (Content::Xml, _) => bail!("it is XML, not GeoJSON; convert it, for example with ogr2ogr"),
        (Content::Utf16, _) => bail!(content.in_place_of_a_table()),
        _ => Ok(()),
    }
}
