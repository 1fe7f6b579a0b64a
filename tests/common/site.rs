//! A site (configuration and data directory) and the server processes started on it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Answer, PUBLIC_URL, TOKEN, TWILIO_TOKEN, TWO_TENANTS};

/// How long a process may take to start, stop or run one command.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration and a data directory, gone when it and its servers are.
pub struct Site {
    dir: Arc<TempDir>,
}

impl Site {
    /// Two tenants, one endpoint of each provider.
    pub fn new() -> Self {
        Self::with(TWO_TENANTS)
    }

    /// A site with these tables after `data_dir` and `public_url`.
    pub fn with(tables: &str) -> Self {
        let site = Self { dir: Arc::new(tempfile::tempdir().expect("temporary directory")) };
        site.configure(tables);
        site
    }

    /// Writes the configuration anew; it holds from the next start.
    pub fn configure(&self, tables: &str) {
        let head =
            format!("data_dir = {:?}\npublic_url = {PUBLIC_URL:?}\n", self.data().display().to_string());
        fs::write(self.config(), format!("{head}{tables}")).expect("write the configuration");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn config(&self) -> PathBuf {
        self.path("factfold.toml")
    }

    /// The binary on this site's configuration, with nothing inherited that could configure it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = bare_command(&[]);
        command.arg("--config").arg(self.config()).args(args).current_dir(self.dir.path());
        command
    }

    /// Runs one command to its end, at most for 30 s.
    pub fn cli(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// Starts the server and waits until it takes requests.
    pub async fn start(&self) -> Server {
        let mut server = Server::started(self.command(&["serve", "--listen", "127.0.0.1:0"])).await;
        server.dir = Some(Arc::clone(&self.dir));
        server
    }

    /// Starts the server where it must refuse: its exit code and what it said.
    pub fn start_refused(&self) -> Ran {
        run_within(self.command(&["serve", "--listen", "127.0.0.1:0"]), Duration::from_secs(10))
    }
}

/// The binary without a configuration.
pub fn bare_command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factfold"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FACTFOLD_")) {
        command.env_remove(name);
    }
    command.env("FACTFOLD_ADMIN_TOKEN", TOKEN).env("TWILIO_TOKEN", TWILIO_TOKEN);
    command.args(args).stdin(Stdio::null());
    command
}

/// What a finished command left.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails with all output unless the exit code is this.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "expected exit {code}\nstdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// stdout as JSON values, one per line, or as one value over several lines.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        if let Ok(one) = serde_json::from_str(&self.stdout) {
            return vec![one];
        }
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("expected JSON on stdout, got {line:?}: {error}"))
        };
        self.stdout.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
    }

    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end, killing it after 30 s.
#[track_caller]
pub fn run(command: Command) -> Ran {
    run_within(command, PATIENCE)
}

/// Runs a command to its end, killing it after this time.
#[track_caller]
pub fn run_within(mut command: Command, patience: Duration) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let id = child.id();
    let (send, receive) = mpsc::channel::<Output>();
    std::thread::spawn(move || child.wait_with_output().map(|output| send.send(output)));
    let Ok(output) = receive.recv_timeout(patience) else {
        signal(id, "KILL");
        panic!("expected {command:?} to end within {patience:?}");
    };
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal to one process.
pub fn signal(id: u32, name: &str) {
    Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().expect("kill runs");
}

type Lines = Arc<Mutex<Vec<String>>>;

/// Keeps the lines of a stream, and sends the URL of the line that says what is served.
fn collect(from: impl Read + Send + 'static, lines: &Lines, mut url: Option<oneshot::Sender<String>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let told = line.split("factfold serves ").nth(1).and_then(|rest| rest.split(',').next());
            if let (Some(told), Some(url)) = (told, url.take_if(|_| told.is_some())) {
                url.send(told.trim().to_owned()).ok();
            }
            lines.lock().expect("not poisoned").push(line);
        }
    });
}

/// A server process. Killed when dropped.
pub struct Server {
    child: Mutex<Child>,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    client: reqwest::Client,
    ready: Option<oneshot::Receiver<String>>,
    stdout: Lines,
    stderr: Lines,
    seen: AtomicU64,
    dir: Option<Arc<TempDir>>,
}

impl Server {
    /// Starts a command that serves and waits until it takes requests.
    pub async fn started(command: Command) -> Self {
        let mut server = Self::spawn(command);
        server.await_ready().await;
        server
    }

    /// Spawns a command that serves, without waiting for it.
    pub fn spawn(mut command: Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary starts");
        let (send, ready) = oneshot::channel();
        let [stdout, stderr] = [Lines::default(), Lines::default()];
        collect(child.stdout.take().expect("stdout is piped"), &stdout, None);
        collect(child.stderr.take().expect("stderr is piped"), &stderr, Some(send));
        // The second call and later ones find it installed.
        rustls::crypto::ring::default_provider().install_default().ok();
        // The server closes what was idle for 15 s, and a client on a busy machine may send on it all the same.
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none());
        let client = client.pool_idle_timeout(Duration::from_secs(5)).build().expect("client");
        let (child, ready, seen) = (Mutex::new(child), Some(ready), AtomicU64::new(0));
        Self { child, base: String::new(), client, ready, stdout, stderr, seen, dir: None }
    }

    /// Waits until it says what it serves.
    pub async fn await_ready(&mut self) {
        let ready = self.ready.take().expect("waited for once");
        match tokio::time::timeout(PATIENCE, ready).await {
            Ok(Ok(base)) => self.base = base,
            outcome => panic!(
                "expected the line `factfold serves http://…, data in …` ({outcome:?}); stderr was:\n{}",
                self.stderr()
            ),
        }
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("not poisoned").join("\n")
    }

    /// All that it printed, on both streams.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.stdout.lock().expect("not poisoned").join("\n"), self.stderr())
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().expect("not poisoned")
    }

    /// Memory that the process holds, in MiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child().id())).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") / 1024
    }

    /// kill -9, and wait until it is gone.
    pub fn kill(&self) {
        self.child().kill().expect("kill");
        self.child().wait().expect("wait");
    }

    /// Stops or continues the process.
    pub fn signal(&self, name: &str) {
        signal(self.child().id(), name);
    }

    /// SIGTERM; the exit status, which must come within 30 s.
    pub fn terminate(&self) -> ExitStatus {
        let id = self.child().id();
        signal(id, "TERM");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child().try_wait().expect("wait") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "expected a stop within {PATIENCE:?} of SIGTERM; {}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM, and it must stop cleanly.
    pub fn stop(&self) {
        let status = self.terminate();
        assert!(status.success(), "expected a clean stop on SIGTERM, got {status}");
    }

    /// SIGHUP: tenants and endpoints are read again.
    pub fn hang_up(&self) {
        signal(self.child().id(), "HUP");
    }

    /// Waits until it has said this on stderr, at most 10 s.
    pub async fn says(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.stderr().contains(words) {
            assert!(Instant::now() < deadline, "expected {words:?} on stderr:\n{}", self.stderr());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn is_alive(&self) -> bool {
        matches!(self.child().try_wait(), Ok(None))
    }

    /// The highest position that any answer of this server has named.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("method");
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request; an error where no whole answer came.
    pub async fn attempt(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = Answer::read(request).await?;
        self.seen.fetch_max(answer.highest_position(), Ordering::Relaxed);
        Ok(answer)
    }

    /// Sends a request that must be answered.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        match self.attempt(request).await {
            Ok(answer) => answer,
            Err(error) => panic!("expected an answer, got {error:?}; server said:\n{}", self.stderr()),
        }
    }

    /// GET with the admin token, as it is.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).bearer_auth(TOKEN)).await
    }

    /// GET of a tenant's route, true at least at the highest position seen; must be 200.
    pub async fn read(&self, tenant: &str, route: &str) -> Value {
        let mark = if route.contains('?') { '&' } else { '?' };
        let path = format!("/api/v1/tenants/{tenant}/{route}{mark}min_position={}", self.seen());
        self.get(&path).await.is(200).json.clone()
    }

    /// POST of raw bytes to the tenant's facts with the admin token.
    pub async fn post_raw(&self, tenant: &str, media: &str, body: impl Into<reqwest::Body>) -> Answer {
        let path = format!("/api/v1/tenants/{tenant}/facts");
        let request = self.request("POST", &path).bearer_auth(TOKEN).header("content-type", media);
        self.send(request.body(body)).await
    }

    /// POST of one fact or an array of facts.
    pub async fn post(&self, tenant: &str, facts: &Value) -> Answer {
        self.post_raw(tenant, "application/json", facts.to_string()).await
    }

    /// POST of facts that must each be recorded.
    pub async fn record(&self, tenant: &str, facts: &[Value]) {
        for part in facts.chunks(200) {
            let answer = self.post(tenant, &Value::from(part.to_vec())).await;
            answer.is(200);
            assert_eq!(answer.json["recorded"], part.len(), "expected all recorded: {}", answer.text);
        }
    }

    /// Every fact of the tenant, oldest first, through the cursor.
    pub async fn all_facts(&self, tenant: &str) -> Vec<Value> {
        let mut facts = self.all_items(tenant, "facts?limit=500").await;
        facts.sort_by_key(|fact| fact["position"].as_u64());
        facts
    }

    /// Every item of a list, through the cursor.
    pub async fn all_items(&self, tenant: &str, route: &str) -> Vec<Value> {
        let mark = if route.contains('?') { '&' } else { '?' };
        let (mut items, mut next) = (Vec::new(), route.to_owned());
        for _ in 0..1_000 {
            let page = self.read(tenant, &next).await;
            items.extend(page["items"].as_array().expect("a list has `items`").clone());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{route}{mark}cursor={}", escape(cursor)),
                None => return items,
            }
        }
        panic!("expected {route} to end within 1,000 pages");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Percent-escapes a query value.
pub fn escape(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Every file below a folder.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
