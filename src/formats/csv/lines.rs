//! Lines of a file, in a reused buffer.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::ops::Range;

use anyhow::Result;

use super::record_reader::MAX_RECORD_BYTES;

/// Bytes read at a time. They stay in the second-level cache until they are parsed.
const READ_BYTES: usize = 1 << 18;

/// The lines of the file are not its rows: a quoted field contains a line end, a carriage return ends a
/// row, or a line is too long.
#[derive(Debug)]
pub struct NotByLines;

impl fmt::Display for NotByLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field continues on the next line; the file changed while it was read")
    }
}

impl std::error::Error for NotByLines {}

/// Reads lines one by one.
pub struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    /// The part of the buffer that was read and not returned yet.
    held: Range<usize>,
    /// Position in the file of the next line.
    position: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// `position` is the position in the file of the first byte of `from`.
    pub fn new(from: R, position: u64) -> Self {
        Lines { from, buffer: Vec::new(), held: 0..0, position, ended: false }
    }

    /// Position in the file of the next line.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next line without its line end, for [`Lines::bytes`]; `None` at the end of the file.
    ///
    /// # Errors
    /// A file that cannot be read; [`NotByLines`] for a line that is longer than a record may be.
    pub fn next_line(&mut self) -> Result<Option<Range<usize>>> {
        let mut searched = 0;
        loop {
            let held = &self.buffer[self.held.clone()];
            if let Some(more) = memchr::memchr(b'\n', &held[searched..]) {
                let length = searched + more;
                if length >= MAX_RECORD_BYTES {
                    return Err(NotByLines.into());
                }
                return Ok(Some(self.consume(length, 1)));
            }
            searched = held.len();
            if searched >= MAX_RECORD_BYTES {
                return Err(NotByLines.into());
            }
            if self.ended {
                return Ok((searched > 0).then(|| self.consume(searched, 0)));
            }
            self.fill()?;
        }
    }

    fn consume(&mut self, length: usize, line_end: usize) -> Range<usize> {
        let start = self.held.start;
        self.held.start += length + line_end;
        self.position += (length + line_end) as u64;
        let has_return = self.buffer[..start + length].ends_with(b"\r") && length > 0;
        start..start + length - usize::from(has_return)
    }

    /// The bytes of the line that was returned last.
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

    /// Returns a few bytes at a time.
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
    fn lines_and_positions_do_not_depend_on_the_size_of_reads() {
        let text = b"one,1\r\n\ntwo,2\nthe last";
        let mut lines = Lines::new(Slow(text), 100);
        let mut all = Vec::new();
        loop {
            let position = lines.position();
            let Some(line) = lines.next_line().unwrap() else { break };
            all.push((position, String::from_utf8_lossy(lines.bytes(line)).into_owned()));
        }
        let expected = [(100, "one,1"), (107, ""), (108, "two,2"), (114, "the last")];
        assert_eq!(all, expected.map(|(at, line)| (at, line.to_owned())));
        assert_eq!(lines.position(), 122);
    }
}
