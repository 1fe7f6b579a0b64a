//! The command line from outside: help, exit codes, import, log, replay, audit, and stdout as data.

use std::fs;

use crate::common::facts::{answered, four_stages, mail};
use crate::common::site::{Ran, bare_command, files, run};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

fn history() -> Vec<Value> {
    let mut facts = four_stages("CA1");
    facts.extend((10..40).map(|n| answered(&format!("CA{n}"), n, AT)));
    facts.extend((0..10).map(|n| mail("email_sent", n, json!({"id": n.to_string()}), AT)));
    facts
}

/// A site with the history in its log, stopped.
async fn recorded() -> Site {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &history()).await;
    server.stop();
    site
}

fn factfold(args: &[&str]) -> Ran {
    run(bare_command(args))
}

#[test]
fn help_and_version_go_to_stdout_and_name_every_command() {
    let help = factfold(&["--help"]);
    for command in ["serve", "demo", "import", "log", "replay", "audit"] {
        assert!(help.exits(0).stdout.contains(command), "expected `{command}` in the help: {}", help.stdout);
        let own = factfold(&[command, "--help"]);
        assert!(own.exits(0).stdout.contains("Usage"), "expected the usage of {command}: {}", own.all());
    }
    for name in ["--config", "--json"] {
        assert!(help.stdout.contains(name), "expected `{name}` in the help: {}", help.stdout);
    }
    assert!(
        factfold(&["--version"]).exits(0).stdout.contains(env!("CARGO_PKG_VERSION")),
        "expected the version"
    );
}

#[test]
fn wrong_usage_exits_2_and_says_so_on_stderr() {
    for args in [
        &[][..],
        &["teleport"],
        &["serve", "--surprise"],
        &["log", "show"],
        &["log", "show", "x"],
        &["import"],
    ] {
        let ran = factfold(args);
        ran.exits(2);
        assert!(!ran.stderr.trim().is_empty(), "expected words on stderr for {args:?}");
        assert!(ran.stdout.is_empty(), "expected stdout to be data only for {args:?}: {}", ran.stdout);
    }
}

const TENANT: &str = "\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n";
const ENDPOINT: &str = "\n[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\ntenant = \"acme\"\n";

/// Wrong tables, the key at fault, and the line of the file on which it stands (two lines come before the tables).
fn wrong_tables() -> Vec<(String, &'static str, u32)> {
    vec![
        (format!("{TENANT}timezone = \"UTC\"\nsurprise = 1\n"), "surprise", 8),
        (format!("{TENANT}timezone = \"Mars/Olympus\"\n"), "timezone", 7),
        (format!("{TENANT}timezone = 7\n"), "timezone", 7),
        (
            format!("{TENANT}timezone = \"UTC\"\n{ENDPOINT}secrets = [\"env:NO_SUCH_SECRET\"]\n"),
            "secrets",
            13,
        ),
        (format!("{TENANT}timezone = \"UTC\"\n{ENDPOINT}secrets = [\"file:/no/such\"]\n"), "secrets", 13),
    ]
}

#[test]
fn a_wrong_configuration_is_refused() {
    let site = Site::new();
    for (tables, ..) in wrong_tables() {
        site.configure(&tables);
        let ran = site.start_refused();
        assert!(
            ran.exits(2).stderr.contains("factfold.toml"),
            "expected the file to be named: {}",
            ran.stderr
        );
    }
    site.configure("\n[[tenant]\n");
    assert!(
        site.start_refused().exits(2).stderr.contains("factfold.toml:4"),
        "expected file and line of broken TOML"
    );
}

#[test]
fn what_is_wrong_in_a_configuration_is_named_by_line_and_key() {
    let site = Site::new();
    let mut missing = Vec::new();
    for (tables, key, line) in wrong_tables() {
        site.configure(&tables);
        let said = site.start_refused().stderr;
        let line = [format!("factfold.toml:{line}:"), format!("line {line}")];
        if !said.contains(key) || !line.iter().any(|words| said.contains(words)) {
            missing.push(format!("expected {} and `{key}` in: {}", line[1], said.trim()));
        }
    }
    assert!(missing.is_empty(), "expected line and key to be named:\n{}", missing.join("\n"));
}

#[test]
fn an_endpoint_of_a_signed_provider_without_a_secret_is_refused() {
    let site = Site::with(&format!("{TENANT}timezone = \"UTC\"\n{ENDPOINT}"));
    let ran = site.start_refused();
    assert!(ran.exits(2).stderr.contains("secrets"), "expected the missing key to be named: {}", ran.stderr);
}

#[test]
fn an_admin_token_that_is_easy_to_guess_is_refused_and_not_printed() {
    let site = Site::new();
    for weak in ["too-short", "wwwwwwwwwwwwwwww", "hunterhunterhunter", "abcdefghijklmnopqrst"] {
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("FACTFOLD_ADMIN_TOKEN", weak);
        let ran = run(command);
        assert!(ran.exits(2).stderr.contains("FACTFOLD_ADMIN_TOKEN"), "{}", ran.stderr);
        assert!(!ran.all().contains(weak), "expected the token not to be printed: {}", ran.all());
    }
    assert!(!site.data().exists(), "nothing was begun");
}

#[tokio::test]
async fn a_data_directory_in_use_exits_4() {
    let site = recorded().await;
    let server = site.start().await;
    let file = site.path("facts.ndjson");
    fs::write(&file, format!("{}\n", answered("CA99", 45, AT))).expect("write");
    site.start_refused().exits(4);
    site.cli(&["import", "--tenant", "acme", file.to_str().expect("path")]).exits(4);
    assert!(server.is_alive(), "expected the first server to go on");
    server.stop();
    site.cli(&["log", "list", "--tenant", "acme"]).exits(0);
}

#[tokio::test]
async fn f3_importing_a_file_twice_gives_duplicates_the_second_time() {
    let site = Site::new();
    let file = site.path("facts.ndjson");
    let lines: String = history().iter().map(|fact| format!("{fact}\n")).collect();
    fs::write(&file, lines).expect("write");
    let file = file.to_str().expect("path");
    for (recorded, duplicates) in [(44, 0), (0, 44)] {
        let ran = site.cli(&["import", "--tenant", "acme", file, "--json"]);
        let summary = ran.exits(0).json().pop().expect("one object");
        let counts = ["recorded", "duplicates", "conflicts", "rejected"].map(|name| summary[name].as_u64());
        assert_eq!(counts, [recorded, duplicates, 0, 0].map(Some), "expected of this import: {summary}");
    }
    let server = site.start().await;
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!([&month["calls"], &month["emails_sent"]], [31, 10], "expected each fact once: {month}");
}

#[tokio::test]
async fn importing_reports_bad_lines_and_conflicts_and_goes_on() {
    let site = recorded().await;
    let file = site.path("facts.ndjson");
    let lines = format!("{}\n{{broken\n{}\n", answered("CA10", 99, AT), answered("CA99", 45, AT));
    fs::write(&file, lines).expect("write");
    let ran = site.cli(&["import", "--tenant", "acme", file.to_str().expect("path"), "--json"]);
    let summary = ran.json().pop().expect("a summary");
    let counts = ["recorded", "duplicates", "conflicts", "rejected"].map(|name| summary[name].as_u64());
    assert_eq!(counts, [1, 0, 1, 1].map(Some), "expected one of each: {}", ran.all());
    ran.exits(1);
    let missing = site.cli(&["import", "--tenant", "acme", "no-such-file.ndjson"]);
    assert!(
        missing.exits(1).stderr.contains("no-such-file.ndjson"),
        "expected the file's name: {}",
        missing.stderr
    );
}

#[tokio::test]
async fn log_lists_and_shows_facts() {
    let site = Site::with("[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n");
    let server = site.start().await;
    server.record("acme", &history()).await;
    server.stop();
    let listed = site.cli(&["log", "list", "--tenant", "acme", "--oldest-first", "--limit", "500", "--json"]);
    let facts = listed.exits(0).json();
    let positions: Vec<u64> = facts.iter().filter_map(|fact| fact["position"].as_u64()).collect();
    let expected: Vec<u64> = (1..=positions.len() as u64).collect();
    assert_eq!(positions, expected, "expected all positions from 1 in order");
    let of_calls = facts.iter().filter(|fact| fact["kind"] == "call_reported").count();
    assert_eq!(of_calls, 34, "expected every reported call in the list");
    let last = facts.last().expect("facts");
    let position = last["position"].to_string();
    let shown = site.cli(&["log", "show", &position, "--json"]);
    let shown = shown.exits(0).json();
    assert_eq!(shown.len(), 1, "expected one object");
    for member in ["position", "tenant", "provider", "external_id", "kind", "digest"] {
        assert_eq!(shown[0][member], last[member], "expected `{member}` of the same fact: {shown:?}");
    }
    let table = site.cli(&["log", "list", "--tenant", "acme", "--kind", "call_reported"]);
    assert!(table.exits(0).stdout.contains("call_reported"), "expected a table for people: {}", table.stdout);
    let none = site.cli(&["log", "show", "999999"]);
    assert!(none.exits(1).stderr.contains("999999"), "expected the position to be named: {}", none.stderr);
}

#[tokio::test]
async fn l4_a_day_is_one_of_the_tenant_s_zone_where_facts_are_selected() {
    let site = Site::new();
    let server = site.start().await;
    // Midnight in New York is 04:00 UTC.
    let calls =
        ["2025-10-09T03:59:59Z", "2025-10-09T04:00:00Z", "2025-10-10T03:59:59Z", "2025-10-10T04:00:00Z"];
    for tenant in ["acme", "globex"] {
        let facts = calls.iter().enumerate().map(|(n, at)| answered(&format!("CA{n}"), 45, at));
        server.record(tenant, &facts.collect::<Vec<_>>()).await;
    }
    server.stop();
    let ids = |args: &[&str]| -> Vec<String> {
        let day = ["--from", "2025-10-09", "--to", "2025-10-09", "--kind", "call_reported"];
        let found = site.cli(&[args, &day].concat());
        found
            .exits(0)
            .json()
            .iter()
            .map(|fact| fact["external_id"].as_str().expect("id")[..3].to_owned())
            .collect()
    };
    assert_eq!(ids(&["log", "list", "--json", "--oldest-first", "--tenant", "acme"]), ["CA1", "CA2"]);
    assert_eq!(ids(&["log", "list", "--json", "--oldest-first", "--tenant", "globex"]), ["CA0", "CA1"]);
    assert_eq!(ids(&["export"]), ["CA1", "CA2", "CA0", "CA1"], "each in its own tenant's zone");
}

#[tokio::test]
async fn e6_replay_gives_the_same_digests_each_time() {
    let site = recorded().await;
    let [first, second] = [0, 1].map(|_| site.cli(&["replay", "--json"]));
    let digests = |ran: &Ran| -> Vec<String> {
        let text = ran.exits(0).stdout.clone();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 64);
        words.map(str::to_owned).collect()
    };
    assert!(!digests(&first).is_empty(), "expected digests: {}", first.stdout);
    assert_eq!(digests(&first), digests(&second), "expected the same digests of the same log");
    assert!(!first.json().is_empty(), "expected JSON on stdout");
    let server = site.start().await;
    server.record("acme", &[answered("CA99", 45, AT)]).await;
    server.stop();
    let third = site.cli(&["replay", "--json"]);
    assert_ne!(digests(&first), digests(&third), "expected other digests of a longer log");
}

#[tokio::test]
async fn e7_audit_passes_on_a_whole_log_and_exits_3_naming_what_is_broken() {
    let site = recorded().await;
    assert!(!site.cli(&["audit", "--json"]).exits(0).json().is_empty(), "expected JSON on stdout");
    site.cli(&["audit"]).exits(0);
    let needle = b"CA20:completed";
    let holds = |file: &std::path::PathBuf| {
        let bytes = fs::read(file).expect("read");
        let at = bytes.windows(needle.len()).position(|window| window == needle)?;
        Some((file.clone(), bytes, at))
    };
    let found = files(&site.data().join("journal")).iter().find_map(holds);
    let (file, mut bytes, at) = found.expect("expected the fact's id in a file of the journal");
    bytes[at + 2] ^= 0x01;
    fs::write(&file, &bytes).expect("write");
    let name = file.file_name().and_then(|name| name.to_str()).expect("name").to_owned();
    let audit = site.cli(&["audit"]);
    let named = |ran: &Ran| [&name[..], "position", "record"].iter().any(|word| ran.all().contains(word));
    assert!(named(audit.exits(3)), "expected the record or {name} to be named: {}", audit.all());
    site.cli(&["audit", "--json"]).exits(3);
    let serve = site.start_refused();
    assert!(named(serve.exits(3)), "expected serve to name the record or {name}: {}", serve.stderr);
    bytes[at + 2] ^= 0x01;
    fs::write(&file, &bytes).expect("write");
    site.cli(&["audit"]).exits(0);
}

#[tokio::test]
async fn serve_answers_health_readiness_and_version_without_a_token() {
    let site = Site::new();
    let server = site.start().await;
    for path in ["/healthz", "/readyz", "/version"] {
        server.send(server.request("GET", path)).await.is(200);
    }
    let version = server.send(server.request("GET", "/version")).await;
    assert!(version.text.contains(env!("CARGO_PKG_VERSION")), "expected the version: {version:?}");
    assert!(
        server.stderr().contains("data in "),
        "expected the data directory to be named: {}",
        server.stderr()
    );
    assert!(!server.stderr().contains(TOKEN), "expected no secret on stderr: {}", server.stderr());
    server.stop();
}

#[tokio::test]
async fn the_data_directory_can_be_given_by_flag() {
    let site = Site::new();
    let other = site.path("elsewhere");
    let dir = other.to_str().expect("path");
    let ran = site.cli(&["audit", "--data-dir", dir]);
    assert!(ran.exits(1).stderr.contains(dir), "expected no log in the flag's directory: {}", ran.stderr);
    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir]);
    command.env("RUST_LOG", "warn");
    let server = Server::started(command).await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    server.stop();
    assert!(other.join("journal").is_dir(), "expected the journal below the flag's directory");
    assert!(!site.data().join("journal").exists(), "expected none below the file's directory");
}

#[tokio::test]
async fn the_secret_of_another_log_is_refused_by_name() {
    let site = recorded().await;
    let path = site.data().join("keys/log-secret");
    let own = fs::read(&path).expect("the log's secret");
    fs::write(&path, [7; 32]).expect("another secret");
    for ran in [site.cli(&["replay"]), site.start_refused()] {
        ran.exits(3);
        assert!(ran.stderr.contains("log-secret"), "expected the file's name: {}", ran.stderr);
    }
    fs::write(&path, own).expect("the own secret again");
    site.cli(&["audit"]).exits(0);
}

#[tokio::test]
async fn import_for_a_tenant_that_nobody_knows_records_nothing() {
    let site = recorded().await;
    let lines = site.path("facts.ndjson");
    fs::write(&lines, format!("{}\n", answered("CA99", 60, AT))).expect("a file of facts");
    let before = site.cli(&["--json", "replay"]).stdout;
    let ran = site.cli(&["import", "--tenant", "acmee", lines.to_str().expect("utf-8")]);
    assert!(ran.exits(2).stderr.contains("acmee"), "expected the tenant's name: {}", ran.stderr);
    let facts = |text: &str| serde_json::from_str::<Value>(text).map(|replay| replay["facts"].clone()).ok();
    let after = site.cli(&["--json", "replay"]).stdout;
    assert_eq!(facts(&before), facts(&after), "expected no fact more");
}

#[tokio::test]
async fn an_import_that_cannot_read_its_file_says_so_and_fails() {
    let site = recorded().await;
    let dir = site.path("a-folder");
    fs::create_dir(&dir).expect("a folder");
    let ran = site.cli(&["import", "--tenant", "acme", dir.to_str().expect("utf-8")]);
    ran.exits(1);
    assert!(ran.stderr.contains("a-folder") && ran.stderr.contains("reading stopped here"), "{}", ran.stderr);
}
