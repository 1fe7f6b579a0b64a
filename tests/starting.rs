//! What a start refuses, warns of and leaves alone; what a reload says that it does not take over.

use std::fs;
use std::net::TcpListener;

use crate::common::facts::answered;
use crate::common::site::{Ran, run, run_within};
use crate::common::{Site, TOKEN, TWO_TENANTS};
use serde_json::json;

const TENANT: &str = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n";

fn refused_on(site: &Site, address: &str) -> Ran {
    run_within(site.command(&["serve", "--listen", address]), std::time::Duration::from_secs(10))
}

#[tokio::test]
async fn given_a_port_that_is_taken_then_nothing_is_recorded() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let site = Site::new();
    let refused = refused_on(&site, &address);
    assert!(refused.exits(1).stderr.contains(&format!("cannot listen on {address}")), "{}", refused.stderr);
    assert!(!site.data().exists(), "no log is begun");

    site.start().await.stop();
    let positions = || site.cli(&["log", "list", "--tenant", "acme", "--json"]).exits(0).json().len();
    let before = positions();
    site.configure(&TWO_TENANTS.replace("Acme Dental", "Acme Dental and Sons"));
    refused_on(&site, &address).exits(1);
    assert_eq!(positions(), before, "the changed name is not recorded");
    // The same file where the port is free.
    drop(taken);
    site.start().await.stop();
    assert_eq!(positions(), before + 1);

    let server = site.start().await;
    let here = server.base.trim_start_matches("http://").to_owned();
    let second = refused_on(&site, &here);
    assert!(second.exits(4).stderr.contains("in use"), "its own server has the port: {}", second.stderr);
}

#[test]
fn several_mistakes_are_told_at_once_each_by_line() {
    let tables = "listn = \"127.0.0.1:80\"\n[limits]\nconnections = 0\nrequests_burst = \"many\"\n[htp]\ncors = []\nmore = 1\n\
         [outbound]\nallow = [\"http://a\"]\n[[tenant]]\nid = \"Acme\"\nname = \"Acme\"\ntimezone = \"Mars/Olympus\"\n\
         currency = \"dollars\"\n[tenant.rules]\nqualified_min_second = 3\njob_value_minor = \"much\"\n\
         [[endpoint]]\nid = \"short\"\nprovider = \"twilio\"\nsecrets = [\"x\"]\n[[endpoint]]\nid = \"tw-00000001\"\n\
         provider = \"twillio\"\n[[endpoint]]\nid = \"tw-00000002\"\nprovider = \"twilio\"\nsecrets = [\"env:NOT_THERE\"]\n";
    let site = Site::with(tables);
    for command in [&["serve"][..], &["config", "show"]] {
        let ran = site.cli(command);
        let line = |words: &str| {
            let at = format!("{}:", site.config().display());
            let told = ran.stderr.lines().find(|line| line.contains(words));
            told.and_then(|line| line.split(&at).nth(1)?.split(':').next()?.parse::<u32>().ok())
        };
        for (words, at) in [
            (": listn: unknown field", 3),
            (": limits.connections: must be", 5),
            (": limits.requests_burst: must be an integer", 6),
            ("htp", 7),
            (": outbound.allow: must be a host", 11),
            (": tenant.id: ", 13),
            (": tenant.timezone: \"Mars/Olympus\"", 15),
            (": tenant.currency: must be", 16),
            (": tenant.rules.qualified_min_second: is not a member", 18),
            (": tenant.rules.job_value_minor: must be", 19),
            (": endpoint.id: must be 8", 21),
            (": endpoint.provider: unknown provider \"twillio\"", 26),
            (": endpoint.secrets: the environment variable NOT_THERE", 30),
        ] {
            assert_eq!(line(words), Some(at), "{words}\n{}", ran.stderr);
        }
        assert!(ran.exits(2).stderr.contains("13 mistakes"), "no more than there are: {}", ran.stderr);
    }
    // One mistake is told as it always was, and what follows from it is not told.
    let site = Site::with(&TENANT.replace("timezone", "timezone = 7 #"));
    let told = site.cli(&["config", "show"]);
    assert!(told.exits(2).stderr.contains(":6: tenant.timezone: must be a text"), "{}", told.stderr);
    assert!(!told.stderr.contains("missing field") && !told.stderr.contains("mistakes"), "{}", told.stderr);
}

/// A configuration of four lines that are mostly not meant.
const ADVISED: &str = "[[tenant.tracking_number]]\nnumber = \"(415) 867-5309\"\nagent = \"ann\"\n\
     [tenant.twilio]\naccount_sid = \"AC1\"\nauth_token = \"y\"\nfrom = \"+14158675300\"\nendpoint = \"tw-00000001\"\n\
     [[endpoint]]\nid = \"tw-00000001\"\nprovider = \"twilio\"\ntenant = \"acme\"\nsecrets = [\"x\"]\n";

#[tokio::test]
async fn what_can_never_match_is_told_by_line_at_a_start_at_a_reload_and_by_config_show() {
    let site = Site::with("");
    let bare = |tables: &str| {
        let head = format!("data_dir = {:?}\nlisten = \"127.0.0.1:0\"\n", site.data());
        fs::write(site.config(), format!("{head}{tables}")).expect("written");
    };
    bare(&format!("{TENANT}{ADVISED}"));
    let told = [
        ":8: tenant.tracking_number.number: \"(415) 867-5309\" is no number such as +15550199",
        ":9: tenant.tracking_number.agent: \"ann\" is no email address",
        ":14: tenant.twilio.endpoint: callbacks of placed calls are signed with auth_token, which is none of the secrets",
        ":17: endpoint.provider: twilio signs the URL that it calls, and public_url is not set",
    ];
    let shown = site.cli(&["config", "show"]);
    for told in told {
        assert!(shown.exits(0).stderr.contains(told), "{told}\n{}", shown.stderr);
    }
    let server = site.start().await;
    let unescaped = |text: String| text.replace("\\\"", "\"");
    for told in told {
        assert!(unescaped(server.stderr()).contains(told), "{told}\n{}", server.stderr());
    }
    let again = format!("{TENANT}{ADVISED}").replace("(415) 867-5309", "415.867.5309");
    bare(&again);
    server.hang_up();
    server.says("415.867.5309").await;
    server.stop();

    // What is right is told nowhere.
    let right = ADVISED.replace("(415) 867-5309", "+14158675309").replace("\"ann\"", "\"ann@example.com\"");
    let right = right.replace("auth_token = \"y\"", "auth_token = \"x\"");
    site.configure(&format!("{TENANT}{right}"));
    let shown = site.cli(&["config", "show"]);
    assert_eq!(shown.exits(0).stderr, "");
}

#[tokio::test]
async fn a_reload_names_the_changed_keys_that_want_a_restart() {
    let site = Site::new();
    let server = site.start().await;
    site.configure(&format!(
        "{TWO_TENANTS}[limits]\nconnections = 77\n[http]\ncors = [\"https://a.example\"]\n"
    ));
    server.hang_up();
    server.says("\"keys\":\"http.cors limits.connections\"").await;
    server.says("in force only after a restart").await;
    let said = |server: &crate::common::Server| server.stderr().matches("only after a restart").count();
    assert_eq!(said(&server), 1);
    site.configure(TWO_TENANTS);
    server.hang_up();
    for _ in 0..500 {
        if server.stderr().matches("configuration reloaded").count() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(said(&server), 1, "as it was at the start, nothing wants one: {}", server.stderr());
}

#[tokio::test]
async fn commands_without_a_server_need_no_secret() {
    let site = Site::new();
    let server = site.start().await;
    server.post("acme", &answered("a", 45, "2025-10-09T12:00:00Z")).await.is(201);
    let made = json!({"provider": "twilio", "tenant": "acme", "secrets": ["env:TWILIO_TOKEN"]});
    server.ask(TOKEN, "POST", "/api/v1/endpoints", made).await.is(201);
    server.stop();
    let crm = "[tenant.clienttether]\nweb_key = \"file:/not/there\"\n";
    site.configure(&TWO_TENANTS.replacen("[tenant.rules]", &format!("{crm}[tenant.rules]"), 1));
    let facts = site.path("facts.ndjson");
    fs::write(&facts, "").expect("written");
    let facts = facts.to_str().expect("utf-8");
    let secretless = |args: &[&str]| {
        let mut command = site.command(args);
        command.env_remove("TWILIO_TOKEN").env("FACTFOLD_ADMIN_TOKEN", "weak");
        run(command)
    };
    for args in [
        &["audit"][..],
        &["export"],
        &["log", "list", "--tenant", "acme"],
        &["replay"],
        &["quarantine", "list"],
        &["quarantine", "retry", "--all"],
        &["conflicts", "list"],
        &["tenant", "list"],
        &["tenant", "apply"],
        &["user", "list"],
        &["token", "list"],
        &["token", "create", "x", "--role", "viewer", "--tenant", "acme"],
        &["import", "--tenant", "acme", facts],
    ] {
        let ran = secretless(args);
        ran.exits(0);
        assert!(!ran.stderr.contains("TWILIO_TOKEN") && !ran.stderr.contains("disabled"), "{}", ran.stderr);
    }
    // A server does: its deliveries are signed.
    let refused = secretless(&["serve", "--listen", "127.0.0.1:0"]);
    let told = ["TWILIO_TOKEN", "/not/there", "FACTFOLD_ADMIN_TOKEN"];
    assert!(told.iter().all(|what| refused.exits(2).stderr.contains(what)), "{}", refused.stderr);
}

/// Runs a server on a terminal until it serves, and prints what stood there.
const TERMINAL: &str = "
import os, pty, signal, sys
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'factfold stopped' not in seen:
    seen += os.read(terminal, 4096)
    if b'factfold serves' in seen:
        os.kill(process, signal.SIGTERM)
sys.stdout.buffer.write(seen)
";

#[tokio::test]
async fn logs_are_text_on_a_terminal_and_json_elsewhere() {
    let site = Site::new();
    let serve = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut python = std::process::Command::new("python3");
    python.args(["-c", TERMINAL]).arg(serve.get_program()).args(serve.get_args());
    python.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    python.current_dir(serve.get_current_dir().expect("a folder"));
    let on_a_terminal = run(python).exits(0).stdout.clone();
    assert!(on_a_terminal.contains("log open") && !on_a_terminal.contains("{\""), "{on_a_terminal}");
    let elsewhere = site.start().await.stderr();
    let line = elsewhere.lines().find(|line| line.contains("log open")).expect("the same line");
    assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
}

/// So many answered calls as lines of an export that is imported.
fn many_calls(count: usize) -> String {
    (0..count).map(|n| answered(&format!("M{n}"), 60, "2025-10-09T12:00:00Z").to_string() + "\n").collect()
}

#[tokio::test]
async fn p6_facts_are_taken_before_the_figures_are_folded_and_figures_are_told_only_whole() {
    let site = Site::new();
    site.start().await.stop();
    const CALLS: usize = 40_000;
    let file = site.path("many.ndjson");
    fs::write(&file, many_calls(CALLS)).expect("written");
    site.cli(&["import", "--tenant", "acme", file.to_str().expect("utf-8")]).exits(0);
    let server = site.start().await;
    let month = || server.get("/api/v1/tenants/acme/metrics/month?month=2025-10");
    let ready = server.get("/readyz").await;
    let stranger = server.send(server.request("GET", "/readyz")).await;
    let posted = server.command("acme", "facts", &answered("first", 60, "2025-10-09T12:00:00Z")).await;
    posted.is(201);
    assert_eq!(server.get("/readyz").await.status, 503, "the fact was taken before");
    assert_eq!(ready.status, 503, "null control: so many facts are not folded at once: {}", ready.text);
    assert!(ready.text.contains("being folded since the start: "), "an admin is told whose: {}", ready.text);
    assert!(stranger.is(503).text.contains("being folded since the start"), "{}", stranger.text);
    assert!(!stranger.text.contains("acme"), "a stranger is told no name: {}", stranger.text);
    for global in ["/healthz", "/api/v1/tenants", "/api/v1/log/checkpoint"] {
        server.get(global).await.is(200);
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let whole = loop {
        let answer = month().await;
        if answer.status == 200 {
            break answer;
        }
        // After 5 s of waiting.
        assert!(answer.is(503).text.contains("not_folded"), "{}", answer.text);
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
        assert!(std::time::Instant::now() < deadline, "{}", answer.text);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let calls = whole.json["calls"].as_u64().expect("calls") as usize;
    assert!(calls == CALLS || calls == CALLS + 1, "the first figure that is told is whole: {calls}");
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["calls"], json!(CALLS + 1));
    server.get("/readyz").await.is(200);
}
