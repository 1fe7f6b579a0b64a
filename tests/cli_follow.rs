//! `log follow`: facts of a running server on stdout as they are recorded.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::common::facts::{answered, mail};
use crate::common::site::run;
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// A follower whose lines are read as they come. Killed when dropped.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn begin(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
        let (send, lines) = channel();
        let out = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    async fn next(&self) -> String {
        for _ in 0..1_500 {
            if let Ok(line) = self.lines.try_recv() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected a line within 15 s");
    }

    async fn fact(&self) -> Value {
        serde_json::from_str(&self.next().await).expect("a fact a line")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn following(site: &Site, server: &Server, args: &[&str]) -> Command {
    site.command(&[&["log", "follow", "--tenant", "acme", "--server", &server.base], args].concat())
}

#[tokio::test]
async fn e11_facts_are_followed_from_a_position_and_from_now_on_one_line_each() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("CA1", 45, AT), mail("email_sent", 1, json!({"id": "1"}), AT)]).await;
    let all = Follower::begin(following(&site, &server, &["--after", "0", "--json"]));
    let kinds = [all.fact().await, all.fact().await, all.fact().await].map(|fact| fact["kind"].clone());
    assert_eq!(kinds, ["tenant_configured", "call_reported", "email_sent"]);
    let calls = Follower::begin(following(&site, &server, &["--after", "0", "--kind", "call_reported"]));
    let line = calls.next().await;
    assert!(line.contains("CA1:completed") && line.contains(AT), "{line}");
    server.record("globex", &[answered("GX1", 45, AT)]).await;
    server.record("acme", &[answered("CA2", 45, AT)]).await;
    assert_eq!(all.fact().await["external_id"], "CA2:completed", "another tenant's facts are not told");
    assert!(calls.next().await.contains("CA2:completed"));
}

#[tokio::test]
async fn a_follower_comes_back_behind_the_last_fact_when_the_server_does() {
    let site = Site::new();
    let server = site.start().await;
    let listen = server.base.trim_start_matches("http://").to_owned();
    let follower = Follower::begin(following(&site, &server, &["--after", "0", "--json"]));
    follower.fact().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    assert_eq!(follower.fact().await["external_id"], "CA1:completed");
    server.stop();
    let server = Server::started(site.command(&["serve", "--listen", &listen])).await;
    server.record("acme", &[answered("CA2", 45, AT)]).await;
    assert_eq!(follower.fact().await["external_id"], "CA2:completed", "none is left out or told twice");
}

#[tokio::test]
async fn who_may_not_follow_is_told_why() {
    let site = Site::new();
    let server = site.start().await;
    let canary = "ff_canary_5f0c2a";
    let mut refused = following(&site, &server, &[]);
    refused.env("FACTFOLD_TOKEN", canary);
    let refused = run(refused);
    assert!(refused.exits(1).stderr.contains("401") && !refused.all().contains(canary), "{}", refused.all());
    let unknown = site.cli(&["log", "follow", "--tenant", "nobody", "--server", &server.base]);
    assert!(unknown.exits(1).stderr.contains("404"), "{}", unknown.stderr);
    let mut nobody = following(&site, &server, &[]);
    nobody.env_remove("FACTFOLD_ADMIN_TOKEN");
    assert!(run(nobody).exits(2).stderr.contains("FACTFOLD_TOKEN"));
    let base = server.base.clone();
    server.stop();
    let gone = site.cli(&["log", "follow", "--tenant", "acme", "--server", &base]);
    assert!(gone.exits(1).stderr.contains("no server answers"), "{}", gone.stderr);
    assert!(!gone.all().contains(TOKEN), "{}", gone.all());
    let odd = site.cli(&["log", "follow", "--tenant", "acme", "--server", "not a url"]);
    assert!(odd.exits(2).stderr.contains("--server"), "{}", odd.stderr);
    site.cli(&["log", "follow"]).exits(2);
}

#[tokio::test]
async fn e11_a_follower_of_a_log_that_was_restored_from_an_older_backup_is_told() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    server.stop();
    let (data, backup) = (site.data(), site.path("backup"));
    let copied = run({
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(&data).arg(&backup);
        copy
    });
    copied.exits(0);
    let server = site.start().await;
    server.record("acme", &(2..40).map(|n| answered(&format!("CA{n}"), 45, AT)).collect::<Vec<_>>()).await;
    let last = server.seen().to_string();
    server.stop();
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::rename(&backup, &data).expect("restored");
    let server = site.start().await;
    let told = run(following(&site, &server, &["--after", &last]));
    assert!(told.exits(1).stderr.contains("is ahead of the log, which ends at"), "{}", told.stderr);
    assert!(told.stdout.is_empty(), "{}", told.stdout);
    // Null control: from a position that the restored log has.
    let follower = Follower::begin(following(&site, &server, &["--after", "0", "--json"]));
    assert_eq!(follower.fact().await["kind"], "tenant_configured");
}
