//! The key index at 1 M keys, or as many millions as the first argument says: `cargo bench --bench key_index -- 10`.
//!
//! A plain program and not criterion's loop: what matters is one long run, its memory and its disk.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::KeyHash;
use factfold::log::keys::{IndexState, KeyEntry, KeyIndex, KeySource, SourceError};
use factfold::store::Store;

/// Facts in a group of the writer.
const GROUP: u64 = 512;

/// A log whose entries can be computed.
struct Computed;

impl KeySource for Computed {
    fn entries(&self, after: u64, up_to: u64, f: &mut dyn FnMut(KeyEntry)) -> Result<(), SourceError> {
        (after + 1..=up_to).for_each(|position| f(entry(position)));
        Ok(())
    }
}

fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn key(number: u64) -> KeyHash {
    let mut key = [0; 11];
    key[..8].copy_from_slice(&mix(number).to_be_bytes());
    key[8..].copy_from_slice(&mix(!number).to_be_bytes()[..3]);
    key
}

fn entry(position: u64) -> KeyEntry {
    KeyEntry { key: key(position), content: position.to_le_bytes(), position }
}

fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let bytes = |path: &Path| {
        if path.is_dir() { disk_bytes(path) } else { fs::metadata(path).map_or(0, |m| m.len()) }
    };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn wait_until_idle(index: &KeyIndex) {
    let mut quiet = 0;
    let mut last = usize::MAX;
    // Two seconds without a change: a merge changes nothing that is seen until it ends.
    while quiet < 40 {
        std::thread::sleep(Duration::from_millis(50));
        let bytes = index.memory_bytes();
        quiet = if index.state() == IndexState::Sled && bytes == last { quiet + 1 } else { 0 };
        last = bytes;
    }
}

fn look_up(index: &mut KeyIndex, count: u64, group: u64, number: impl Fn(u64) -> u64, old: bool) -> f64 {
    let mut found = Vec::new();
    let began = Instant::now();
    for from in (0..count).step_by(group as usize) {
        let keys: Vec<KeyHash> = (from..from + group).map(|n| key(number(n))).collect();
        index.find_many(&keys, &mut found).expect("the log can be read");
        assert!(found.iter().all(|found| found.is_some() == old), "an answer is wrong");
    }
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn main() {
    let millions = std::env::args().skip(1).find_map(|arg| arg.parse::<u64>().ok()).unwrap_or(1);
    let total = millions * 1_000_000;
    let dir = tempfile::tempdir_in(".").expect("a folder for the database");
    let place = dir.path().join("sled");
    let mut out = std::io::stdout();
    let mut say = |what: &str, figure: String| {
        let _ = writeln!(out, "{what:<44} {figure}");
    };
    let store = Store::at(&place);
    let mut index = KeyIndex::open(store.clone(), [1; 16], 0, Arc::new(Computed)).expect("an index");
    let mut found = Vec::new();
    let mut keys = Vec::new();
    let mut most = 0;
    let began = Instant::now();
    for from in (1..=total).step_by(GROUP as usize) {
        let upto = total.min(from + GROUP - 1);
        keys.clear();
        keys.extend((from..=upto).map(key));
        index.find_many(&keys, &mut found).expect("the log can be read");
        assert!(found.iter().all(Option::is_none), "a new key is called known");
        for position in from..=upto {
            index.insert(entry(position));
        }
        if from % (GROUP * 64) == 1 {
            most = most.max(resident_mib());
        }
    }
    let took = began.elapsed().as_secs_f64();
    say("look up and insert new keys", format!("{:.0} k/s", total as f64 / took / 1e3));
    say("RSS, highest while inserting", format!("{most} MiB"));
    say("sled on disk, right after", format!("{:.1} bytes a key", disk_bytes(&place) as f64 / total as f64));
    wait_until_idle(&index);
    say("until all is in sled", format!("{:.2} s more", began.elapsed().as_secs_f64() - took));
    say("RSS", format!("{} MiB", resident_mib()));
    say(
        "tail, filters, directories",
        format!("{:.2} bytes a key", index.memory_bytes() as f64 / total as f64),
    );
    say("sled on disk", format!("{:.1} bytes a key", disk_bytes(&place) as f64 / total as f64));
    say(
        "new key, groups of 512",
        format!("{:.2} µs", look_up(&mut index, 1 << 20, 512, |n| total + 1 + n, false)),
    );
    let old = |n: u64| 1 + mix(n) % total;
    say("old key, groups of 512", format!("{:.2} µs", look_up(&mut index, 1 << 17, 512, old, true)));
    say("old key, one by one", format!("{:.2} µs", look_up(&mut index, 1 << 16, 1, old, true)));
    drop(index);
    let began = Instant::now();
    store.close();
    say("close", format!("{:.2} s", began.elapsed().as_secs_f64()));
    let began = Instant::now();
    let index = KeyIndex::open(Store::at(&place), [1; 16], total, Arc::new(Computed)).expect("an index");
    say("open", format!("{:.2} s, {} not in runs", began.elapsed().as_secs_f64(), total - index.covered()));
    drop(index);
    let mut memory = KeyIndex::in_memory();
    let began = Instant::now();
    (1..=total).for_each(|position| memory.insert(entry(position)));
    say("table in memory, filling", format!("{:.0} k/s", total as f64 / began.elapsed().as_secs_f64() / 1e3));
    say("table in memory", format!("{:.1} bytes a key", memory.memory_bytes() as f64 / total as f64));
}
