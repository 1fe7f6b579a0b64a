//! Imports that were killed and run again: no fact is counted twice, and lines already imported are skipped.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use crate::common::Site;
use crate::common::facts::answered;
use crate::common::site::{Ran, files, run_within};
use serde_json::Value;

const AT: &str = "2025-10-09T12:00:00Z";
/// The first try; a machine that imports it before it can be killed is given more.
const LINES: u64 = 40_000;

/// A file of so many calls, of which every thousandth line is no fact.
fn calls(site: &Site, count: u64) -> PathBuf {
    let path = site.path("calls.ndjson");
    let mut text = Vec::new();
    for n in 0..count {
        let line =
            if n % 1_000 == 999 { "{broken".into() } else { answered(&format!("CA{n}"), 45, AT).to_string() };
        writeln!(text, "{line}").expect("written");
    }
    fs::write(&path, text).expect("written");
    path
}

/// Waits until sled, in which marks lie, was written to so long after it was opened: marks are a second apart.
fn await_mark(site: &Site, after: Duration) {
    let sled = site.data().join("sled");
    let written = || files(&sled).iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok()).max();
    let (mut opened, started, began) = (None, SystemTime::now(), Instant::now());
    while began.elapsed() < Duration::from_secs(20) {
        let now = written().filter(|now| *now >= started);
        opened = opened.or(now);
        if now.zip(opened).is_some_and(|(now, opened)| now > opened + after) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether an import of `path` goes on where it was: tried on a copy, as to see it is to lose it.
fn has_mark(site: &Site, path: &Path) -> bool {
    let probe = site.path("probe");
    copy(&site.data(), &probe);
    let [path, dir] = [path, &probe].map(|path| path.to_str().expect("utf-8"));
    let ran = site.cli(&["import", "--tenant", "acme", path, "--data-dir", dir, "--json"]);
    fs::remove_dir_all(probe).expect("removed");
    ran.json().remove(0)["passed_over"] != 0
}

/// Kills an import after it has marked how far it came; the file, and how many lines it has.
fn killed(site: &Site) -> (PathBuf, u64) {
    let (mut count, before) = (LINES, site.path("before"));
    if site.data().exists() {
        copy(&site.data(), &before);
    }
    for tries in 1..=5 {
        let path = calls(site, count);
        let args = ["import", "--tenant", "acme", path.to_str().expect("utf-8")];
        let mut import = site.command(&args);
        let mut import =
            import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        await_mark(site, Duration::from_millis(700 * tries));
        let was_under_way = import.try_wait().expect("waits").is_none();
        import.kill().expect("killed");
        import.wait().expect("waits");
        if was_under_way && has_mark(site, &path) {
            return (path, count);
        }
        fs::remove_dir_all(site.data()).expect("removed");
        if before.exists() {
            copy(&before, &site.data());
        }
        count *= if was_under_way { 1 } else { 4 };
    }
    panic!("no import of {count} lines could be killed behind a mark");
}

fn import(site: &Site, path: &Path) -> (Ran, Value) {
    let ran = site.cli(&["import", "--tenant", "acme", path.to_str().expect("utf-8"), "--json"]);
    let summary = ran.json().remove(0);
    (ran, summary)
}

fn counts(summary: &Value) -> [u64; 3] {
    ["recorded", "duplicates", "rejected"].map(|name| summary[name].as_u64().expect("a count"))
}

/// What the log says of imports that were read to their end.
fn ends(site: &Site) -> Vec<Value> {
    let export = site.cli(&["export", "--kind", "import_finished"]);
    export.exits(0).json().iter().map(|fact| fact["body"].clone()).collect()
}

/// Facts of a log that is whole, without the configurations of the two tenants and the ends of imports.
fn facts(site: &Site) -> u64 {
    let audit = run_within(site.command(&["audit", "--json"]), Duration::from_secs(150));
    audit.exits(0).json().remove(0)["facts"].as_u64().expect("facts") - 2 - ends(site).len() as u64
}

#[test]
fn f3_a_killed_import_goes_on_where_it_was_and_its_answer_is_that_of_the_whole() {
    let site = Site::new();
    let (path, count) = killed(&site);
    let (ran, summary) = import(&site, &path);
    let passed_over = summary["passed_over"].as_u64().expect("a count");
    assert!(passed_over > 0 && passed_over < count, "{summary}");
    assert!(ran.stderr.contains(&format!("goes on behind line {passed_over}")), "{}", ran.stderr);
    let [recorded, duplicates, rejected] = counts(&summary);
    // Lines that were recorded behind the last mark are met again.
    assert_eq!(recorded + duplicates + rejected, count, "{summary}");
    assert_eq!(rejected, count / 1_000, "those of the first part are told as well: {summary}");
    assert_eq!(ran.code, Some(1), "and they fail the import");
    assert_eq!(facts(&site), count - count / 1_000, "each once");
    let told = ends(&site);
    let [of_all, first, last] =
        ["lines", "first_position", "last_position"].map(|name| told[0][name].as_u64().unwrap_or_default());
    assert_eq!(
        (told.len(), of_all, last - first + 1),
        (1, count, facts(&site)),
        "one end, of the whole: {told:?}"
    );
    assert_eq!(counts(&told[0]), counts(&summary));
    let (_, again) = import(&site, &path);
    assert_eq!(ends(&site), told, "and none more");
    assert_eq!(
        (again["passed_over"].as_u64(), again["recorded"].as_u64()),
        (Some(0), Some(0)),
        "it was done"
    );
}

#[test]
fn f3_a_mark_that_does_not_hold_any_more_is_not_believed() {
    let site = Site::new();
    let older = site.path("older");
    fs::write(site.path("first.ndjson"), answered("first", 45, AT).to_string()).expect("written");
    import(&site, &site.path("first.ndjson")).0.exits(0);
    copy(&site.data().join("journal"), &older);
    let (path, count) = killed(&site);
    // The log is brought back from a backup that is older than the mark.
    fs::remove_dir_all(site.data().join("journal")).expect("removed");
    copy(&older, &site.data().join("journal"));
    let (_, summary) = import(&site, &path);
    let good = count - count / 1_000;
    assert_eq!((summary["passed_over"].as_u64(), counts(&summary)[0]), (Some(0), good), "{summary}");
    assert_eq!(facts(&site), good + 1);

    // The file was changed since.
    let site = Site::new();
    let (path, count) = killed(&site);
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("opens");
    writeln!(file, "{}", answered("one more", 45, AT)).expect("written");
    let (_, summary) = import(&site, &path);
    assert_eq!(summary["passed_over"], 0, "{summary}");
    assert_eq!(counts(&summary).iter().sum::<u64>(), count + 1);
    assert_eq!(facts(&site), count + 1 - count / 1_000);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
