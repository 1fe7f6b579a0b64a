//! Splits a batch, NDJSON or a JSON array, into its facts without copying them.

use std::io::{self, BufRead, Read};

use bytes::{Bytes, BytesMut};
use domain::json::without_byte_order_mark;
use serde::de::IgnoredAny;

/// The longest line of a batch, in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// The longest line of an export, in bytes: it may hold a delivery of 1 MiB, which as a JSON text is up to six times as
/// long.
pub const EXPORT_LINE_BYTES_MAX: usize = 10 << 20;
const BLOCK: usize = 256 << 10;

/// A line that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Longer than so many MiB; the lines after it can be read.
    #[error("the line is longer than {0} MiB")]
    TooLong(usize),
    /// The input failed; there are no further lines.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts lines out of a text that comes in pieces, in memory bounded by the longest line. Blank lines are skipped, but
/// counted.
#[derive(Debug)]
pub struct Cutter {
    max: usize,
    buffer: BytesMut,
    searched: usize,
    line: u64,
    /// Bytes up to the end of the last line that was cut.
    cut: u64,
    skipping: bool,
}

impl Default for Cutter {
    fn default() -> Self {
        Self { max: LINE_BYTES_MAX, buffer: BytesMut::new(), searched: 0, line: 0, cut: 0, skipping: false }
    }
}

impl Cutter {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole line with its number from 1; none until another piece brings its end.
    pub fn next_line(&mut self) -> Option<(u64, Result<Bytes, LineError>)> {
        loop {
            let Some(at) = line_end(&self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                if self.searched > self.max {
                    // Why cleared: an endless line must not fill memory; only its end is still looked for.
                    self.skipping = true;
                    self.cut += self.buffer.len() as u64;
                    self.buffer.clear();
                    self.searched = 0;
                }
                return None;
            };
            let taken = self.buffer.split_to(self.searched + at + 1).freeze();
            self.searched = 0;
            if let Some(line) = self.take(&taken) {
                return Some(line);
            }
        }
    }

    /// The text after the last line break, once the input has ended.
    pub fn last_line(&mut self) -> Option<(u64, Result<Bytes, LineError>)> {
        let rest = self.buffer.split().freeze();
        self.searched = 0;
        if rest.is_empty() && !self.skipping { None } else { self.take(&rest) }
    }

    fn take(&mut self, taken: &Bytes) -> Option<(u64, Result<Bytes, LineError>)> {
        self.line += 1;
        self.cut += taken.len() as u64;
        // Each of several files that were put together may have its mark.
        let trimmed = without_byte_order_mark(taken.trim_ascii()).trim_ascii();
        if std::mem::take(&mut self.skipping) || trimmed.len() > self.max {
            return Some((self.line, Err(LineError::TooLong(self.max >> 20))));
        }
        (!trimmed.is_empty()).then(|| (self.line, Ok(taken.slice_ref(trimmed))))
    }
}

/// Lines of `input` that are not blank, with their numbers from 1.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    cutter: Cutter,
    block: Vec<u8>,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of `input`, which needs no buffer of its own.
    pub fn new(input: R) -> Self {
        Self { input, cutter: Cutter::default(), block: vec![0; BLOCK], ended: false }
    }

    /// Allows lines as long as an export's.
    #[must_use]
    pub fn of_exports(mut self) -> Self {
        self.cutter.max = EXPORT_LINE_BYTES_MAX;
        self
    }

    /// Continues an input of which so many lines and bytes were read before.
    #[must_use]
    pub fn after(mut self, line: u64, bytes: u64) -> Self {
        (self.cutter.line, self.cutter.cut) = (line, bytes);
        self
    }

    /// What is read.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// Bytes of the input up to the end of the last line that was handed out.
    pub fn bytes(&self) -> u64 {
        self.cutter.cut
    }

    fn more(&mut self) -> io::Result<()> {
        let read = loop {
            match self.input.read(&mut self.block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.ended = matches!(read, Ok(0) | Err(_));
        self.cutter.push(&self.block[..*read.as_ref().unwrap_or(&0)]);
        read.map(drop)
    }
}

/// Index of the first line break in `bytes`. Why `skip_until`: it is the standard library's only search that looks at
/// several bytes at a time.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    // Reading from memory never fails.
    let skipped = rest.skip_until(b'\n').unwrap_or_default();
    let last = skipped.checked_sub(1)?;
    (bytes[last] == b'\n').then_some(last)
}

impl<R: Read> Iterator for Lines<R> {
    type Item = (u64, Result<Bytes, LineError>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.cutter.next_line() {
                return Some(line);
            }
            if self.ended {
                return self.cutter.last_line();
            }
            if let Err(error) = self.more() {
                return Some((self.cutter.line + 1, Err(error.into())));
            }
        }
    }
}

/// The elements of a JSON array, each as it stands there.
#[derive(Debug)]
pub struct Elements {
    json: Bytes,
    at: usize,
}

/// Checks that `json` is one array from end to end, so that a broken one records nothing, and cuts it.
///
/// # Errors
/// The text is not a JSON array: where and why.
pub fn elements(json: Bytes) -> Result<Elements, serde_json::Error> {
    serde_json::from_slice::<Vec<IgnoredAny>>(without_byte_order_mark(&json))?;
    let at = json.iter().position(|byte| *byte == b'[').map_or(json.len(), |at| at + 1);
    Ok(Elements { json, at })
}

impl Iterator for Elements {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
        let from = self.at;
        while let Some(byte) = self.json.get(self.at).copied() {
            let end = !quoted && depth == 0 && matches!(byte, b',' | b']');
            self.at += 1;
            if end {
                let element = self.json[from..self.at - 1].trim_ascii();
                let element = self.json.slice_ref(element);
                if byte == b']' {
                    self.at = self.json.len();
                }
                return (!element.is_empty()).then_some(element);
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String)> {
        let shown = |line: Result<Bytes, LineError>| match line {
            Ok(line) => String::from_utf8_lossy(&line).into_owned(),
            Err(error) => error.to_string(),
        };
        Lines::new(text).map(|(number, line)| (number, shown(line))).collect()
    }

    #[test]
    fn lines_keep_their_numbers_past_blank_and_endless_ones() {
        let mut text = b"{1}\r\n\n  {2} \n".to_vec();
        text.extend(vec![b'x'; 3 * LINE_BYTES_MAX]);
        text.extend(b"\n{5}");
        let too_long = LineError::TooLong(1).to_string();
        assert_eq!(lines(&text), [(1, "{1}".into()), (3, "{2}".into()), (4, too_long), (5, "{5}".into())]);
        assert_eq!(lines(b""), []);
        let mut read = Lines::new(&text[..]);
        let ends: Vec<u64> = std::iter::from_fn(|| read.next().map(|_| read.bytes())).collect();
        let all = text.len() as u64;
        assert_eq!(ends, [5, 13, all - 3, all], "each line ends where the next begins");
        let rest = Lines::new(&text[13..]).after(3, 13).map(|(number, _)| number);
        assert_eq!(rest.collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn elements_are_cut_where_the_parser_cuts_them() {
        let json = r#" [ {"a":"],[\"\\"} , [1,[2]],"x,]" ,3 ] "#;
        let cut: Vec<String> = elements(Bytes::from(json))
            .expect("an array")
            .map(|element| String::from_utf8_lossy(&element).into_owned())
            .collect();
        assert_eq!(cut, [r#"{"a":"],[\"\\"}"#, "[1,[2]]", "\"x,]\"", "3"]);
        assert_eq!(elements(Bytes::from("[ ]")).expect("an array").count(), 0);
        for broken in ["", "{}", "[1", "[1,]", "[1] 2"] {
            assert!(elements(Bytes::from(broken)).is_err(), "{broken}");
        }
    }
}
