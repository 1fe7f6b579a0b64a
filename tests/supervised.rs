//! A restart under a service manager that holds the listening socket refuses no connection.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::Site;
use crate::common::site::signal;

/// Plays the manager: listens, starts the server on its socket, and again when it has ended; says the port and each
/// process id.
const MANAGER: &str = r#"
import os, socket, sys
held = socket.socket()
held.bind(("127.0.0.1", 0))
held.listen(128)
print(held.getsockname()[1], flush=True)
for _ in range(2):
    child = os.fork()
    if child == 0:
        os.dup2(held.fileno(), 3, inheritable=True)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        os.execv(sys.argv[1], sys.argv[1:])
    print(child, flush=True)
    os.waitpid(child, 0)
"#;

struct Manager {
    process: Child,
    base: String,
    servers: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Manager {
    fn of(site: &Site) -> Self {
        let serve = site.command(&["serve", "--listen", "127.0.0.1:1"]);
        let mut command = Command::new("python3");
        command.args(["-c", MANAGER]).arg(serve.get_program()).args(serve.get_args());
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let piped = command.current_dir(serve.get_current_dir().expect("a folder")).stdout(Stdio::piped());
        let mut process = piped.stderr(Stdio::null()).spawn().expect("python3 runs");
        let mut servers = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = servers.next().expect("a line").expect("read");
        Self { process, base: format!("http://127.0.0.1:{port}"), servers }
    }

    /// The process id of the next server that it starts.
    fn next(&mut self) -> u32 {
        self.servers.next().expect("a line").expect("read").parse().expect("a process id")
    }
}

/// Sends requests on new connections until stopped; counts answers and failures.
async fn ask(base: String, enough: Arc<AtomicBool>) -> (u32, u32) {
    let (mut answered, mut refused) = (0, 0);
    while !enough.load(Ordering::Relaxed) {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("client");
        match client.get(format!("{base}/healthz")).send().await {
            Ok(answer) if answer.status() == 200 => answered += 1,
            Ok(answer) => panic!("{}", answer.status()),
            Err(_) => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    (answered, refused)
}

async fn alive(base: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while reqwest::get(format!("{base}/healthz")).await.is_err() {
        assert!(Instant::now() < deadline, "no server at {base}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_on_the_managers_socket_refuses_nobody() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let site = Site::new();
    let mut manager = Manager::of(&site);
    let first = manager.next();
    alive(&manager.base).await;
    let enough = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(manager.base.clone(), Arc::clone(&enough)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(first, "TERM");
    let second = manager.next();
    alive(&manager.base).await;
    enough.store(true, Ordering::Relaxed);
    let (answered, refused) = asking.await.expect("asked");
    assert!(answered > 1, "{answered}");
    assert_eq!(refused, 0, "of {answered} answered");
    signal(second, "TERM");
    assert!(manager.process.wait().expect("ends").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_managers_socket_a_restart_refuses_some() {
    let site = Site::new();
    let server = site.start().await;
    let enough = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(server.base.clone(), Arc::clone(&enough)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    enough.store(true, Ordering::Relaxed);
    let (answered, refused) = asking.await.expect("asked");
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
}
