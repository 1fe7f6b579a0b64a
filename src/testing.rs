//! The harness of the unit tests: a real log in a temporary directory, a clock that the test moves, and the parts over
//! them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::{Email, Instant as Moment};
use domain::record::Draft;
use serde_json::Value;
use tempfile::TempDir;

use crate::access::LoginAttempt;
use crate::clock::Clock;
use crate::directory::{Directory, TenantRegistry};
use crate::ingest::Ingest;
use crate::log::disk::RealDisk;
use crate::log::{Log, LogOptions, Sizes};
use crate::views::Views;

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;

/// Where the clocks of most tests begin: 2025-10-09T08:53:20Z.
pub const T0: i64 = 1_760_000_000 * SECOND;

/// What providers sign, in every harness.
pub const PUBLIC_URL: &str = "https://hooks.example.com";

/// How many rounds a test goes: as many as `FACTFOLD_ROUNDS` says, else `full` with the feature `torture` and `small` without.
pub fn rounds(small: u64, full: u64) -> u64 {
    let given = std::env::var("FACTFOLD_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    given.unwrap_or(if cfg!(feature = "torture") { full } else { small })
}

/// How long [`until`] waits before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The secret of every log under test.
pub fn secret() -> LogSecret {
    LogSecret::new(&[7; 32])
}

/// An attempt to log in from this machine, on a device that is not known.
pub fn attempt(email: &str, password: &str) -> LoginAttempt {
    LoginAttempt {
        email: Email::new(email).expect("email"),
        password: password.to_owned(),
        network: IpAddr::from([127, 0, 0, 1]),
        device: None,
        session: None,
    }
}

/// A clock in the test's hand.
#[derive(Clone)]
pub struct TestClock {
    now: Arc<AtomicI64>,
    step: i64,
}

impl TestClock {
    /// Stands at this time until it is moved.
    pub fn standing(at: i64) -> Self {
        Self::stepping(at, 0)
    }

    /// Goes on by `step` µs with every reading.
    pub fn stepping(at: i64, step: i64) -> Self {
        Self { now: Arc::new(AtomicI64::new(at)), step }
    }

    /// The clock as the parts take it.
    pub fn clock(&self) -> Clock {
        let Self { now, step } = self.clone();
        Arc::new(move || now.fetch_add(step, Ordering::Relaxed))
    }

    pub fn set(&self, at: i64) {
        self.now.store(at, Ordering::Relaxed);
    }

    /// Moves it on and returns where it stood.
    pub fn advance(&self, micros: i64) -> i64 {
        self.now.fetch_add(micros, Ordering::Relaxed)
    }
}

/// A log in a directory of its own.
pub struct Harness {
    pub log: Log,
    pub time: TestClock,
    pub dir: TempDir,
}

impl Harness {
    /// An empty log with segments of the usual size.
    pub fn new(time: TestClock) -> Self {
        Self::with_sizes(time, Sizes::default())
    }

    /// An empty log whose segments are sealed at these sizes.
    pub fn with_sizes(time: TestClock, sizes: Sizes) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = open_log(&dir, &time, sizes);
        Self { log, time, dir }
    }

    pub fn clock(&self) -> Clock {
        self.time.clock()
    }

    /// The way in, with this directory.
    pub fn ingest(&self, directory: Directory) -> Ingest {
        self.ingest_of(Arc::new(TenantRegistry::fixed(directory)))
    }

    /// The way in, with the directory of these tenants.
    pub fn ingest_of(&self, tenants: Arc<TenantRegistry>) -> Ingest {
        Ingest::new(self.log.clone(), secret(), self.clock(), PUBLIC_URL.to_owned(), tenants)
    }

    /// Read models that follow the log, folded up to its head.
    pub fn views(&self) -> Views {
        Views::start(&self.log, 1, &|_| {}).expect("views")
    }

    /// Appends in one group and waits until it is durable.
    pub fn append(&self, drafts: Vec<Draft>) {
        self.log.append(drafts).expect("appended").wait().expect("durable");
    }
}

/// A log in this directory, empty or as it was left.
pub fn open_log(dir: &TempDir, time: &TestClock, sizes: Sizes) -> Log {
    let options = LogOptions { sizes, ..LogOptions::new(secret(), time.clock(), None) };
    Log::open(Arc::new(RealDisk::new(dir.path())), &options).expect("a log").0
}

/// A directory without tenants and endpoints.
pub fn empty_directory() -> Directory {
    Directory::new(Vec::new(), Vec::new()).expect("a directory")
}

/// A fact of the provider `test` with this JSON as its body.
pub fn envelope(tenant: &str, external_id: &str, at: i64, kind: &str, body: Value) -> Envelope {
    Envelope {
        tenant: TenantId::stored(tenant).expect("a tenant"),
        provider: Provider::new("test").expect("a provider"),
        external_id: ExternalId::new(external_id).expect("an id"),
        occurred_at: Moment(at),
        time_received: false,
        fact: Fact::from_json(kind, body, "/body").expect("a kind").expect("a body"),
        mapping: 1,
    }
}

/// The same as a draft for the log.
pub fn draft(tenant: &str, external_id: &str, at: i64, kind: &str, body: Value) -> Draft {
    envelope(tenant, external_id, at, kind, body).draft(&secret(), [1; 16], &Bytes::new()).expect("a draft")
}

/// Waits until it is so; fails after 30 s.
#[track_caller]
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} until: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
