//! The machine under the figures: its name, its disk, and what processes take of it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// Cores, kernel and processor, in one line.
pub fn name() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores of {model}, Linux {}, load {load}", read("/proc/sys/kernel/osrelease").trim())
}

/// Median and 99th percentile of `times`, which are put in order.
pub fn percentiles(times: &mut [u64]) -> (u64, u64) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

/// One write of `bytes` and its fdatasync, into zeros that are there: median and 99th percentile in µs.
pub fn sync_micros(dir: &Path, bytes: usize, times: u64) -> io::Result<(f64, f64)> {
    let path = dir.join("fdatasync");
    let file = File::create(&path)?;
    let block = vec![1; bytes];
    let mut taken = Vec::new();
    file.write_all_at(&vec![0; bytes * times as usize], 0)?;
    file.sync_all()?;
    for n in 0..times {
        let began = Instant::now();
        file.write_all_at(&block, n * bytes as u64)?;
        file.sync_data()?;
        taken.push(began.elapsed().as_nanos() as u64);
    }
    fs::remove_file(path)?;
    let (median, slow) = percentiles(&mut taken);
    Ok((median as f64 / 1e3, slow as f64 / 1e3))
}

/// Bytes that the disk holds for what lies below `path`, as `du` counts them; only files ending in `end`.
pub fn disk_bytes(path: &Path, end: &str) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let of = |path: &Path| match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => disk_bytes(path, end),
        Ok(meta) if path.to_string_lossy().ends_with(end) => meta.blocks() * 512,
        Ok(_) | Err(_) => 0,
    };
    entries.flatten().map(|entry| of(&entry.path())).sum()
}

/// Bytes of memory that process `id` (or `self`) holds.
pub fn resident(id: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}

/// Processor time of process `id` (or `self`), all its threads, to 10 ms.
pub fn processor(id: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name may hold blanks; what follows its bracket does not. Fields 14 and 15 are user and system time.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Processor time of this thread.
pub fn own_processor() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default())
}
