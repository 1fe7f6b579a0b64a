//! G22: a clock that is ahead, or jumps ahead while the server runs, dates no fact in silence.
//!
//! The server's wall clock is set by a small library that is loaded before all others; its boot-time clock stays.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::common::alerts::await_alerts;
use crate::common::facts::answered;
use crate::common::{Server, Site, TOKEN};
use serde_json::Value;

const AT: &str = "2025-10-09T12:00:00Z";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Adds the seconds that stand in the file `CLOCK_STEP` to the wall clock.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    long done = syscall(SYS_clock_gettime, id, now);
    char text[32] = {0};
    const char *path = getenv("CLOCK_STEP");
    if (id == CLOCK_REALTIME && path) {
        int file = open(path, O_RDONLY);
        if (file >= 0) {
            if (read(file, text, sizeof text - 1) > 0) now->tv_sec += atol(text);
            close(file);
        }
    }
    return (int)done;
}
"#;

struct Shifted {
    site: Site,
    shim: PathBuf,
}

impl Shifted {
    fn new() -> Self {
        let site = Site::new();
        let (source, shim) = (site.path("shim.c"), site.path("shim.so"));
        fs::write(&source, SHIM).expect("written");
        // What links Rust programs is there.
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&source).status();
        assert!(built.expect("cc runs").success());
        let shifted = Self { site, shim };
        shifted.step(0);
        shifted
    }

    /// Sets how many seconds the wall clock is ahead.
    fn step(&self, seconds: i64) {
        let beside = self.site.path("step.new");
        fs::write(&beside, seconds.to_string()).expect("written");
        fs::rename(beside, self.site.path("step")).expect("in place");
    }

    async fn start(&self) -> Server {
        let mut command = self.site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", &self.shim).env("CLOCK_STEP", self.site.path("step"));
        Server::started(command).await
    }

    fn accept(&self, server: &Server) -> crate::common::site::Ran {
        let mut command = self.site.command(&["log", "accept-clock", "--json", "--server", &server.base]);
        command.env("FACTFOLD_TOKEN", TOKEN);
        crate::common::site::run(command)
    }
}

async fn post(server: &Server, id: &str) -> u16 {
    server.post("acme", &answered(id, 45, AT)).await.status
}

#[tokio::test]
async fn a_jump_ahead_is_not_taken_until_the_clock_is_back_or_accepted() {
    let shifted = Shifted::new();
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    shifted.step(HOUR - 60);
    assert_eq!(post(&server, "b").await, 201, "a step of less than an hour is taken");
    shifted.step(400 * DAY);
    let refused = server.post("acme", &answered("c", 45, AT)).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &Value::from("clock_ahead")), "{refused:?}");
    assert_eq!(post(&server, "a").await, 200, "what is known is known");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json.to_string().contains("jumped ahead"), "{ready:?}");
    shifted.step(0);
    assert_eq!((post(&server, "c").await, server.get("/readyz").await.status), (201, 200));
    shifted.step(3 * HOUR);
    assert_eq!(post(&server, "d").await, 503);
    let accepted = shifted.accept(&server);
    assert_eq!(accepted.exits(0).json()[0]["had_jumped"], true);
    assert_eq!(post(&server, "d").await, 201);
    assert_eq!(shifted.accept(&server).json()[0]["had_jumped"], false);
}

#[tokio::test]
async fn a_log_whose_head_is_ahead_of_the_clock_is_told() {
    let shifted = Shifted::new();
    shifted.step(400 * DAY);
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    assert_eq!(
        server.get("/readyz").await.json["warnings"],
        Value::from(Vec::<Value>::new()),
        "null control"
    );
    server.terminate();
    shifted.step(0);
    let server = shifted.start().await;
    assert!(server.said().contains("ahead of the clock"), "{}", server.said());
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.json["warnings"].as_array().map(Vec::len)), (200, Some(1)), "{ready:?}");
    let told = await_alerts(&server, "/api/v1/alerts", |alerts| {
        alerts.iter().any(|alert| alert["rule"] == "clock_ahead")
    });
    assert!(tokio::time::timeout(Duration::from_secs(30), told).await.is_ok(), "an alert");
}
