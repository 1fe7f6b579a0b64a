//! Output of commands: JSON for programs, tables for people, only data on stdout.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::Failure;

/// Writes one line to stdout; a closed pipe (`| head`) ends the process with 0.
pub fn line(text: &str) -> Result<(), Failure> {
    written(writeln!(io::stdout(), "{text}"))
}

/// Writes bytes to stdout unchanged.
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    written(io::stdout().write_all(bytes))
}

/// Buffered stdout for large output; a closed pipe ends the process with 0.
pub struct Piped(io::BufWriter<io::StdoutLock<'static>>);

impl Piped {
    /// Locks stdout.
    pub fn new() -> Self {
        Self(io::BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }
}

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_gone(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_gone(self.0.flush())
    }
}

fn unless_gone<T>(done: io::Result<T>) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}

fn written(done: io::Result<()>) -> Result<(), Failure> {
    unless_gone(done).map_err(|error| Failure::Failed(format!("stdout: {error}")))
}

/// Writes one JSON value as a line.
pub fn json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(|error| Failure::Failed(error.to_string()))?)
}

/// Writes a message to stderr.
pub fn note(text: &str) {
    // A failing stderr cannot be reported anywhere.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Reports a failure on stderr, as text or JSON.
pub fn failure(as_json: bool, failure: &Failure) {
    if as_json {
        note(&json!({"error": failure.to_string(), "exit": failure.code()}).to_string());
    } else {
        note(&format!("factfold: {failure}"));
    }
}

/// A table with a heading row.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    line(&table.to_string())
}

/// A progress bar on stderr with rate and ETA; hidden where stderr is not a terminal. `total` 0: unknown.
pub fn progress(total: u64, what: &str) -> ProgressBar {
    styled(
        total,
        what,
        "{msg} {pos}, {per_sec}, {elapsed}",
        "{msg} [{bar:30}] {pos}/{len}, {per_sec}, {eta} left",
    )
}

/// A progress bar over the bytes of a file, with rate and ETA. `total` 0: unknown.
pub fn bytes_progress(total: u64, what: &str) -> ProgressBar {
    let open = "{msg} {bytes}, {bytes_per_sec}, {elapsed}";
    styled(total, what, open, "{msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

fn styled(total: u64, what: &str, open: &str, bounded: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = if total == 0 { open } else { bounded };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what.to_owned());
    bar
}

/// Groups digits by threes: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_grouped_by_threes() {
        let grouped = [0, 999, 1_000, 1_234_567].map(super::grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }
}
