//! P2, P3, P6, P8: import, rebuild, audit, size on disk and in memory, and the time to open.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::keys::LogSecret;
use domain::record::RecordRef;
use factfold::log::disk::RealDisk;
use factfold::log::select::Select;
use factfold::log::{Log, LogOptions};
use factfold::store::Store;
use serde_json::Value;

use super::site::Site;
use super::table::{self, Line, rate};
use super::{Options, Outcome, machine, sample};

/// Facts that are made durable together.
const GROUP: usize = 1_024;

/// Times of one size, in seconds.
struct Times {
    import: f64,
    bare: f64,
    rebuild: f64,
    scan: f64,
    audit: f64,
}

/// Prints P2, P3, P6 of `options.facts`, and P8 beside a tenth of them.
pub fn measure(options: &Options) -> Outcome<()> {
    let facts = options.facts;
    let small = times(facts / 10, false)?;
    let large = times(facts, true)?;
    table::head(&format!("P8  {facts} facts beside {}: times as much", facts / 10));
    for (what, small, large) in [
        ("import", small.import, large.import),
        ("rebuild", small.rebuild, large.rebuild),
        ("audit", small.audit, large.audit),
    ] {
        let ratio = large / small;
        table::line(Line {
            what,
            figure: format!("{large:.2} s"),
            limit: format!("{small:.2} s"),
            ratio: Some(ratio),
            goal: Some(("≤ 11", ratio <= 11.0)),
        });
    }
    Ok(())
}

fn times(facts: u64, told: bool) -> Outcome<Times> {
    let site = Site::new()?;
    let input = site.path("facts.ndjson");
    write_lines(&input, facts)?;
    let payload = fs::metadata(&input)?.len() - facts;
    let bare = bare_writer(&input, &site.path("bare"))?;
    let path = input.to_string_lossy().into_owned();
    let (tally, whole) = site.run(&["import", "--tenant", "acme", &path])?;
    if tally["recorded"] != facts {
        return Err(format!("not all was recorded: {tally}").into());
    }
    let import = seconds(&tally)?;
    let (replayed, _) = site.run(&["replay"])?;
    let rebuild = seconds(&replayed)?;
    let scan = scan(&site)?;
    let (_, audit) = site.run(&["audit"])?;
    let times = Times { import, bare, rebuild, scan, audit: audit.as_secs_f64() };
    if told {
        tell_rates(facts, payload, &times, whole);
        sizes(&site, facts, payload)?;
    }
    Ok(times)
}

fn seconds(answer: &Value) -> Outcome<f64> {
    Ok(answer["seconds"].as_f64().ok_or("an answer without its time")?)
}

fn write_lines(path: &Path, facts: u64) -> Outcome<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut template = sample::outreach();
    for n in 0..facts {
        out.write_all(template.stamp(n))?;
        out.write_all(b"\n")?;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}

/// Reads the lines and writes them again, one fdatasync for each group.
fn bare_writer(from: &Path, to: &Path) -> Outcome<f64> {
    let mut lines = BufReader::with_capacity(1 << 20, File::open(from)?);
    let mut out = File::create(to)?;
    let (mut group, mut held) = (Vec::new(), 0);
    let began = Instant::now();
    loop {
        let read = lines.read_until(b'\n', &mut group)?;
        held += usize::from(read > 0);
        if held == GROUP || read == 0 {
            out.write_all(&group)?;
            out.sync_data()?;
            group.clear();
            held = 0;
        }
        if read == 0 {
            break;
        }
    }
    let took = began.elapsed().as_secs_f64();
    fs::remove_file(to)?;
    Ok(took)
}

/// Hands out every record of the log, decompressed, lane by lane on one thread: what a rebuild cannot go below.
fn scan(site: &Site) -> Outcome<f64> {
    let secret = fs::read(site.path("data").join("keys/log-secret"))?;
    let secret = LogSecret::new(secret.as_slice().try_into()?);
    let store = Store::at(&site.path("data").join("sled"));
    let options = LogOptions::new(secret, Arc::new(|| 0), Some(store));
    let (log, _) = Log::open(Arc::new(RealDisk::new(site.path("data"))), &options)?;
    let mut bytes = 0;
    let began = Instant::now();
    log.snapshot().for_each(&Select::all(), &mut |_, record: RecordRef<'_>| {
        bytes += record.public.len();
        ControlFlow::Continue(())
    })?;
    let took = began.elapsed().as_secs_f64();
    std::hint::black_box(bytes);
    log.close();
    Ok(took)
}

fn tell_rates(facts: u64, payload: u64, times: &Times, whole: Duration) {
    let per = |seconds: f64| facts as f64 / seconds;
    let each = payload / facts;
    table::head(&format!(
        "P2  import of {facts} facts of {each} B; beside it their bytes, one fdatasync per {GROUP}"
    ));
    let ratio = times.bare / times.import;
    table::line(Line {
        what: "factfold import, keys checked",
        figure: rate(per(times.import)),
        limit: rate(per(times.bare)),
        ratio: Some(ratio),
        goal: Some(("≥ 0.5 of the limit", ratio >= 0.5)),
    });
    table::plain("  the whole process, opened and closed", format!("{:.2} s", whole.as_secs_f64()));
    table::head("P3  rebuild of all read models; beside it a scan of the decompressed log on one thread");
    let figure = per(times.rebuild);
    table::line(Line {
        what: "factfold replay, all threads",
        figure: rate(figure),
        limit: rate(per(times.scan)),
        ratio: Some(times.scan / times.rebuild),
        goal: Some(("≥ 1 M facts/s", figure >= 1e6)),
    });
}

fn sizes(site: &Site, facts: u64, payload: u64) -> Outcome<()> {
    table::head(&format!("P6  size of {facts} facts, {payload} bytes of payload"));
    // A stopped log has its open segment on disk with zeros ahead; it belongs to the size.
    let of = |room: &str| machine::disk_bytes(&site.path("data").join(room), "");
    let rooms = ["journal", "blobs", "sled"].map(|room| (room, of(room)));
    let all: u64 = rooms.iter().map(|(_, bytes)| bytes).sum();
    for (room, bytes) in rooms {
        table::plain(&format!("  {room}"), format!("{:.3} B a payload byte", bytes as f64 / payload as f64));
    }
    let ratio = all as f64 / payload as f64;
    table::line(Line {
        what: "disk, originals included",
        figure: format!("{ratio:.3} B a payload byte"),
        limit: format!("{:.0} B a fact", all as f64 / facts as f64),
        ratio: None,
        goal: Some(("≤ 0.45", ratio <= 0.45)),
    });
    let nothing = Site::new()?;
    let empty = nothing.serve()?;
    empty.folded()?;
    let baseline = machine::resident(&empty.id());
    empty.stop()?;
    let server = site.serve()?;
    let clean = (server.opened, server.folded()?);
    let resident = machine::resident(&server.id());
    server.kill();
    let held = resident.saturating_sub(baseline);
    let each = held as f64 / facts as f64;
    table::line(Line {
        what: "memory over that of an empty server",
        figure: format!("{each:.1} B a fact"),
        limit: format!("{} MB + {} MB", baseline >> 20, held >> 20),
        ratio: None,
        goal: Some(("≤ 80 B a fact + 150 MB", resident <= 80 * facts + (150 << 20))),
    });
    let again = site.serve()?;
    opens(facts, clean, (again.opened, again.folded()?));
    again.stop()
}

/// Each time until the port took facts, and until all read models were folded.
fn opens(facts: u64, clean: (Duration, Duration), crashed: (Duration, Duration)) {
    // Stated for 10 M facts, of which this is a share.
    let share = 10.0 * facts as f64 / 1e7;
    for (what, took, most, goal) in [
        ("port takes facts after a clean stop", clean.0, 0.3, "≤ 0.3 s at any size"),
        ("port takes facts after kill -9", crashed.0, 0.3, "≤ 0.3 s at any size"),
        ("all folded after a clean stop", clean.1, share, "≤ 10 s for 10 M, by share"),
        ("all folded after kill -9", crashed.1, share, "≤ 10 s for 10 M, by share"),
    ] {
        let seconds = took.as_secs_f64();
        table::line(Line {
            what,
            figure: format!("{seconds:.2} s"),
            limit: format!("{most:.2} s"),
            ratio: None,
            goal: Some((goal, seconds <= most)),
        });
    }
}
