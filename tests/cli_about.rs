//! Help, completions, manual pages and `config show`.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::Site;
use crate::common::site::{Ran, bare_command, run};

/// Every command that does something, as its words.
const COMMANDS: &[&str] = &[
    "serve",
    "demo",
    "import",
    "export",
    "log accept-clock",
    "log follow",
    "log key",
    "log list",
    "log migrate",
    "log show",
    "replay",
    "audit",
    "backup",
    "restore",
    "erase",
    "verify",
    "explain",
    "quarantine list",
    "quarantine show",
    "quarantine retry",
    "conflicts list",
    "conflicts show",
    "conflicts accept",
    "conflicts reject",
    "void",
    "cluster status",
    "cluster join",
    "cluster reseed",
    "tenant list",
    "tenant show",
    "tenant apply",
    "user create",
    "user list",
    "user password",
    "user grant",
    "user revoke",
    "user remove",
    "token create",
    "token list",
    "token revoke",
    "config show",
    "config reference",
    "kinds",
    "sync run",
    "sync status",
    "sync backfill",
    "completions",
    "man",
];

fn factfold(args: &[&str]) -> Ran {
    run(bare_command(args))
}

/// The commands that a help lists, in its section of them.
fn listed(help: &str) -> Vec<String> {
    let section = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.trim().is_empty());
    let named = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    named.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

/// Every command that the binary lists, those below others too.
fn leaves() -> Vec<String> {
    let top = listed(&factfold(&["--help"]).exits(0).stdout);
    let below = |name: String| {
        let inner = listed(&factfold(&[&name, "--help"]).exits(0).stdout);
        if inner.is_empty() {
            vec![name]
        } else {
            inner.into_iter().map(|inner| format!("{name} {inner}")).collect()
        }
    };
    top.into_iter().flat_map(below).collect()
}

#[test]
fn every_command_says_what_it_is_for() {
    let mut leaves = leaves();
    let mut expected: Vec<String> = COMMANDS.iter().map(|words| (*words).to_owned()).collect();
    leaves.sort();
    expected.sort();
    assert_eq!(leaves, expected, "the commands that the help lists are those that are tested here");
    for command in leaves {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = factfold(&args).exits(0).stdout.clone();
        let about = help.lines().next().unwrap_or_default();
        assert!(about.len() > 12 && !about.starts_with("Usage"), "{command} says what it is for: {help}");
    }
}

#[test]
fn shells_complete_every_command_and_every_command_has_a_page() {
    for shell in ["bash", "zsh", "fish"] {
        let script = factfold(&["completions", shell]).exits(0).stdout.clone();
        for word in COMMANDS.iter().flat_map(|words| words.split(' ')) {
            assert!(script.contains(word), "{shell} completes {word}");
        }
    }
    let unknown = factfold(&["completions", "cmd.exe"]);
    assert!(unknown.exits(2).stderr.contains("zsh"), "the shells are named: {}", unknown.stderr);
    let page = factfold(&["man"]).exits(0).stdout.clone();
    assert!(page.contains(".TH factfold 1") && page.contains("factfold\\-serve(1)"), "{page}");
    let dir = tempfile::tempdir().expect("directory");
    let pages = dir.path().join("man1");
    factfold(&["man", "--out", pages.to_str().expect("utf-8")]).exits(0);
    for words in COMMANDS {
        let name = format!("factfold-{}.1", words.replace(' ', "-"));
        let page = fs::read_to_string(pages.join(&name)).expect(&name);
        assert!(page.contains(".SH DESCRIPTION"), "{name}: {page}");
    }
    let file = dir.path().join("a-file");
    fs::write(&file, "").expect("written");
    let broken = factfold(&["man", "--out", file.to_str().expect("utf-8")]);
    assert!(broken.exits(1).stderr.contains("a-file"), "{}", broken.stderr);
}

const CANARY: &str = "canary-7b1f";

const TABLES: &str = r#"
[[tenant]]
id = "acme"
name = "Acme"
timezone = "UTC"
[tenant.clienttether]
web_key = "canary-7b1f-web"
access_token = "env:CRM_TOKEN"

[[endpoint]]
id = "tw-5b0f0d7e"
provider = "twilio"
tenant = "acme"
secrets = ["canary-7b1f-twilio", "env:CRM_TOKEN"]
"#;

#[test]
fn config_show_names_what_holds_and_where_it_comes_from() {
    let site = Site::with(TABLES);
    let shown = |args: &[&str]| {
        let mut command = site.command(args);
        command.env("CRM_TOKEN", "canary-7b1f-crm").env("FACTFOLD_LISTEN", "127.0.0.1:9999");
        command.env("FACTFOLD_ADMIN_TOKEN", "canary-7b1f-admin-token");
        let ran = run(command);
        assert!(!ran.exits(0).all().contains(CANARY), "no secret shows: {}", ran.all());
        ran
    };
    let settings = shown(&["config", "show", "--json", "--data-dir", "elsewhere"]).json();
    let one = |key: &str| -> (Value, String) {
        let found = settings.iter().find(|setting| setting["key"] == key).expect(key);
        (found["value"].clone(), found["origin"].as_str().expect("origin").to_owned())
    };
    let file = |line: u32| format!("{}:{line}", site.config().display());
    assert_eq!(one("data_dir"), (json!("elsewhere"), "--data-dir".into()));
    assert_eq!(one("listen"), (json!("127.0.0.1:9999"), "FACTFOLD_LISTEN".into()));
    assert_eq!(one("public_url"), (json!("https://hooks.example.com"), file(2)));
    assert_eq!(one("admin_token"), (json!("***"), "FACTFOLD_ADMIN_TOKEN".into()));
    assert_eq!(one("limits.connections"), (json!(10_000), "default".into()));
    assert_eq!(one("tenant[acme].clienttether.access_token"), (json!("env:CRM_TOKEN"), file(10)));
    assert_eq!(one("endpoint[tw-5b0f0d7e].secrets"), (json!(["***", "env:CRM_TOKEN"]), file(16)));
    let table = shown(&["config", "show"]).stdout;
    for words in ["setting", "tenant[acme].timezone", "FACTFOLD_LISTEN", "default"] {
        assert!(table.contains(words), "expected {words} in {table}");
    }
    assert!(!site.data().exists() && !PathBuf::from("elsewhere").exists(), "looking makes no data directory");
}

#[test]
fn config_show_refuses_what_serve_refuses_and_shows_the_defaults_without_a_file() {
    let site = Site::with(TABLES);
    let ran = site.cli(&["config", "show"]);
    assert!(ran.exits(2).stderr.contains("CRM_TOKEN"), "the missing secret is named: {}", ran.stderr);
    assert!(ran.stdout.is_empty() && !ran.all().contains(CANARY), "{}", ran.all());
    let dir = tempfile::tempdir().expect("directory");
    let mut bare = bare_command(&["config", "show", "--json"]);
    bare.current_dir(dir.path()).env_remove("FACTFOLD_ADMIN_TOKEN");
    let settings = run(bare).exits(0).json();
    assert!(settings.iter().all(|setting| setting["origin"] == "default"), "{settings:?}");
    factfold(&["config", "show", "--config", "no-such-file.toml"]).exits(2);
    factfold(&["config"]).exits(2);
}

#[tokio::test]
async fn commands_that_record_into_a_directory_in_use_exit_4_and_name_what_does_it_instead() {
    let site = Site::new();
    let facts = site.path("facts.ndjson");
    fs::write(&facts, "").expect("written");
    let facts = facts.to_str().expect("utf-8").to_owned();
    let server = site.start().await;
    for (args, instead) in [
        (&["import", "--tenant", "acme", &facts][..], "--server"),
        (&["quarantine", "retry", "--all"], "/quarantine"),
        (&["conflicts", "accept", "1"], "/conflicts"),
        (&["conflicts", "reject", "1"], "/conflicts"),
        (&["tenant", "apply"], "SIGHUP"),
        (&["user", "grant", "a@example.com", "acme=viewer"], "/users"),
        (&["user", "revoke", "a@example.com", "acme"], "/users"),
        (&["user", "remove", "a@example.com"], "/users"),
        (&["token", "create", "x", "--role", "admin"], "/tokens"),
        (&["token", "revoke", "x"], "/tokens"),
    ] {
        let ran = site.cli(&[args, &["--json"]].concat());
        assert!(ran.exits(4).stdout.is_empty(), "{args:?}: {}", ran.stdout);
        let told: Value = serde_json::from_str(ran.stderr.trim()).expect("one object on stderr");
        assert!(told["error"].as_str().is_some_and(|error| error.contains(instead)), "{args:?}: {told}");
        assert_eq!(told["exit"], 4);
    }
    assert!(server.is_alive());
}
