//! A site whose servers see another wall clock than this machine's, set by a small library that is loaded before all
//! others; their boot-time clock stays.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Server, Site};

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

/// A site and how far ahead the wall clock of its servers is.
pub struct Shifted {
    pub site: Site,
    shim: PathBuf,
}

impl Shifted {
    /// Servers on this site, whose clock is right at first.
    pub fn on(site: Site) -> Self {
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
    pub fn step(&self, seconds: i64) {
        let beside = self.site.path("step.new");
        fs::write(&beside, seconds.to_string()).expect("written");
        fs::rename(beside, self.site.path("step")).expect("in place");
    }

    /// Starts a server at this instant.
    pub async fn start_at(&self, instant: &str) -> Server {
        let at = chrono::DateTime::parse_from_rfc3339(instant).expect("an instant");
        self.step(at.timestamp() - chrono::Utc::now().timestamp());
        self.start().await
    }

    /// Starts a server.
    pub async fn start(&self) -> Server {
        let mut command = self.site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", &self.shim).env("CLOCK_STEP", self.site.path("step"));
        Server::started(command).await
    }
}
