//! Inputs for libraries that require a local file.

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::byte_source::ByteSource;
use super::inputs::InputFile;
use super::location::Location;

/// A local file with the content of an input: the input itself if it is local, else a temporary copy
/// that is removed with this value.
#[derive(Debug)]
pub enum LocalCopy<'a> {
    Original(&'a Path),
    Temporary(NamedTempFile),
}

impl<'a> LocalCopy<'a> {
    /// # Errors
    /// An input that cannot be read; a temporary folder that is full.
    pub fn of(input: &'a InputFile) -> Result<Self> {
        if let Location::Local(path) = &input.location {
            return Ok(LocalCopy::Original(path));
        }
        let mut copy = NamedTempFile::new().context("cannot create a temporary file")?;
        std::io::copy(&mut ByteSource::open(input)?.reader()?, &mut copy)
            .context("cannot copy it into a temporary file")?;
        Ok(LocalCopy::Temporary(copy))
    }

    pub fn path(&self) -> &Path {
        match self {
            LocalCopy::Original(path) => path,
            LocalCopy::Temporary(copy) => copy.path(),
        }
    }
}
