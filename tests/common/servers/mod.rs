//! Real servers for the tests of several nodes: nats-server from PyPI and PostgreSQL of the distribution, on loopback.
//! Without them the run fails; nothing is skipped. Unit tests and tests from outside use it, each a part of it.
#![allow(dead_code)]

pub mod machines;
pub mod nats;
pub mod nats_login;
pub mod postgres;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// Ports that this process has given away: what the kernel gives is free, but may be given twice.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if GIVEN.lock().expect("not poisoned").insert(port) {
            return port;
        }
    }
}

/// A server's process, killed when it is dropped.
pub struct Process(Option<Child>);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(Some(child.expect("the server starts")))
    }

    /// kill -9, and wait until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.0 {
            let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
            assert!(status.expect("kill runs").success());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end; it must succeed.
#[track_caller]
pub fn must_run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
