//! An export of a server that was stopped goes on where it was: its lines lie in `FILE.part`, and in `FILE.part.notes` what
//! lines do not tell: what was asked for, how far the log went then, and the leaves of facts that no export shows.
//!
//! A kill may leave either of the two behind the other. So only what follows without a gap is taken, and the rest is asked
//! for again; both are written over by themselves, so that another kill changes nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use domain::keys::Position;
use domain::record::Hash;
use serde::{Deserialize, Serialize};

use super::super::{Failure, output};
use super::file::{ExportFile, Format};
use super::manifest::{BridgedRun, LogHead, Manifest, Selected};
use crate::views::export_scan::ExportSelection;

/// The first of the notes.
#[derive(Serialize, Deserialize)]
struct Asked {
    selection: Selected,
    log: LogHead,
}

/// What a line of the lines is read for.
#[derive(Deserialize)]
struct Line {
    position: Position,
    leaf: String,
}

/// Leaves of facts that no export shows, by position.
type Bridge = Vec<(Position, Hash)>;

/// What there is of an export, and the notes that go on.
pub struct Partial {
    notes: File,
    selection: Selected,
    /// How far the log went at the first answer; none before.
    pub head: Option<LogHead>,
    /// The last position that is there.
    pub after: Position,
}

impl Partial {
    /// Notes how far the log goes that is exported.
    ///
    /// # Errors
    /// The disk's.
    pub fn begins(&mut self, head: &LogHead) -> Result<(), Failure> {
        let (selection, log) = (self.selection.clone(), head.clone());
        self.note(&Asked { selection, log })
    }

    /// Notes leaves of facts that no export shows.
    ///
    /// # Errors
    /// The disk's.
    pub fn bridged(&mut self, run: &BridgedRun) -> Result<(), Failure> {
        self.note(run)
    }

    fn note(&mut self, what: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(what).map_err(|error| Failure::Failed(error.to_string()))?;
        line.push(b'\n');
        self.notes
            .write_all(&line)
            .map_err(|error| Failure::Failed(format!("the notes of the export: {error}")))
    }
}

/// Writes to `path` the export that `read` reads, or the rest of one that was stopped.
///
/// # Errors
/// Those of `read`; what was read is kept, unless the server's log is another one by now.
pub fn export(
    path: &Path,
    selection: &ExportSelection,
    read: impl FnOnce(&mut ExportFile<BufWriter<File>>, &mut Partial) -> Result<LogHead, Failure>,
) -> Result<Manifest, Failure> {
    let [lines, notes] = [beside(path, ".part"), beside(path, ".part.notes")];
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let mut after = 0;
    let written = (|| -> Result<Manifest, Failure> {
        let out = open(&lines).map_err(failed)?;
        let ends = out.try_clone().map_err(failed)?;
        let out = BufWriter::with_capacity(256 << 10, out);
        let mut file = ExportFile::begin(Format::Ndjson, out, selection.clone())?;
        let (mut partial, bytes) = take(&lines, &notes, selection, &mut file).map_err(failed)??;
        // Of a line that was being written only a part is there.
        ends.set_len(bytes).map_err(failed)?;
        if partial.after > 0 {
            output::note(&format!("{}: goes on behind position {}", lines.display(), partial.after));
        }
        let read = read(&mut file, &mut partial);
        after = partial.after;
        let (manifest, out) = file.end(read?)?;
        let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
        out.sync_all().and_then(|()| std::fs::rename(&lines, path)).map_err(failed)?;
        Ok(manifest)
    })();
    match &written {
        Err(Failure::Failed(_) | Failure::Usage(_) | Failure::InUse(_)) if after > 0 => {
            let lines = lines.display();
            output::note(&format!("{lines} is kept: the same command goes on behind position {after}"));
        }
        Ok(_) | Err(_) => {
            // What is left over is told by its name; the failure is the one that is answered.
            let _ = std::fs::remove_file(&lines);
            let _ = std::fs::remove_file(&notes);
        }
    }
    written
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Takes what an export of this selection left into `file`; with the length of the lines that were taken.
fn take<W: Write>(
    lines: &Path,
    notes: &Path,
    selection: &ExportSelection,
    file: &mut ExportFile<W>,
) -> io::Result<Result<(Partial, u64), Failure>> {
    let selected = Selected::of(selection);
    let (head, bridge) = noted(notes, &selected)?;
    let mut partial = Partial { notes: open(notes)?, selection: selected, head: head.clone(), after: 0 };
    let Some(head) = head else {
        partial.notes.set_len(0)?;
        return Ok(Ok((partial, 0)));
    };
    if let Err(failure) = partial.begins(&head) {
        return Ok(Err(failure));
    }
    let (mut bytes, mut bridge) = (0, bridge.into_iter().peekable());
    let mut lines = BufReader::new(File::open(lines)?);
    let mut text = Vec::new();
    loop {
        while let Some((position, leaf)) = bridge.next_if(|(position, _)| *position == partial.after + 1) {
            let run = BridgedRun { first_position: position, leaves: vec![leaf] };
            if let Err(failure) = partial.bridged(&run) {
                return Ok(Err(failure));
            }
            file.bridged(position, leaf);
            partial.after = position;
        }
        text.clear();
        lines.read_until(b'\n', &mut text)?;
        let Some((json, position, leaf)) = line(&text, &partial) else {
            let noted = partial.notes.stream_position()?;
            partial.notes.set_len(noted)?;
            return Ok(Ok((partial, bytes)));
        };
        if let Err(failure) = file.fact(position, leaf, json) {
            return Ok(Err(failure));
        }
        bytes += text.len() as u64;
        partial.after = position;
    }
}

/// The next line; none where it is not whole, or where one is missing before it.
fn line<'t>(text: &'t [u8], partial: &Partial) -> Option<(&'t [u8], Position, Hash)> {
    let json = text.strip_suffix(b"\n")?;
    let Line { position, leaf: digits } = serde_json::from_slice(json).ok()?;
    let follows =
        position == partial.after + 1 || (!partial.selection.is_whole() && position > partial.after);
    let mut leaf = Hash::default();
    hex::decode_to_slice(digits, &mut leaf).ok()?;
    follows.then_some((json, position, leaf))
}

/// What was noted of an export of this selection: how far the log went, and the bridge.
fn noted(notes: &Path, selected: &Selected) -> io::Result<(Option<LogHead>, Bridge)> {
    let nothing = || Ok((None, Bridge::new()));
    let notes = match File::open(notes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return nothing(),
        other => BufReader::new(other?),
    };
    let mut lines = notes.lines();
    let first = lines.next().transpose()?.and_then(|line| serde_json::from_str::<Asked>(&line).ok());
    let Some(Asked { log, .. }) = first.filter(|asked| asked.selection == *selected) else {
        return nothing();
    };
    let mut bridge = Bridge::new();
    for line in lines {
        // Of the last one only a part may be there.
        let Ok(run) = serde_json::from_str::<BridgedRun>(&line?) else { break };
        bridge.extend((run.first_position..).zip(run.leaves));
    }
    Ok((Some(log), bridge))
}
