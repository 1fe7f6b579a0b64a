//! The engine's log made anew from this node's journal while the nodes run.
//!
//! A log that is there is closed to every node first, and this node takes in all that it has: so nothing is lost, whatever
//! other nodes have. Where it is missing, what was recorded last is in journals alone, and the one that goes furthest is
//! taken: nodes tell each other how far theirs go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use domain::keys::Position;
use parking_lot::Mutex;

use super::shared_log::shared_log;
use crate::config::LogSettings;
use crate::log::disk::{Disk, RealDisk};
use crate::log::engines::{NodeSeen, SharedLog, SharedLogError, make_anew};
use crate::log::verify::verify;
use crate::log::{Log, LogError, LogSnapshot, LogState};

/// How long the other nodes are listened to; each says its head once a second, and less often where there is no log.
const LISTEN: Duration = Duration::from_secs(8);
/// Who said nothing for so long may be down, with facts that no other journal has.
const SILENT: Duration = Duration::from_secs(5);
/// How long this node may take to have all that the closed log has.
const COMPLETE_MAX: Duration = Duration::from_secs(60);
/// How long erasures that were ordered may take to be carried out here.
const ERASED_MAX: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
/// Violations of a journal that are told.
const TOLD_MAX: usize = 3;

/// Why the log is not made anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReseedError {
    /// It is this node's own.
    #[error("the log is this node's own: no engine has it")]
    NotShared,
    /// It is under way.
    #[error("this node makes the log anew already")]
    Running,
    /// This node goes no further itself.
    #[error("this node stopped: {0}; stop all nodes, and make the log anew beside them")]
    Stopped(String),
    /// Another one should be asked.
    #[error("node {node} has the log up to position {position}, and this one up to {own}: ask that node")]
    Behind {
        /// The other node.
        node: String,
        /// Where its journal ends.
        position: Position,
        /// Where this one's ends.
        own: Position,
    },
    /// Another log has another fact at the same place.
    #[error("node {0} has another log at the same position: stop the one that is wrong")]
    Other(String),
    /// The log is missing, and some who may have more of it do not speak.
    #[error("what only these nodes have would be lost: {0}; start them, or give force")]
    Silent(String),
    /// The engine does not answer.
    #[error("{0}")]
    Engine(String),
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReseedStatus {
    /// Where the log ends that is made; it may grow until it is closed.
    pub position: Position,
    /// How far it is copied.
    pub copied: Position,
    /// Whether it goes on.
    pub is_running: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// Whose facts may be lost, as was accepted.
    pub may_be_lost: Option<String>,
}

/// Makes the log anew when it is asked to, once at a time.
pub struct Reseeder {
    log: Log,
    root: PathBuf,
    node: String,
    engine: Option<Arc<dyn SharedLog>>,
    status: Arc<Mutex<Option<ReseedStatus>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Reseeder {
    /// That of a node with this log below `root`.
    pub fn new(log: Log, root: &Path, settings: &LogSettings) -> Self {
        Self {
            log,
            root: root.to_owned(),
            node: settings.node.clone(),
            engine: shared_log(settings, settings.engine),
            status: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// How far the last one is, where there was one since the start.
    pub fn status(&self) -> Option<ReseedStatus> {
        self.status.lock().clone()
    }

    /// Begins; `force` accepts that facts are lost which only a node has that does not speak. Blocks while it listens to the
    /// other nodes.
    ///
    /// # Errors
    /// Another node should be asked, or this one cannot.
    pub fn begin(&self, force: bool) -> Result<ReseedStatus, ReseedError> {
        let engine = self.engine.clone().ok_or(ReseedError::NotShared)?;
        // Held while it listens, so that a second one finds the first.
        let mut thread = self.thread.try_lock().ok_or(ReseedError::Running)?;
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Err(ReseedError::Running);
        }
        if let LogState::Stopped(why) = self.log.state() {
            return Err(ReseedError::Stopped(why.to_string()));
        }
        let is_missing = is_missing(&*engine)?;
        let may_be_lost = self.listen(is_missing, force)?;
        let status = ReseedStatus {
            position: self.log.head().position,
            copied: 0,
            is_running: true,
            error: None,
            may_be_lost,
        };
        *self.status.lock() = Some(status.clone());
        let (log, root, node) = (self.log.clone(), self.root.clone(), self.node.clone());
        let shown = Arc::clone(&self.status);
        let run = move || {
            let outcome = reseed(&log, &root, &node, (&*engine, is_missing), &shown);
            let mut shown = shown.lock();
            let Some(status) = shown.as_mut() else { return };
            status.is_running = false;
            match outcome {
                Ok(position) => {
                    tracing::warn!(position, "the engine's log is made anew");
                    (status.position, status.copied) = (position, position);
                }
                Err(error) => {
                    tracing::error!(%error, "the engine's log is not made anew");
                    status.error = Some(error.to_string());
                }
            }
        };
        let spawned = thread::Builder::new().name("log-reseed".to_owned()).spawn(run);
        *thread = Some(spawned.map_err(|error| ReseedError::Engine(error.to_string()))?);
        Ok(status)
    }

    /// Waits until the one under way is done.
    pub fn close(&self) {
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that makes the log anew panicked");
        }
    }

    /// Waits until this node's journal is the one that goes furthest; who may have more all the same.
    fn listen(&self, is_missing: bool, force: bool) -> Result<Option<String>, ReseedError> {
        let until = Instant::now() + LISTEN;
        loop {
            let own = self.log.head();
            let nodes = self.log.engine_status().map(|status| status.nodes).unwrap_or_default();
            let others: Vec<&NodeSeen> = nodes.iter().filter(|seen| seen.head.node != self.node).collect();
            let is_over = Instant::now() >= until;
            let (silent, speak): (Vec<_>, Vec<_>) = others.into_iter().partition(|seen| seen.ago > SILENT);
            let ahead = speak.iter().find(|seen| seen.head.position > own.position);
            let root = hex::encode(own.root);
            if let Some(other) =
                speak.iter().find(|seen| seen.head.position == own.position && seen.head.root != root)
            {
                return Err(ReseedError::Other(other.head.node.clone()));
            }
            match ahead {
                Some(ahead) if is_over => {
                    return Err(ReseedError::Behind {
                        node: ahead.head.node.clone(),
                        position: ahead.head.position,
                        own: own.position,
                    });
                }
                None if !is_missing || silent.is_empty() => return Ok(None),
                None if is_over => {
                    let named: Vec<String> = silent.iter().map(|seen| told(seen)).collect();
                    let named = named.join(", ");
                    return if force { Ok(Some(named)) } else { Err(ReseedError::Silent(named)) };
                }
                Some(_) | None => thread::sleep(PAUSE),
            }
        }
    }
}

fn told(seen: &NodeSeen) -> String {
    format!(
        "what {} has behind position {}, heard of {} s ago",
        seen.head.node,
        seen.head.position,
        seen.ago.as_secs()
    )
}

/// Whether the engine has no log that nodes connect to.
fn is_missing(engine: &dyn SharedLog) -> Result<bool, ReseedError> {
    match engine.connect(false) {
        Ok(_) => Ok(false),
        Err(SharedLogError::Missing(_)) => Ok(true),
        Err(error) => Err(ReseedError::Engine(error.to_string())),
    }
}

fn unread(error: &LogError) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

fn reseed(
    log: &Log,
    root: &Path,
    node: &str,
    (engine, is_missing): (&dyn SharedLog, bool),
    shown: &Mutex<Option<ReseedStatus>>,
) -> Result<Position, SharedLogError> {
    // What takes long comes before the log is closed.
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(root));
    let violations = verify(&disk).violations;
    if !violations.is_empty() {
        let told: Vec<String> = violations.iter().take(TOLD_MAX).map(ToString::to_string).collect();
        let why = format!("this node's journal does not verify: {}; ask another node", told.join("; "));
        return Err(SharedLogError::Refused(why));
    }
    all_erased(log)?;
    let mut complete = |last| {
        // What a node has that does not speak was not asked for.
        if last == 0 && !is_missing {
            return Err(SharedLogError::Unavailable("the engine lost the log meanwhile: ask again".into()));
        }
        if last > 0 && !log.wait_past(last - 1, COMPLETE_MAX) {
            let why = format!(
                "the log is closed at position {last}, and this node does not get further than {}: ask another one, or this \
                 one again",
                log.head().position
            );
            return Err(SharedLogError::Unavailable(why));
        }
        let log = all_erased(log)?;
        if let Some(status) = shown.lock().as_mut() {
            status.position = log.head().position;
        }
        Ok(log)
    };
    let head = make_anew(engine, node, &mut complete, &mut |position| {
        if let Some(status) = shown.lock().as_mut() {
            status.copied = position;
        }
    })?;
    Ok(head.position)
}

/// The log once all erasures that it orders are carried out here: what is not erased would come back.
fn all_erased(log: &Log) -> Result<LogSnapshot, SharedLogError> {
    let until = Instant::now() + ERASED_MAX;
    loop {
        let snapshot = log.snapshot();
        let open = snapshot.open_erasures().map_err(|error| unread(&error))?;
        if open.is_empty() {
            // Taken after it: segments that were written anew meanwhile are in it.
            return Ok(log.snapshot());
        }
        if Instant::now() >= until {
            let count = open.len();
            let why = format!("{count} erasures are not carried out here yet: ask again, or another node");
            return Err(SharedLogError::Unavailable(why));
        }
        thread::sleep(PAUSE);
    }
}
