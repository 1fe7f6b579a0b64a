//! The whole of it beside its limits: the budget by stage, then P1, P2, P3, P6, P7 and P8 as tables.
//!
//! `cargo bench --bench budget` takes some minutes; `-- --quick` less than one; `-- --facts N` imports N facts
//! (1,000,000 without it), `-- --full` 10,000,000. A name (`budget`, `ingest`, `bulk`, `lag`) runs that part alone.
//! Data lies in `BENCH_DIR`, else in the system's folder for temporary files. Every figure is measured in this run.
#![allow(clippy::print_stdout, reason = "a program that prints its figures")]

mod bare;
mod bulk;
mod client;
mod hooks;
mod ingest;
mod lag;
mod machine;
mod sample;
mod site;
mod stages;
mod table;

use std::path::PathBuf;

/// What parts of this program answer.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What was asked for.
pub struct Options {
    /// Facts that are imported.
    pub facts: u64,
    /// Small sizes and short runs.
    pub quick: bool,
}

const PARTS: [&str; 4] = ["budget", "ingest", "bulk", "lag"];

fn main() -> Outcome<()> {
    let mut options = Options { facts: 1_000_000, quick: false };
    let mut parts = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bare-server" => return bare::serve(),
            "--rows" => return stages::rows(&PathBuf::from(arguments.next().ok_or("--rows DIR")?)),
            "--quick" => options = Options { facts: 100_000, quick: true },
            "--full" => options.facts = 10_000_000,
            "--facts" => options.facts = arguments.next().ok_or("--facts N")?.parse()?,
            // What `cargo bench` says to every bench.
            "--bench" => {}
            part if PARTS.contains(&part) => parts.push(part.to_owned()),
            other => return Err(format!("no such option or part: {other}").into()),
        }
    }
    if options.facts < 10 {
        return Err("--facts: at least 10".into());
    }
    println!("{}", machine::name());
    let (median, slow) = machine::sync_micros(site::fresh_dir()?.path(), 512, 500)?;
    println!("a write of 512 B and its fdatasync: median {median:.0} µs, p99 {slow:.0} µs");
    for part in PARTS {
        if !parts.is_empty() && !parts.iter().any(|asked| asked == part) {
            continue;
        }
        match part {
            "budget" => stages::measure(&options)?,
            "ingest" => ingest::measure(&options, median)?,
            "bulk" => bulk::measure(&options)?,
            _ => lag::measure(&options)?,
        }
    }
    Ok(())
}
