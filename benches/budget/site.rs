//! A data directory and the processes that are measured on it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Outcome, machine};

/// The admin token of the servers.
pub const TOKEN: &str = "admin-token-of-the-budget";
/// So long may a server take to begin.
const BEGIN_MAX: Duration = Duration::from_secs(120);

const TABLES: &str = r#"
[[tenant]]
id = "acme"
name = "Acme Dental"
timezone = "America/New_York"
workspaces = ["Acme Client", "17"]

[[endpoint]]
id = "eb-budget"
provider = "emailbison"
tenant = "acme"
"#;

/// A configuration and its data directory.
pub struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// An empty one.
    pub fn new() -> Outcome<Self> {
        let site = Self { dir: fresh_dir()? };
        fs::write(site.path("factfold.toml"), format!("data_dir = {:?}\n{TABLES}", site.path("data")))?;
        Ok(site)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factfold"));
        command.arg("--config").arg(self.path("factfold.toml")).args(args);
        command.env("FACTFOLD_ADMIN_TOKEN", TOKEN).env("FACTFOLD_LOG", "error").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: its JSON, and how long the whole process took.
    pub fn run(&self, args: &[&str]) -> Outcome<(Value, Duration)> {
        let began = Instant::now();
        let output = self.command(args).arg("--json").output()?;
        let took = began.elapsed();
        if !output.status.success() {
            return Err(format!("factfold {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok((serde_json::from_slice(&output.stdout)?, took))
    }

    /// Starts the server.
    pub fn serve(&self) -> Outcome<Server> {
        Server::start(self.command(&["serve", "--listen", "127.0.0.1:0"]))
    }
}

/// A folder that goes when it is dropped: in `BENCH_DIR`, else in the system's folder for such.
pub fn fresh_dir() -> Outcome<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from))?)
}

/// A server in a process of its own, killed when dropped.
pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
    began: Instant,
    /// From the start of the process until it took requests.
    pub opened: Duration,
}

impl Server {
    /// The bare server, which is this program with another argument.
    pub fn bare() -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare-server");
        Self::start(command)
    }

    fn start(mut command: Command) -> Outcome<Self> {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let (send, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that the server never waits for room in its pipe.
            for line in lines.into_iter().flatten().map_while(Result::ok) {
                match line.split_once("factfold serves http://").and_then(|(_, rest)| rest.split_once(',')) {
                    Some((address, _)) => drop(send.send(address.to_owned())),
                    None if line == "factfold stopped" || line.starts_with("Set up the first admin") => {}
                    None => eprintln!("server: {line}"),
                }
            }
        });
        let address = told.recv_timeout(BEGIN_MAX);
        let mut server = Self { child, address: String::new(), began, opened: began.elapsed() };
        // Dropping `server` on an error ends the process.
        server.address = address.map_err(|_| "the server did not begin")?;
        Ok(server)
    }

    /// From the start of the process until the read models of all tenants were folded.
    pub fn folded(&self) -> Outcome<Duration> {
        loop {
            let mut connection = TcpStream::connect(&self.address)?;
            connection.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            let took = self.began.elapsed();
            if answer.split(' ').nth(1) == Some("200") {
                return Ok(took);
            }
            if took > BEGIN_MAX {
                return Err(format!("the server did not become ready: {answer}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Processor time so far.
    pub fn processor(&self) -> Duration {
        machine::processor(&self.id())
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> Outcome<()> {
        Command::new("kill").arg("-TERM").arg(self.id()).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
