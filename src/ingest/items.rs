//! The facts of a batch, cut out of NDJSON or a JSON array without copying them.

use std::io::{self, BufRead, Read};

use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;

/// The longest line of a batch, in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;
const BLOCK: usize = 256 << 10;

/// A line that cannot be a fact.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Longer than [`LINE_BYTES_MAX`]; the lines behind it are read all the same.
    #[error("the line is longer than 1 MiB")]
    TooLong,
    /// The input failed; there are no lines behind it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Lines of `input` that are not blank, with their numbers from 1, in memory bounded by the longest line.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    buffer: BytesMut,
    line: u64,
    skipping: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Reads from `input`, which needs no buffer of its own.
    pub fn new(input: R) -> Self {
        Self { input, buffer: BytesMut::new(), line: 0, skipping: false, ended: false }
    }

    fn more(&mut self) -> io::Result<()> {
        let len = self.buffer.len();
        self.buffer.resize(len + BLOCK, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(len + *read.as_ref().unwrap_or(&0));
        self.ended = matches!(read, Ok(0) | Err(_));
        read.map(drop)
    }
}

/// Where the line ends that `bytes` begin with; the standard library searches several bytes at a time only here.
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
        let mut searched = 0;
        loop {
            let end = line_end(&self.buffer[searched..]).map(|at| searched + at);
            let taken = match end {
                Some(end) => self.buffer.split_to(end + 1).freeze(),
                None if self.ended && self.buffer.is_empty() => return None,
                None if self.ended => self.buffer.split().freeze(),
                None => {
                    searched = self.buffer.len();
                    if searched > LINE_BYTES_MAX {
                        // What is skipped need not be kept.
                        self.skipping = true;
                        self.buffer.clear();
                        searched = 0;
                    }
                    if let Err(error) = self.more() {
                        self.buffer.clear();
                        return Some((self.line + 1, Err(error.into())));
                    }
                    continue;
                }
            };
            searched = 0;
            self.line += 1;
            let trimmed = taken.trim_ascii();
            if std::mem::take(&mut self.skipping) || trimmed.len() > LINE_BYTES_MAX {
                return Some((self.line, Err(LineError::TooLong)));
            }
            if !trimmed.is_empty() {
                return Some((self.line, Ok(taken.slice_ref(trimmed))));
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
/// Where and why it is no JSON array.
pub fn elements(json: Bytes) -> Result<Elements, serde_json::Error> {
    serde_json::from_slice::<Vec<IgnoredAny>>(&json)?;
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
        let too_long = LineError::TooLong.to_string();
        assert_eq!(lines(&text), [(1, "{1}".into()), (3, "{2}".into()), (4, too_long), (5, "{5}".into())]);
        assert_eq!(lines(b""), []);
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
