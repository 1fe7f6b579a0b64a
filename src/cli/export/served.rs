//! An export from a running server, streamed. After a lost connection or an end of its own it goes on behind the last
//! position, of the log as it was when it began.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use domain::keys::Position;
use domain::record::Hash;
use domain::rules::calendar::Bound;
use indicatif::ProgressBar;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::super::remote::{Remote, Unanswered, each_line, refused, stranger};
use super::super::{Failure, output};
use super::file::ExportFile;
use super::manifest::{BridgedRun, LogHead};
use super::partial::Partial;
use crate::ingest::items::EXPORT_LINE_BYTES_MAX;
use crate::views::export_scan::ExportSelection;

/// Wait between two attempts to reconnect.
const PAUSE: Duration = Duration::from_secs(1);
/// Attempts to reconnect that may fail in a row.
const TRIES_MAX: u32 = 60;

/// What a line of the stream is read for.
#[derive(Deserialize)]
struct Line {
    /// First of all: how far the log goes that is exported.
    log: Option<LogHead>,
    /// Leaves of facts that no export shows.
    bridge: Option<BridgedRun>,
    /// Last of all: the position up to which all was sent.
    end: Option<End>,
    /// Of a fact.
    position: Option<Position>,
    leaf: Option<String>,
}

#[derive(Deserialize)]
struct End {
    position: Position,
}

/// Reads what the server has, and how far its log goes; with `partial` what is not there yet.
pub async fn read<W: Write>(
    selection: &ExportSelection,
    remote: &Remote,
    file: &mut ExportFile<W>,
    partial: Option<&mut Partial>,
) -> Result<LogHead, Failure> {
    remote.is_there().await?;
    let bar = output::progress(0, "exporting");
    let (head, after) = partial.as_ref().map_or((None, 0), |partial| (partial.head.clone(), partial.after));
    let mut stream = Stream { remote, selection, file, head, after, partial, bar };
    let mut failed = 0;
    loop {
        let before = stream.after;
        match stream.once().await {
            Ok(()) => break,
            Err(Unanswered::Never(failure)) => return Err(failure),
            Err(Unanswered::Broken(why)) => {
                failed = if stream.after > before { 1 } else { failed + 1 };
                if failed > TRIES_MAX {
                    return Err(remote.gone(&why));
                }
                if failed == 1 {
                    output::note(&format!("{why}; goes on behind position {}", stream.after));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    stream.bar.finish_and_clear();
    stream.head.ok_or_else(stranger)
}

struct Stream<'a, W: Write> {
    remote: &'a Remote,
    selection: &'a ExportSelection,
    file: &'a mut ExportFile<W>,
    /// How far the log went at the first answer: all that is exported.
    head: Option<LogHead>,
    /// The last position that was written.
    after: Position,
    /// What is noted beside a file.
    partial: Option<&'a mut Partial>,
    bar: ProgressBar,
}

impl<W: Write> Stream<'_, W> {
    fn path(&self) -> String {
        let ExportSelection { tenant, kind, provider, from, to, raw } = self.selection;
        let bound = |bound: Bound| match bound {
            Bound::Instant(at) => at.to_string(),
            Bound::Day(day) => day.to_string(),
        };
        let up_to = self.head.as_ref().map(|head| head.position.to_string());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kind.and_then(domain::facts::kind_name).map(|kind| ("kind", kind)))
            .extend_pairs(provider.as_deref().map(|provider| ("provider", provider)))
            .extend_pairs(from.map(|from| ("from", bound(from))))
            .extend_pairs(to.map(|to| ("to", bound(to))))
            .extend_pairs(raw.then_some(("raw", "true")))
            .extend_pairs((self.after > 0).then(|| ("after", self.after.to_string())))
            .extend_pairs(up_to.map(|up_to| ("up_to", up_to)))
            .finish();
        let route = match tenant {
            Some(tenant) => format!("/api/v1/tenants/{tenant}/facts/export"),
            None => "/api/v1/log/export".to_owned(),
        };
        format!("{route}?{query}")
    }

    /// Reads one answer to its end.
    async fn once(&mut self) -> Result<(), Unanswered> {
        let response = self.remote.ask(Method::GET, &self.path()).send().await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response).await);
        }
        each_line(response, EXPORT_LINE_BYTES_MAX, |line| self.line(line)).await
    }

    fn reached(&mut self, position: Position) {
        self.after = position;
        if let Some(partial) = &mut self.partial {
            partial.after = position;
        }
    }

    /// Takes a line; the last one breaks.
    fn line(&mut self, json: &[u8]) -> Result<ControlFlow<()>, Failure> {
        let line: Line = serde_json::from_slice(json).map_err(|_| stranger())?;
        match line {
            Line { log: Some(log), .. } => {
                if self.head.as_ref().is_some_and(|head| *head != log) {
                    return Err(Failure::Integrity(format!(
                        "the server's log has another root up to position {} than when the export began",
                        log.position
                    )));
                }
                self.bar.set_length(log.position);
                if let Some(partial) = self.partial.as_mut().filter(|_| self.head.is_none()) {
                    partial.begins(&log)?;
                }
                self.head = Some(log);
            }
            Line { bridge: Some(run), .. } => {
                if let Some(partial) = &mut self.partial {
                    partial.bridged(&run)?;
                }
                for (position, leaf) in (run.first_position..).zip(run.leaves) {
                    self.file.bridged(position, leaf);
                    self.reached(position);
                }
            }
            Line { end: Some(end), .. } => {
                let is_whole = self.head.as_ref().is_some_and(|head| head.position == end.position);
                return is_whole.then_some(ControlFlow::Break(())).ok_or_else(stranger);
            }
            Line { position: Some(position), leaf: Some(text), .. } => {
                let mut leaf = Hash::default();
                hex::decode_to_slice(&text, &mut leaf).map_err(|_| stranger())?;
                self.file.fact(position, leaf, json)?;
                self.reached(position);
                self.bar.set_position(position);
            }
            Line { .. } => return Err(stranger()),
        }
        Ok(ControlFlow::Continue(()))
    }
}
