//! The log of a data directory as it is at one moment, opened without its lock: nothing is written, and whether a server
//! has the directory does not matter.
//!
//! The high-water mark is read before the files. Whatever it covers was written before it was, so those frames must be
//! there and whole. Frames past it may be under way: they count once the mark covers them. Where it does not move, no
//! server is writing, and they count as at a start. A file that is sealed while it is looked at is looked for again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::keys::Position;

use super::disk::Disk;
use super::error::LogError;
use super::high_water;
use super::merkle::Frontier;
use super::open_segment::{self, OpenSegment, SegmentScan};
use super::recover::check_mark;
use super::sealed_segment::SealedSegment;
use super::shared::Shared;
use super::snapshot::LogSnapshot;
use super::tail::Tail;
use super::{Head, seal};

/// Attempts before what is read counts as damage and not as a file that was being written or sealed.
const TRIES: usize = 8;
/// So long a file may be sealed whenever it is looked at.
const SEALING_MAX: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(30);
/// Looks at the mark, each after a [`PAUSE`], before frames past it count as not under way.
const LOOKS: usize = 60;

/// The segments of `journal/` by first position.
#[derive(Debug, Default)]
pub struct SegmentFiles {
    /// Sealed ones.
    pub sealed: BTreeMap<Position, String>,
    /// Open ones, those with a sealed twin included.
    pub open: BTreeMap<Position, String>,
    /// Files that are not the log's.
    pub others: Vec<String>,
}

impl SegmentFiles {
    /// Lists them.
    ///
    /// # Errors
    /// The disk's.
    pub fn list(disk: &dyn Disk) -> io::Result<Self> {
        let mut files = Self::default();
        for name in disk.list("journal")? {
            let path = format!("journal/{name}");
            match name.split('.').next().and_then(|first| first.parse().ok()) {
                Some(first) if path == seal::path(first) => drop(files.sealed.insert(first, path)),
                Some(first) if path == open_segment::path(first) => drop(files.open.insert(first, path)),
                Some(_) | None if path == high_water::PATH => {}
                // Being made, or left over from a stop in the middle of it.
                Some(_) if path.ends_with(".tmp") => {}
                Some(_) | None => files.others.push(path),
            }
        }
        Ok(files)
    }
}

impl LogSnapshot {
    /// Reads the log in `disk` up to what is durable now.
    ///
    /// # Errors
    /// Those of [`super::Log::open`], after some attempts: a file that a server is writing looks damaged for a moment.
    pub fn read_only(disk: &Arc<dyn Disk>) -> Result<Self, LogError> {
        let (mut tries, sealed_until) = (1, Instant::now() + SEALING_MAX);
        loop {
            match read(disk) {
                Err(LogError::NewerFormat { file, found, known }) => {
                    return Err(LogError::NewerFormat { file, found, known });
                }
                // Sealed while it was looked at: on a busy machine that may happen many times in a row.
                Err(LogError::Io { error, .. })
                    if error.kind() == io::ErrorKind::NotFound && Instant::now() < sealed_until => {}
                Err(_) if tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}

fn mark(disk: &dyn Disk) -> Result<Option<Head>, LogError> {
    high_water::read(disk).map_err(|error| LogError::io(high_water::PATH, error))
}

fn read(disk: &Arc<dyn Disk>) -> Result<LogSnapshot, LogError> {
    let marked = mark(&**disk)?;
    let mut files = SegmentFiles::list(&**disk).map_err(|error| LogError::io("journal", error))?;
    let (cache, mut frontier, mut sealed) = (Shared::cache(), Frontier::new(), Vec::new());
    for (first, path) in &files.sealed {
        let segment = SealedSegment::open(&**disk, path, &cache)?;
        if segment.before() != &frontier {
            let why = format!("it does not continue the log, whose next position is {}", frontier.len() + 1);
            return Err(LogError::damaged(path, 0, why));
        }
        frontier = segment.frontier().clone();
        files.open.remove(first);
        sealed.push(Arc::new(segment));
    }
    let mut scanned: Vec<SegmentScan> = Vec::with_capacity(files.open.len());
    for (first, path) in &files.open {
        let due = frontier.len() + 1;
        if *first != due {
            let why = format!("it begins with position {first}, but the next position is {due}");
            return Err(LogError::damaged(path, 0, why));
        }
        if let Some((from, _)) = scanned.last().and_then(|before| before.torn) {
            let why = "the segment before it ends in bytes that are not a frame";
            return Err(LogError::damaged(path, from, why));
        }
        let one = OpenSegment::scan(disk, &frontier, 0, true)?;
        frontier = one.frontier.clone();
        scanned.push(one);
    }
    let head = frontier.head();
    check_mark(marked, head, &sealed, &scanned)?;
    let is_marked = |marked: Option<Head>| marked.is_none_or(|marked| marked.position >= head.position);
    let mut looks = LOOKS;
    while !is_marked(mark(&**disk)?) && looks > 0 {
        looks -= 1;
        sleep(PAUSE);
    }
    let tails = scanned.into_iter().map(|one| Arc::new(Tail::new(one.before, one.frames)));
    Ok(LogSnapshot {
        disk: Arc::clone(disk),
        sealed: Arc::new(sealed),
        tails: Arc::new(tails.collect()),
        head,
        nodes: Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use tempfile::TempDir;

    use super::*;
    use crate::log::disk::RealDisk;
    use crate::log::testing::{draft, options};
    use crate::log::verify::verify;
    use crate::log::{Log, Protections};

    fn bytes(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                found.extend(bytes(&entry));
            } else {
                found.insert(entry.clone(), fs::read(&entry).unwrap());
            }
        }
        found
    }

    fn read_only(dir: &TempDir) -> Arc<dyn Disk> {
        Arc::new(RealDisk::read_only(dir.path()))
    }

    /// Every position once, in order, up to the head.
    fn is_whole(snapshot: &LogSnapshot) -> bool {
        let (mut next, mut tree) = (1, Frontier::new());
        snapshot
            .in_order(1, Position::MAX, true, &mut |position, record| {
                assert_eq!(position, next);
                next += 1;
                tree.push(record.leaf());
                ControlFlow::Continue(())
            })
            .unwrap();
        tree.head() == snapshot.head()
    }

    #[test]
    fn a_log_is_read_and_verified_while_it_is_written_and_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk::new(dir.path()));
        let (log, _) = Log::open(disk, &options(Protections::default())).unwrap();
        let acknowledged = AtomicU64::new(0);
        let until = Instant::now() + Duration::from_secs(3);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0;
                while Instant::now() < until {
                    let drafts: Vec<_> =
                        (n..n + 7).map(|n| draft(n, if n % 50 == 9 { 40_000 } else { 90 })).collect();
                    n += 7;
                    log.append(drafts).unwrap().wait().unwrap();
                    acknowledged.store(n, Ordering::SeqCst);
                }
            });
            let (mut last, mut sealed, mut reads) = (0, 0, 0);
            while Instant::now() < until {
                let before = acknowledged.load(Ordering::SeqCst);
                let snapshot = LogSnapshot::read_only(&read_only(&dir)).unwrap();
                assert!(snapshot.head().position >= before.max(last), "what was acknowledged is there");
                assert!(is_whole(&snapshot));
                (last, sealed, reads) = (snapshot.head().position, snapshot.sealed(), reads + 1);
                let before = acknowledged.load(Ordering::SeqCst);
                let report = verify(&read_only(&dir));
                assert_eq!(report.violations, []);
                assert!(report.head().position >= before);
            }
            assert!(reads > 3 && sealed > 0, "{reads} reads, sealed up to {sealed}");
        });
        log.close();
    }

    #[test]
    fn what_a_stop_left_is_read_as_a_start_would_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk::new(dir.path()));
        let (log, _) = Log::open(disk.clone(), &options(Protections::default())).unwrap();
        log.append((0..75).map(|n| draft(n, 90)).collect()).unwrap().wait().unwrap();
        let head = log.head();
        log.close();
        // A torn group behind the last frame, a mark that a power cut took back, a file that was being made.
        let open = fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
        let open = open.filter(|path| path.extension().is_some_and(|kind| kind == "open")).max().unwrap();
        let mut torn = fs::read(&open).unwrap();
        let end = torn.iter().rposition(|byte| *byte != 0).unwrap();
        torn[end + 40..end + 60].fill(7);
        fs::write(&open, torn).unwrap();
        fs::write(dir.path().join("journal/00000000000000000999.open.tmp"), b"x").unwrap();
        let mut mark = fs::read(dir.path().join(high_water::PATH)).unwrap();
        mark[..56].fill(0);
        mark[4096..4096 + 56].fill(0);
        fs::write(dir.path().join(high_water::PATH), mark).unwrap();

        let before = bytes(dir.path());
        let snapshot = LogSnapshot::read_only(&read_only(&dir)).unwrap();
        assert_eq!(snapshot.head(), head);
        assert!(is_whole(&snapshot));
        assert_eq!(verify(&read_only(&dir)).violations, []);
        assert_eq!(bytes(dir.path()), before);
        // Null control: a start mends.
        let (log, opened) = Log::open(disk, &options(Protections::default())).unwrap();
        assert!(opened.head == head && opened.torn.is_some());
        log.close();
        assert_ne!(bytes(dir.path()), before);
    }

    #[test]
    fn a_log_that_ends_below_its_mark_is_refused_and_a_read_only_log_takes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk::new(dir.path()));
        let (log, _) = Log::open(disk, &options(Protections::default())).unwrap();
        log.append((0..20).map(|n| draft(n, 90)).collect()).unwrap().wait().unwrap();
        log.close();
        let snapshot = LogSnapshot::read_only(&read_only(&dir)).unwrap();
        let secret = crate::log::testing::secret().clone();
        let reading = Log::read_only(snapshot, secret, None).unwrap();
        assert!(matches!(reading.append(vec![draft(99, 1)]), Err(LogError::Stopped(_))));
        assert!(matches!(reading.find(&draft(1, 1).key), Err(LogError::Stopped(_))), "never 'unknown'");
        reading.close();
        let open = dir.path().join("journal/00000000000000000001.open");
        let mut cut = fs::read(&open).unwrap();
        cut[4096..].fill(0);
        fs::write(&open, cut).unwrap();
        let lost = LogSnapshot::read_only(&read_only(&dir)).err();
        assert!(matches!(lost, Some(LogError::LostTail { mark: 20, found: 0 })), "{lost:?}");
    }
}
