//! PostgreSQL: a primary, and a synchronous standby of it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use super::machines::Machines;
use super::{Process, free_port, must_run};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where the distribution has the newest server.
fn programs() -> PathBuf {
    if let Ok(given) = std::env::var("FACTFOLD_POSTGRES_BIN") {
        return given.into();
    }
    let found = || {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let with = |path: PathBuf| path.join("bin").join("initdb").exists().then(|| path.join("bin"));
        versions.filter_map(|version| with(version.path())).max()
    };
    found()
        .or_else(|| {
            must_run(Command::new("apt-get").arg("update"));
            must_run(Command::new("apt-get").args(["install", "--yes", "--quiet", "postgresql"]));
            found()
        })
        .expect("PostgreSQL in /usr/lib/postgresql; FACTFOLD_POSTGRES_BIN names another folder")
}

/// The command as a user that the server may run as: it refuses root.
fn as_user(program: &Path) -> Command {
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        return command;
    }
    Command::new(program)
}

struct Server {
    data: PathBuf,
    host: String,
    port: u16,
    /// Where it runs, where machines have networks of their own.
    machine: usize,
    process: Option<Process>,
}

impl Server {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Primary and standby, with their files; all gone when it is.
pub struct PostgresPair {
    servers: [Server; 2],
    /// Which of them is the primary.
    primary: usize,
    /// Where each server has a network of its own.
    machines: Option<Arc<Machines>>,
    _dir: TempDir,
}

/// Where a server listens on a machine.
const PORT: u16 = 5432;
/// For servers that hear nothing of each other at times: a silence is noticed soon.
const SILENCE: &str = "wal_receiver_timeout = 3s\nwal_sender_timeout = 3s\nwal_retrieve_retry_interval = 300ms\n\
                       tcp_user_timeout = 3s\n";
/// Whoever reaches a machine may log in.
const ALL_MAY: &str = "host all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n";

impl PostgresPair {
    /// Starts both; the primary acknowledges what the standby has.
    pub fn start() -> Self {
        let host = || "127.0.0.1".to_owned();
        Self::start_at([(host(), free_port()), (host(), free_port())], None)
    }

    /// The primary on the first of the machines, its standby on the second.
    pub fn start_on(machines: &Arc<Machines>) -> Self {
        let places = [0, 1].map(|nth| (machines.address(nth), PORT));
        Self::start_at(places, Some(Arc::clone(machines)))
    }

    fn start_at(places: [(String, u16); 2], machines: Option<Arc<Machines>>) -> Self {
        // The distribution's package makes the user that the files are for.
        let programs = programs();
        let dir = tempfile::tempdir_in("/var/tmp").expect("a folder");
        if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            must_run(Command::new("chown").arg("postgres:postgres").arg(dir.path()));
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("rights");
        let mut machine = 0;
        let servers = places.map(|(host, port)| {
            let data = dir.path().join(format!("server-{machine}"));
            machine += 1;
            Server { data, host, port, machine: machine - 1, process: None }
        });
        let mut pair = Self { servers, primary: 0, machines, _dir: dir };
        let primary = &pair.servers[0];
        let mut initdb = as_user(&programs.join("initdb"));
        must_run(
            initdb
                .args(["--auth=trust", "--username=factfold", "--encoding=UTF8", "--no-sync", "-D"])
                .arg(&primary.data),
        );
        let mut settings = format!(
            "listen_addresses = '{}'\nport = {}\nunix_socket_directories = ''\nwal_level = replica\n\
             synchronous_standby_names = '*'\nshared_buffers = 32MB\nmax_connections = 60\n",
            primary.host, primary.port
        );
        if pair.machines.is_some() {
            settings += SILENCE;
            let rights = primary.data.join("pg_hba.conf");
            let text = fs::read_to_string(&rights).expect("read");
            fs::write(&rights, format!("{text}{ALL_MAY}")).expect("written");
        }
        fs::write(primary.data.join("postgresql.auto.conf"), settings).expect("written");
        pair.restart(0);
        pair.copy_to(1);
        pair.restart(1);
        pair.await_standby();
        pair
    }

    /// Makes the files of a standby from the primary.
    fn copy_to(&self, nth: usize) {
        let (primary, standby) = (&self.servers[self.primary], &self.servers[nth]);
        let mut copy = as_user(&programs().join("pg_basebackup"));
        let url = format!("postgres://factfold@{}/postgres?connect_timeout=2", primary.address());
        must_run(
            copy.args(["--checkpoint=fast", "--write-recovery-conf", "--no-sync", "-d", &url, "-D"])
                .arg(&standby.data),
        );
        let auto = standby.data.join("postgresql.auto.conf");
        let text = fs::read_to_string(&auto).expect("read");
        let place = format!("listen_addresses = '{}'\nport = {}\n", standby.host, standby.port);
        fs::write(&auto, format!("{text}\n{place}")).expect("written");
    }

    /// The primary is gone for good: the standby is promoted, and a server with an empty disk becomes its standby.
    pub fn fail_over(&mut self) {
        let gone = self.primary;
        self.kill(gone);
        self.primary = 1 - gone;
        self.query("SELECT pg_promote()");
        fs::remove_dir_all(&self.servers[gone].data).expect("removed");
        self.copy_to(gone);
        self.restart(gone);
        self.await_standby();
    }

    /// The primary is not reached any more: the standby is promoted, and a server with an empty disk on another machine
    /// becomes its standby. What the lost one does meanwhile nobody hears; it must be killed before it is reached again.
    pub fn fail_over_to(&mut self, machine: usize) -> Process {
        let machines = self.machines.clone().expect("machines");
        let lost = self.primary;
        self.primary = 1 - lost;
        self.query("SELECT pg_promote()");
        let process = self.servers[lost].process.take().expect("it runs");
        let data = self.servers[lost].data.with_extension("anew");
        self.servers[lost] =
            Server { data, host: machines.address(machine), port: PORT, machine, process: None };
        self.copy_to(lost);
        self.restart(lost);
        self.await_standby();
        process
    }

    /// Where a database is, by both servers: that which takes writes is meant.
    pub fn url_of_both(&self, database: &str) -> String {
        self.url_at(&self.servers.each_ref().map(Server::address), database)
    }

    /// Where a database may be, on any of the machines.
    pub fn url_of_machines(&self, database: &str) -> String {
        let machines = self.machines.as_ref().expect("machines");
        let all: Vec<String> =
            (0..machines.count()).map(|nth| format!("{}:{PORT}", machines.address(nth))).collect();
        self.url_at(&all, database)
    }

    fn url_at(&self, addresses: &[String], database: &str) -> String {
        let addresses = addresses.join(",");
        format!("postgres://factfold@{addresses}/{database}?sslmode=disable&target_session_attrs=read-write")
    }

    /// The server on a machine, where one is.
    pub fn on_machine(&self, machine: usize) -> Option<usize> {
        self.servers.iter().position(|server| server.machine == machine)
    }

    /// What a server would have for a setting with this file as its configuration.
    pub fn settings_of(config: &Path, name: &str) -> String {
        // As its user, which may not read where the file lies.
        let dir = tempfile::tempdir_in("/var/tmp").expect("a folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("rights");
        let copy = dir.path().join("postgresql.conf");
        fs::copy(config, &copy).expect("copied");
        let mut asked = as_user(&programs().join("postgres"));
        let output = asked.arg("-C").arg(name).arg("-D").arg(dir.path()).output().expect("postgres runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a server that does not run, 0 the primary, 1 the standby, and waits until it takes connections.
    pub fn restart(&mut self, nth: usize) {
        let server = &mut self.servers[nth];
        let _ = fs::remove_file(server.data.join("postmaster.pid"));
        let mut postgres = as_user(&programs().join("postgres"));
        postgres.arg("-D").arg(&server.data);
        if let Some(machines) = &self.machines {
            postgres = machines.inside(server.machine, &postgres);
        }
        server.process = Some(Process::start(&mut postgres));
        let until = Instant::now() + PATIENCE;
        let ready = programs().join("pg_isready");
        while !Command::new(&ready)
            .args(["-q", "-h", &server.host, "-p", &server.port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
        {
            assert!(Instant::now() < until, "PostgreSQL takes no connections");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// kill -9 of a server; its children see that it is gone.
    pub fn kill(&mut self, nth: usize) {
        self.servers[nth].process = None;
    }

    /// Has the primary take TLS, with this certificate and its key in PEM, from its next start on, which this is.
    pub fn secure(&mut self, certificate: &Path, key: &Path) {
        let data = self.servers[self.primary].data.clone();
        let mut settings = String::from("ssl = on\n");
        for (from, name) in [(certificate, "ssl_cert_file"), (key, "ssl_key_file")] {
            let to = data.join(format!("{name}.pem"));
            fs::copy(from, &to).expect("copied");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("rights");
            if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
                must_run(Command::new("chown").arg("postgres:postgres").arg(&to));
            }
            settings = format!("{settings}{name} = '{name}.pem'\n");
        }
        let auto = data.join("postgresql.auto.conf");
        let text = fs::read_to_string(&auto).expect("read");
        fs::write(&auto, format!("{text}{settings}")).expect("written");
        self.kill(self.primary);
        self.restart(self.primary);
        self.await_standby();
    }

    /// Waits until the standby streams.
    pub fn await_standby(&self) {
        let until = Instant::now() + PATIENCE;
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while self.query(sql).trim() != "1" {
            assert!(Instant::now() < until, "the standby does not follow");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the primary answers.
    pub fn query(&self, sql: &str) -> String {
        self.query_on(&self.url_of("postgres"), sql)
    }

    /// What one of its databases answers.
    pub fn query_on(&self, url: &str, sql: &str) -> String {
        let output = Command::new(programs().join("psql")).args(["-At", "-d", url, "-c", sql]).output();
        String::from_utf8_lossy(&output.expect("psql runs").stdout).into_owned()
    }

    /// Makes a database on the primary; where it is.
    pub fn database(&self, name: &str) -> String {
        self.query(&format!("CREATE DATABASE {name}"));
        self.url_of(name)
    }

    /// Where a database of the primary is.
    pub fn url_of(&self, database: &str) -> String {
        let primary = self.servers[self.primary].address();
        format!("postgres://factfold@{primary}/{database}?sslmode=disable")
    }
}
