//! The simulated disk's state: what is seen, what is durable, and what a power cut makes of the difference.

use std::collections::BTreeMap;
use std::io;

use super::{Fault, Rng};

pub(super) const SECTOR: usize = 512;
pub(super) const ENOSPC: i32 = 28;
pub(super) const EIO: i32 = 5;

#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) at: u64,
    pub(super) fault: Fault,
    pub(super) from_then_on: bool,
}

#[derive(Default)]
pub(super) struct SimFile {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone)]
pub(super) enum NameOp {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

pub(super) struct World {
    pub(super) files: Vec<SimFile>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) durable_names: BTreeMap<String, usize>,
    pub(super) pending_names: Vec<NameOp>,
    pub(super) rng: Rng,
    pub(super) operations: u64,
    pub(super) plan: Option<Plan>,
    pub(super) boot: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
    Sync,
    SyncDir,
    Name,
}

pub(super) fn os(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl World {
    /// Counts an operation and says whether it is to go wrong.
    pub(super) fn count(&mut self, kind: Kind) -> Option<Fault> {
        let now = self.operations;
        self.operations += 1;
        let plan = self.plan?;
        let hit = if plan.from_then_on { now >= plan.at } else { now == plan.at };
        if !hit {
            return None;
        }
        match (plan.fault, kind) {
            (Fault::Enospc | Fault::Short, Kind::Read | Kind::SyncDir) => None,
            (Fault::Short, Kind::Sync) => None,
            (fault, _) => Some(fault),
        }
    }

    pub(super) fn refuse(&mut self, kind: Kind) -> io::Result<()> {
        match self.count(kind) {
            None => Ok(()),
            Some(Fault::Enospc | Fault::Short) => Err(os(ENOSPC)),
            Some(Fault::Eio | Fault::PowerOff) => Err(os(EIO)),
        }
    }

    pub(super) fn put(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let file = &mut self.files[file];
        lay(&mut file.seen, offset, bytes);
        file.pending.push((offset, bytes.to_vec()));
    }

    /// Decides which of a file's unsynced writes reached the platter: per sector a prefix of them.
    pub(super) fn write_back(&mut self, file: usize) {
        let pending = std::mem::take(&mut self.files[file].pending);
        let mood = self.rng.below(5);
        let mut by_sector: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
        for (offset, bytes) in &pending {
            let mut at = 0;
            while at < bytes.len() {
                let sector = (offset + at) / SECTOR;
                let len = ((sector + 1) * SECTOR - (offset + at)).min(bytes.len() - at);
                by_sector.entry(sector).or_default().push((offset + at, &bytes[at..at + len]));
                at += len;
            }
        }
        let cut = self.rng.below(by_sector.len() as u64 + 1) as usize;
        for (at, pieces) in by_sector.values().enumerate() {
            let kept = match mood {
                0 => 0,
                1 => pieces.len(),
                // In the order of the file, up to some sector.
                4 if at < cut => pieces.len(),
                4 => 0,
                2 if self.rng.chance(90) => pieces.len(),
                2 => 0,
                _ => self.rng.below(pieces.len() as u64 + 1) as usize,
            };
            for (offset, bytes) in &pieces[..kept] {
                lay(&mut self.files[file].durable, *offset, bytes);
            }
        }
    }

    pub(super) fn apply(names: &mut BTreeMap<String, usize>, op: &NameOp) {
        match op {
            NameOp::Create(path, file) => {
                names.insert(path.clone(), *file);
            }
            NameOp::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameOp::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

pub(super) fn lay(data: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if data.len() < offset + bytes.len() {
        data.resize(offset + bytes.len(), 0);
    }
    data[offset..offset + bytes.len()].copy_from_slice(bytes);
}
