//! The register of erasures: which facts were erased, so that a log brought back from a backup is erased again.
//!
//! ```text
//! keys/erasures    one JSON line an erasure: its id, the tenant, and position and leaf of each fact;
//!                  and one when it was done
//! ```
//! It names nobody: a leaf commits to what was erased behind a salt that is gone. A fact is erased again where both its
//! position and its leaf are those of the register, so that another fact at the same position, of a log that was brought
//! back and grew anew, is left alone. What follows the last whole line is of a write that a kill cut short.

use domain::keys::Position;
use domain::record::Hash;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, read_exact_at};
use super::error::LogError;

/// The register's file.
pub const PATH: &str = "keys/erasures";

/// An erasure: which facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Its id.
    pub erasure_id: String,
    /// Whose facts.
    pub tenant: String,
    /// A keyed digest of what was asked, in hexadecimal digits.
    pub request: String,
    /// Who asked.
    pub by: String,
    /// `Idempotency-Key` of the request, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Bytes of the personal parts, payloads and salts.
    pub bytes: u64,
    /// Position and leaf of each fact, ascending.
    pub facts: Vec<(Position, Leaf)>,
}

/// A leaf, written in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Leaf(pub Hash);

impl From<Leaf> for String {
    fn from(leaf: Leaf) -> Self {
        hex::encode(leaf.0)
    }
}

impl TryFrom<String> for Leaf {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut leaf = Hash::default();
        hex::decode_to_slice(text, &mut leaf).map_err(|_| "a leaf has 64 hexadecimal digits")?;
        Ok(Self(leaf))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Begun(Erasure),
    Done { done: String },
}

/// What the register holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasureRegister {
    /// Every erasure in the order they began.
    pub all: Vec<Erasure>,
    /// Ids of those that are done.
    pub done: Vec<String>,
}

impl ErasureRegister {
    /// Reads the register's text; a last line without its end does not count.
    ///
    /// # Errors
    /// [`LogError::Damaged`] names the line that is not one of the register.
    pub fn parse(text: &[u8]) -> Result<Self, LogError> {
        let mut register = Self::default();
        for (n, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            if !line.ends_with(b"\n") {
                break;
            }
            if line == b"\n" {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(Line::Begun(erasure)) => register.all.push(erasure),
                Ok(Line::Done { done }) => register.done.push(done),
                Err(error) => return Err(LogError::damaged(PATH, 0, format!("line {n}: {error}"))),
            }
        }
        Ok(register)
    }

    /// The register in `disk`; an empty one where there is none.
    ///
    /// # Errors
    /// Those of [`ErasureRegister::parse`], and the disk's.
    pub fn read(disk: &dyn Disk) -> Result<Self, LogError> {
        Self::parse(&bytes(disk)?)
    }

    /// Those that are not done.
    pub fn pending(&self) -> impl Iterator<Item = &Erasure> {
        self.all.iter().filter(|erasure| !self.done.contains(&erasure.erasure_id))
    }

    /// The erasure of this id.
    pub fn find(&self, id: &str) -> Option<&Erasure> {
        self.all.iter().find(|erasure| erasure.erasure_id == id)
    }
}

/// Bytes of the register: another length is another register.
pub(super) fn len(disk: &dyn Disk) -> u64 {
    disk.open(PATH).and_then(|file| file.len()).unwrap_or_default()
}

fn bytes(disk: &dyn Disk) -> Result<Vec<u8>, LogError> {
    let io = |error| LogError::io(PATH, error);
    let file = match disk.open(PATH) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = vec![0; file.len().map_err(io)? as usize];
    read_exact_at(&*file, 0, &mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Adds an erasure that begins; it is durable when this returns.
pub(super) fn begin(disk: &dyn Disk, erasure: &Erasure) -> Result<(), LogError> {
    append(disk, &Line::Begun(erasure.clone()))
}

/// Notes that an erasure is done; durable when this returns.
pub(super) fn finish(disk: &dyn Disk, id: &str) -> Result<(), LogError> {
    append(disk, &Line::Done { done: id.to_owned() })
}

/// Held while a line is added: two handles of a log would write over each other's.
static WRITING: Mutex<()> = Mutex::new(());

fn append(disk: &dyn Disk, line: &Line) -> Result<(), LogError> {
    let _one_at_a_time = WRITING.lock();
    let writing = |error| LogError::while_writing(PATH, error);
    let there = bytes(disk)?;
    // What a kill cut short is written over; the rest of it ends with the new line's end or is no line.
    let end = there.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut text = serde_json::to_vec(line).map_err(|error| LogError::stopped(PATH, &error))?;
    text.push(b'\n');
    if there.len() > end + text.len() {
        text.extend(std::iter::repeat_n(b'\n', there.len() - end - text.len()));
    }
    let file = match disk.open(PATH) {
        Ok(file) => file,
        Err(_) => {
            disk.create_dir("keys").map_err(writing)?;
            disk.create(PATH).map_err(writing)?
        }
    };
    file.write_at(end as u64, &text).map_err(writing)?;
    file.sync_data().map_err(writing)?;
    disk.sync_dir("keys").map_err(writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sim::SimDisk;

    fn erasure(id: &str, facts: u64) -> Erasure {
        let facts = (1..=facts).map(|position| (position, Leaf([position as u8; 32]))).collect();
        let (tenant, by, request) = ("acme".to_owned(), "cli".to_owned(), "00".to_owned());
        Erasure { erasure_id: id.to_owned(), tenant, request, by, idempotency_key: None, bytes: 7, facts }
    }

    #[test]
    fn the_register_reads_back_and_a_line_cut_short_is_written_over() {
        let disk = SimDisk::new(1);
        assert_eq!(ErasureRegister::read(&disk).expect("none yet"), ErasureRegister::default());
        begin(&disk, &erasure("a", 3)).expect("begun");
        finish(&disk, "a").expect("done");
        begin(&disk, &erasure("b", 1)).expect("begun");
        let register = ErasureRegister::read(&disk).expect("reads");
        assert_eq!(register.all, [erasure("a", 3), erasure("b", 1)]);
        assert_eq!(register.pending().collect::<Vec<_>>(), [&erasure("b", 1)]);
        let whole = bytes(&disk).expect("read");
        let cut = erasure("c", 90);
        begin(&disk, &cut).expect("begun");
        let torn = bytes(&disk).expect("read")[..whole.len() + 500].to_vec();
        disk.overwrite(PATH, &torn);
        assert_eq!(ErasureRegister::read(&disk).expect("reads"), register, "half a line is none");
        finish(&disk, "b").expect("done");
        let register = ErasureRegister::read(&disk).expect("blank lines are none");
        assert_eq!((register.all.len(), register.pending().count()), (2, 0));
    }

    #[test]
    fn a_line_that_is_none_of_the_register_is_named() {
        for text in ["x\n", "{}\n", "{\"done\":1}\n", "{\"done\":\"a\"}\n{\"erasure_id\":\"b\"}\n"] {
            assert!(ErasureRegister::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
