//! Lines of a file, in a buffer that is used again.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::ops::Range;

use anyhow::Result;

use super::record_reader::MAX_RECORD_BYTES;

/// Bytes read at a time: they stay in the second-level cache until they are parsed.
const READ_BYTES: usize = 1 << 18;

/// The lines of the file are not its rows: a quoted field holds a line end, a carriage return ends
/// a row, or a line is too long.
#[derive(Debug)]
pub struct NotByLines;

impl fmt::Display for NotByLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field goes on over the end of its line; the file changed while it was read")
    }
}

impl std::error::Error for NotByLines {}

/// Reads lines one by one.
pub struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    /// What is read and not yet given out.
    held: Range<usize>,
    /// Where in the file that begins.
    at: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// `at` is the place in the file of the first byte that `from` gives.
    pub fn new(from: R, at: u64) -> Self {
        Lines { from, buffer: Vec::new(), held: 0..0, at, ended: false }
    }

    /// Where the next line begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next line, without its end; [`Lines::bytes`] gives its bytes until the next call.
    ///
    /// # Errors
    /// A file that cannot be read; [`NotByLines`] for a line of megabytes.
    pub fn next_line(&mut self) -> Result<Option<Range<usize>>> {
        let mut searched = 0;
        loop {
            let held = &self.buffer[self.held.clone()];
            if let Some(more) = memchr::memchr(b'\n', &held[searched..]) {
                let length = searched + more;
                if length >= MAX_RECORD_BYTES {
                    return Err(NotByLines.into());
                }
                return Ok(Some(self.give(length, 1)));
            }
            searched = held.len();
            if searched >= MAX_RECORD_BYTES {
                return Err(NotByLines.into());
            }
            if self.ended {
                return Ok((searched > 0).then(|| self.give(searched, 0)));
            }
            self.fill()?;
        }
    }

    fn give(&mut self, length: usize, end: usize) -> Range<usize> {
        let start = self.held.start;
        self.held.start += length + end;
        self.at += (length + end) as u64;
        let without_return = self.buffer[..start + length].ends_with(b"\r") && length > 0;
        start..start + length - usize::from(without_return)
    }

    pub fn bytes(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        self.buffer.resize(self.held.end + READ_BYTES, 0);
        loop {
            match self.from.read(&mut self.buffer[self.held.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.held.end += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let few = self.0.len().min(3).min(into.len());
            into[..few].copy_from_slice(&self.0[..few]);
            self.0 = &self.0[few..];
            Ok(few)
        }
    }

    #[test]
    fn lines_come_with_their_places_however_they_are_read() {
        let text = b"one,1\r\n\ntwo,2\nthe last";
        let mut lines = Lines::new(Slow(text), 100);
        let mut all = Vec::new();
        loop {
            let at = lines.at();
            let Some(line) = lines.next_line().unwrap() else { break };
            all.push((at, String::from_utf8_lossy(lines.bytes(line)).into_owned()));
        }
        let expected = [(100, "one,1"), (107, ""), (108, "two,2"), (114, "the last")];
        assert_eq!(all, expected.map(|(at, line)| (at, line.to_owned())));
        assert_eq!(lines.at(), 122);
    }
}
