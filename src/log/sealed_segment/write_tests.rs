//! Sealing on disks that fail, lose power or lie: the name is either not there or whole.

use std::io;
use std::sync::Arc;

use super::tests::{NAME, Shape, before, example, in_order, records};
use super::{ChunkCache, SealedSegment, SegmentError};
use crate::log::disk::{Disk, DiskFile, FileIdentity};
use crate::log::sim::{Fault, SimDisk};

fn facts() -> Vec<Shape> {
    (0..40u64).map(|i| Shape { tenant: (i % 3) as u8, subject: i, ..example() }).collect()
}

fn empty_disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir("journal").unwrap();
    disk.sync_dir("").unwrap();
    disk
}

fn whole(disk: &dyn Disk) -> bool {
    let (records, _) = records(1, &facts());
    match SealedSegment::open(disk, NAME, &ChunkCache::new(0)) {
        Ok(segment) => {
            let mut found = Vec::new();
            segment.verify(&mut found);
            assert_eq!(found, []);
            assert_eq!(in_order(&segment, 0, u64::MAX).unwrap(), records);
            true
        }
        Err(SegmentError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => false,
        Err(error) => panic!("under its name and not whole: {error}"),
    }
}

#[test]
fn whatever_operation_fails_and_whenever_the_power_goes_the_name_is_whole_or_not_there() {
    let (records, leaves) = records(1, &facts());
    let write = |disk: &SimDisk| SealedSegment::write(disk, NAME, &before(0), &records, &leaves);
    let counted = empty_disk(0);
    let start = counted.operations();
    write(&counted).unwrap();
    let operations = counted.operations() - start;
    let (mut there, mut not_there) = (0, 0);
    for at in 0..=operations {
        for fault in [Fault::Eio, Fault::Enospc, Fault::Short, Fault::PowerOff] {
            for seed in 0..4 {
                let disk = empty_disk(seed * 1_000 + at);
                disk.fail(disk.operations() + at, fault, false);
                let sealed = write(&disk).is_ok();
                disk.power_cut();
                let is_there = whole(&disk);
                assert!(is_there || !sealed, "operation {at}, {fault:?}: sealed, and lost with the power");
                if is_there {
                    there += 1
                } else {
                    not_there += 1
                }
                write(&disk).unwrap();
                assert!(whole(&disk), "operation {at}, {fault:?}: sealed again");
            }
        }
    }
    assert!(there > 0 && not_there > 0, "{there} and {not_there} of both");
}

/// A disk that writes another byte than it was given at one place.
struct LyingDisk {
    disk: SimDisk,
    at: u64,
}

struct LyingFile {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl Disk for LyingDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(path)
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LyingFile { file: self.disk.create(path)?, at: self.at }))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn identity(&self, path: &str) -> io::Result<FileIdentity> {
        self.disk.identity(path)
    }
}

impl DiskFile for LyingFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        let place = self.at.checked_sub(offset).and_then(|at| bytes.get_mut(at as usize));
        if let Some(byte) = place {
            *byte ^= 0x10;
        }
        self.file.write_at(offset, &bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.file.identity()
    }
}

#[test]
fn a_disk_that_writes_something_else_is_found_out_before_the_rename() {
    let (records, leaves) = records(1, &facts());
    let good = empty_disk(1);
    SealedSegment::write(&good, NAME, &before(0), &records, &leaves).unwrap();
    let len = good.contents(NAME).unwrap().len() as u64;
    for at in (0..len).step_by(97) {
        let lying = LyingDisk { disk: empty_disk(at), at };
        let result = SealedSegment::write(&lying, NAME, &before(0), &records, &leaves);
        assert!(matches!(result, Err(SegmentError::Damaged(_))), "byte {at}: {result:?}");
        assert_eq!(lying.disk.contents(NAME), None, "byte {at}");
    }
}

#[test]
fn one_segment_serves_several_threads_at_once() {
    let (records, leaves) = records(1, &facts());
    let disk = empty_disk(1);
    SealedSegment::write(&disk, NAME, &before(0), &records, &leaves).unwrap();
    let segment = Arc::new(SealedSegment::open(&disk, NAME, &ChunkCache::new(1 << 20)).unwrap());
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (segment, records) = (Arc::clone(&segment), &records);
            scope.spawn(move || {
                for record in records.iter().skip(start).cycle().take(200) {
                    assert_eq!(segment.read(record.position).unwrap(), *record);
                }
                assert_eq!(in_order(&segment, 0, u64::MAX).unwrap(), *records);
            });
        }
    });
}
