//! Inputs for libraries that want a file on this machine.

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::inputs::InputFile;
use crate::storage::{Location, Source};

/// An input as a file: itself where it is one, else a temporary copy, gone with this value.
#[derive(Debug)]
pub enum LocalCopy<'a> {
    Itself(&'a Path),
    Copied(NamedTempFile),
}

impl<'a> LocalCopy<'a> {
    /// # Errors
    /// An input that cannot be read, a temporary folder that is full.
    pub fn of(input: &'a InputFile) -> Result<Self> {
        if let Location::Local(path) = &input.location {
            return Ok(LocalCopy::Itself(path));
        }
        let mut copy = NamedTempFile::new().context("cannot make a temporary file")?;
        std::io::copy(&mut Source::open(input)?.reader()?, &mut copy)
            .context("cannot copy it into a temporary file")?;
        Ok(LocalCopy::Copied(copy))
    }

    pub fn path(&self) -> &Path {
        match self {
            LocalCopy::Itself(path) => path,
            LocalCopy::Copied(copy) => copy.path(),
        }
    }
}
