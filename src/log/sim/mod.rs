//! A simulated disk: what a power cut, a failing device or a full one may leave behind, by seed.
//!
//! It is meaner than real file systems on purpose:
//! - a write is durable only after `sync_data` of its file; before, a power cut keeps or drops each 512-byte
//!   sector on its own, so writes tear and come out of order (a sector keeps some *prefix* of its writes,
//!   because a device stores whole sectors from the page cache);
//! - creations, renames and removals are durable only after `sync_dir`; before, a power cut keeps a prefix of
//!   them (a journalling file system) or any subset (one that is not);
//! - after a failed `sync_data` the pages read as written, but no later sync makes them durable.
//!
//! Every operation is counted. [`SimDisk::fail`] makes the n-th go wrong, once or from then on.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, FileIdentity};
use world::{EIO, ENOSPC, Kind, NameOp, Plan, SimFile, World, folder, lay, os};

mod rng;
mod world;

pub use rng::Rng;

/// How an operation goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device reports an error; a write may have been carried out in part.
    Eio,
    /// No space: writes, creations and syncs of files are refused, other operations go on.
    Enospc,
    /// A write is cut short, then no space.
    Short,
    /// The power goes: from here on nothing is carried out any more.
    PowerOff,
}

/// The simulated disk; clones are handles of the same one.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

struct SimHandle {
    world: Arc<Mutex<World>>,
    file: usize,
    boot: u64,
}

impl SimDisk {
    /// An empty disk whose accidents are named by `seed`.
    pub fn new(seed: u64) -> Self {
        let world = World {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            rng: Rng::new(seed),
            operations: 0,
            plan: None,
            boot: 0,
        };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    /// Operations so far: reads, writes, syncs, opens, lists, creations, renames, removals.
    pub fn operations(&self) -> u64 {
        self.world.lock().operations
    }

    /// Makes operation number `at` (from 0) go wrong, and all after it when `from_then_on`.
    pub fn fail(&self, at: u64, fault: Fault, from_then_on: bool) {
        let from_then_on = from_then_on || fault == Fault::PowerOff;
        self.world.lock().plan = Some(Plan { at, fault, from_then_on });
    }

    /// No further faults.
    pub fn heal(&self) {
        self.world.lock().plan = None;
    }

    /// The process is gone, the machine stays: all that was written is still read; old handles are dead.
    pub fn kill(&self) {
        let mut world = self.world.lock();
        world.boot += 1;
        world.plan = None;
    }

    /// The power was cut and is back: unsynced writes and names survive or not by the seed; old handles are dead.
    pub fn power_cut(&self) {
        let mut world = self.world.lock();
        world.boot += 1;
        world.plan = None;
        for file in 0..world.files.len() {
            world.write_back(file);
            let file = &mut world.files[file];
            file.seen.clone_from(&file.durable);
        }
        let pending = std::mem::take(&mut world.pending_names);
        let journalled = world.rng.chance(50);
        let prefix = world.rng.below(pending.len() as u64 + 1) as usize;
        for (at, op) in pending.iter().enumerate() {
            let kept = if journalled { at < prefix } else { world.rng.chance(50) };
            if kept {
                World::apply(&mut world.durable_names, op);
            }
        }
        world.names = world.durable_names.clone();
    }

    /// What a file holds at the moment; nothing when it is not there.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let world = self.world.lock();
        world.names.get(path).map(|file| world.files[*file].seen.clone())
    }

    /// Puts `bytes` in the place of a file's contents, durably: damage by an outside hand.
    pub fn overwrite(&self, path: &str, bytes: &[u8]) {
        let mut world = self.world.lock();
        if let Some(file) = world.names.get(path).copied() {
            world.files[file] =
                SimFile { seen: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() };
        }
    }

    /// Takes a name away, durably: damage by an outside hand.
    pub fn lose(&self, path: &str) {
        let mut world = self.world.lock();
        world.names.remove(path);
        world.durable_names.remove(path);
    }

    /// Every file's path, in order.
    pub fn paths(&self) -> Vec<String> {
        self.world.lock().names.keys().cloned().collect()
    }

    /// A copy of the disk as it is now, accidents of its own under `seed`.
    pub fn copy(&self, seed: u64) -> SimDisk {
        let world = self.world.lock();
        let files = world
            .files
            .iter()
            .map(|f| SimFile { seen: f.seen.clone(), durable: f.durable.clone(), pending: f.pending.clone() })
            .collect();
        let world = World {
            files,
            names: world.names.clone(),
            durable_names: world.durable_names.clone(),
            pending_names: world.pending_names.clone(),
            rng: Rng::new(seed),
            operations: 0,
            plan: None,
            boot: 0,
        };
        SimDisk { world: Arc::new(Mutex::new(world)) }
    }

    fn handle(&self, file: usize, boot: u64) -> Box<dyn DiskFile> {
        Box::new(SimHandle { world: Arc::clone(&self.world), file, boot })
    }

    fn name_op(&self, op: NameOp) -> io::Result<()> {
        let mut world = self.world.lock();
        world.refuse(Kind::Name)?;
        World::apply(&mut world.names, &op);
        world.pending_names.push(op);
        Ok(())
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world.lock();
        world.refuse(Kind::Read)?;
        let file = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let boot = world.boot;
        Ok(self.handle(file, boot))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world.lock();
        world.refuse(Kind::Name)?;
        if world.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.files.len();
        world.files.push(SimFile::default());
        let op = NameOp::Create(path.to_owned(), file);
        World::apply(&mut world.names, &op);
        world.pending_names.push(op);
        let boot = world.boot;
        Ok(self.handle(file, boot))
    }

    fn identity(&self, path: &str) -> io::Result<FileIdentity> {
        let world = self.world.lock();
        let file = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileIdentity { device: 0, inode: file as u64 })
    }

    fn create_dir(&self, _dir: &str) -> io::Result<()> {
        self.world.lock().refuse(Kind::Name)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut world = self.world.lock();
        world.refuse(Kind::Read)?;
        let inside = world.names.keys().filter(|path| folder(path) == dir);
        Ok(inside.map(|path| path[dir.len()..].trim_start_matches('/').to_owned()).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if !self.world.lock().names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.name_op(NameOp::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        if !self.world.lock().names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.name_op(NameOp::Remove(path.to_owned()))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut world = self.world.lock();
        world.refuse(Kind::SyncDir)?;
        let pending = std::mem::take(&mut world.pending_names);
        for op in pending {
            let path = match &op {
                NameOp::Create(path, _) | NameOp::Remove(path) | NameOp::Rename(_, path) => path,
            };
            if folder(path) == dir {
                World::apply(&mut world.durable_names, &op);
            } else {
                world.pending_names.push(op);
            }
        }
        Ok(())
    }
}

impl SimHandle {
    fn alive<'a>(&self, world: &'a mut World) -> io::Result<&'a mut World> {
        if world.boot == self.boot { Ok(world) } else { Err(os(EIO)) }
    }
}

impl DiskFile for SimHandle {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut guard = self.world.lock();
        let world = self.alive(&mut guard)?;
        world.refuse(Kind::Read)?;
        let data = &world.files[self.file].seen;
        let start = (offset as usize).min(data.len());
        let len = buf.len().min(data.len() - start);
        buf[..len].copy_from_slice(&data[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut guard = self.world.lock();
        let world = self.alive(&mut guard)?;
        let (part, outcome) = match world.count(Kind::Write) {
            None => (bytes.len(), Ok(())),
            Some(Fault::Enospc) => (0, Err(os(ENOSPC))),
            Some(Fault::Short) => (world.rng.below(bytes.len() as u64) as usize, Err(os(ENOSPC))),
            Some(Fault::Eio) => (world.rng.below(bytes.len() as u64 + 1) as usize, Err(os(EIO))),
            Some(Fault::PowerOff) => {
                // Only the operation at which the power went may have begun.
                let first = world.plan.is_some_and(|plan| plan.at + 1 == world.operations);
                let begun = if first { world.rng.below(bytes.len() as u64 + 1) as usize } else { 0 };
                (begun, Err(os(EIO)))
            }
        };
        world.put(self.file, offset as usize, &bytes[..part]);
        outcome
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut guard = self.world.lock();
        let world = self.alive(&mut guard)?;
        match world.count(Kind::Sync) {
            None => {
                let file = &mut world.files[self.file];
                for (offset, bytes) in std::mem::take(&mut file.pending) {
                    lay(&mut file.durable, offset, &bytes);
                }
                Ok(())
            }
            Some(Fault::PowerOff) => Err(os(EIO)),
            Some(fault) => {
                // The kernel marks the pages clean all the same: some are on the platter, the rest never will be.
                world.write_back(self.file);
                Err(os(if fault == Fault::Eio { EIO } else { ENOSPC }))
            }
        }
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(FileIdentity { device: 0, inode: self.file as u64 })
    }

    fn len(&self) -> io::Result<u64> {
        let mut guard = self.world.lock();
        let world = self.alive(&mut guard)?;
        Ok(world.files[self.file].seen.len() as u64)
    }
}

#[cfg(test)]
mod tests;
