//! The runs of this server: whoever asks for one (the schedule, a person, the command line), it is begun, watched and
//! ended here (B4).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::{Day, Instant};
use domain::rules::calendar::ZoneName;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients;
use super::error::SyncError;
use super::run::{RunName, RunProgress, SyncParts, SyncRun};
use super::source::{Cadence, SourceClient, SourceName};
use crate::commands::RunEnd;
use crate::config::{Config, CronSchedule};
use crate::ingest::error::IngestError;

/// Why a run ended of which only the begin is known: the server went away under it.
const ABANDONED: &str = "abandoned";
/// Why a run ended that a stop of the server ended.
const STOPPED: &str = "canceled: the server stopped";
/// Pause between two tries to record the end of a run, while the log takes nothing.
const END_PAUSE: Duration = Duration::from_secs(1);
/// How long the schedule waits after a run could not begin.
const BEGIN_PAUSE: i64 = 60_000_000;
/// Between two looks whether a run that has ended is let go.
const LETTING_GO: Duration = Duration::from_millis(2);
/// How long a stop waits for the ends of runs.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedRun {
    /// The run.
    pub name: RunName,
    /// Position of its `sync_started`.
    pub position: Position,
    /// Whether it went on already.
    pub is_earlier: bool,
}

/// Why no run begins.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The tenant's configuration has no such source.
    #[error("the workspace has no source {0}")]
    NotConfigured(&'static str),
    /// The source has no days that could be asked for.
    #[error("{0} cannot be asked for days")]
    NoDays(&'static str),
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
    /// The begin could not be recorded.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// What is scheduled and under way of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceActivity {
    /// The source.
    pub source: SourceName,
    /// When the next run is due; none of a schedule that never comes.
    pub next_run_at: Option<Instant>,
    /// How far the run is that goes on.
    pub progress: Option<RunProgress>,
}

/// A tenant's sources.
struct TenantSources {
    schedule: CronSchedule,
    zone: ZoneName,
    clients: Vec<Arc<dyn SourceClient>>,
}

struct Running {
    run: SyncRun,
    position: Position,
    canceled: CancellationToken,
}

/// What the schedule goes by.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Begin of the last run; of a source that never ran, when it was first configured here.
    since: Instant,
    /// The last run was not to be ended: it is made up for at once.
    is_overdue: bool,
    /// No try before.
    not_before: Instant,
}

type SourceKey = (TenantId, SourceName);

struct Inner {
    parts: SyncParts,
    tasks: Handle,
    tenants: RwLock<BTreeMap<TenantId, TenantSources>>,
    running: Mutex<BTreeMap<SourceKey, Running>>,
    memory: Mutex<BTreeMap<SourceKey, Memory>>,
    /// Held while a run is begun, so that one source never has two.
    beginning: tokio::sync::Mutex<()>,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

/// Begins, watches and ends runs; clones are handles of the same one.
#[derive(Clone)]
pub struct SyncRunner {
    inner: Arc<Inner>,
}

impl SyncRunner {
    /// Runs on `tasks`; nothing is configured yet.
    pub(super) fn new(parts: SyncParts, tasks: Handle) -> Self {
        let inner = Inner {
            parts,
            tasks,
            tenants: RwLock::default(),
            running: Mutex::default(),
            memory: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            stopping: CancellationToken::new(),
            tracker: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a configuration: its sources are asked from now on, with its credentials. Runs of sources that it has no more
    /// are canceled; others end as they began.
    pub fn load(&self, config: &Config) {
        let now = Instant((self.inner.parts.clock)());
        let mut tenants = BTreeMap::new();
        for tenant in &config.tenants {
            let zone = tenant.body.get("timezone").and_then(|zone| zone.as_str()).and_then(ZoneName::parse);
            let schedule = tenant.sources.schedule.clone();
            let clients = clients::of(tenant);
            for client in &clients {
                let key = (tenant.id.clone(), client.name());
                let fresh = || self.remembered(&key, now);
                self.inner.memory.lock().entry(key.clone()).or_insert_with(fresh);
            }
            let zone = zone.unwrap_or(ZoneName::UTC);
            tenants.insert(tenant.id.clone(), TenantSources { schedule, zone, clients });
        }
        *self.inner.tenants.write() = tenants;
        let mut gone = Vec::new();
        for (key, running) in self.inner.running.lock().iter() {
            if self.client(&key.0, key.1).is_none() {
                gone.push(running.canceled.clone());
            }
        }
        gone.iter().for_each(CancellationToken::cancel);
        self.inner.memory.lock().retain(|key, _| self.client(&key.0, key.1).is_some());
    }

    /// What the log says of a source that is configured for the first time since the start.
    fn remembered(&self, (tenant, source): &SourceKey, now: Instant) -> Memory {
        let view = self.inner.parts.views.tenant(tenant);
        let last = view.and_then(|view| {
            let runs = view.with(|tenant, _| tenant.crm.rows.runs().list(tenant.crm.rows.texts()));
            runs.last_of(source.as_str())
        });
        let ended = last.as_ref().and_then(|last| last.error.as_deref());
        let is_overdue = ended.is_some_and(|error| [ABANDONED, STOPPED].contains(&error));
        Memory { since: last.map_or(now, |last| last.at), is_overdue, not_before: now }
    }

    fn client(&self, tenant: &TenantId, source: SourceName) -> Option<Arc<dyn SourceClient>> {
        let tenants = self.inner.tenants.read();
        let clients = &tenants.get(tenant)?.clients;
        clients.iter().find(|client| client.name() == source).map(Arc::clone)
    }

    /// Ends the runs that a former process left open: nobody reads for them any more.
    ///
    /// # Errors
    /// The log's.
    pub(super) async fn end_abandoned(&self) -> Result<(), IngestError> {
        let parts = &self.inner.parts;
        let mut last = 0;
        for (id, view) in parts.views.tenants() {
            let Ok(tenant) = TenantId::stored(&id) else { continue };
            let runs = view.with(|tenant, _| tenant.crm.rows.runs().list(tenant.crm.rows.texts()));
            for (source, run) in runs.open() {
                // Another program's run, posted as facts, is its own to end.
                let key = EngineKey::SyncStarted { run: KeyPart::new(&run) };
                if parts.ingest.by_key(&tenant, &key)?.is_none() {
                    continue;
                }
                tracing::warn!(%tenant, source, run, "a sync run was abandoned by the process before");
                let end = RunEnd::Failed { error: ABANDONED.to_owned() };
                let nothing = Bytes::new();
                let ended = parts.commands.end_run(&tenant, (&source, &run), &end, &nothing);
                last = last.max(ended.await?);
            }
        }
        // The schedule reads what the models say of the last runs.
        parts.views.wait_for(last, STOP_MAX).await;
        Ok(())
    }

    /// Begins a run, or names the one of the source that goes on. `days` are those of a backfill.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        &self,
        tenant: &TenantId,
        source: SourceName,
        days: Option<(Day, Day)>,
    ) -> Result<StartedRun, StartError> {
        let (runner, tenant) = (self.clone(), tenant.clone());
        // On a task of its own: whoever asked may be gone before the run is under way.
        let starting = self.inner.tasks.spawn(async move { runner.begin(tenant, source, days).await });
        starting.await.map_err(|error| IngestError::Engine(error.to_string()))?
    }

    async fn begin(
        &self,
        tenant: TenantId,
        source: SourceName,
        days: Option<(Day, Day)>,
    ) -> Result<StartedRun, StartError> {
        let inner = &self.inner;
        let client = self.client(&tenant, source).ok_or(StartError::NotConfigured(source.as_str()))?;
        if days.is_some() && !client.reads_days() {
            return Err(StartError::NoDays(source.as_str()));
        }
        let _one_at_a_time = inner.beginning.lock().await;
        if inner.stopping.is_cancelled() {
            return Err(StartError::Stopping);
        }
        let key = (tenant.clone(), source);
        let asked = std::time::Instant::now();
        loop {
            let running =
                inner.running.lock().get(&key).map(|running| (running.run.name().clone(), running.position));
            let Some((name, position)) = running else { break };
            // Whoever reads that a run has ended may ask for the next before the task of the first has let it go.
            if !name.has_ended(&inner.parts.views, &tenant) || asked.elapsed() > STOP_MAX {
                return Ok(StartedRun { name, position, is_earlier: true });
            }
            tokio::time::sleep(LETTING_GO).await;
        }
        let begun_at = Instant((inner.parts.clock)());
        let (id, position) = inner.parts.commands.begin_run(&tenant, source.as_str()).await?;
        tracing::info!(%tenant, source = source.as_str(), run = id.as_str(), "sync run began");
        let memory = Memory { since: begun_at, is_overdue: false, not_before: begun_at };
        inner.memory.lock().insert(key.clone(), memory);
        let name = RunName { source, id };
        let secrets = client.secrets().iter().map(|secret| secret.text().into()).collect();
        let canceled = CancellationToken::new();
        let run = SyncRun::new(inner.parts.clone(), (tenant, name.clone()), days, secrets, canceled.clone());
        inner.running.lock().insert(key, Running { run: run.clone(), position, canceled });
        inner.tasks.spawn(inner.tracker.track_future(self.clone().carry_out(client, run)));
        Ok(StartedRun { name, position, is_earlier: false })
    }

    /// Reads, records and ends a run. Whatever happens to it, no other run is touched.
    async fn carry_out(self, client: Arc<dyn SourceClient>, run: SyncRun) {
        let inner = &self.inner;
        // A task of its own: one that panics is a run that failed.
        let read = inner.tasks.spawn(client.read(run.clone())).await;
        let read = read.unwrap_or_else(|_| Err(SyncError::unexpected("the client failed")));
        let committed = match read {
            Ok(()) if run.is_canceled() => Err(SyncError::Canceled),
            Ok(()) => run.commit().await,
            Err(error) => Err(error),
        };
        let end = match committed {
            Ok(updated) => RunEnd::Success { updated },
            Err(SyncError::Canceled) if inner.stopping.is_cancelled() => {
                RunEnd::Failed { error: STOPPED.to_owned() }
            }
            Err(error) => RunEnd::Failed { error: run.masked(&error.to_string()) },
        };
        let (tenant, RunName { source, id }) = (run.tenant(), run.name());
        let pages = run.pages_read().await;
        loop {
            let name = (source.as_str(), id.as_str());
            match inner.parts.commands.end_run(tenant, name, &end, &pages).await {
                Ok(_) => break,
                // Without its end the run counts as abandoned at the next start.
                Err(error) if inner.stopping.is_cancelled() => {
                    tracing::error!(%tenant, source = name.0, run = name.1, %error, "the end of a run is not recorded");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%tenant, source = name.0, run = name.1, %error, "the end of a run is not recorded yet");
                    tokio::time::sleep(END_PAUSE).await;
                }
            }
        }
        match &end {
            RunEnd::Success { updated } => {
                tracing::info!(%tenant, source = source.as_str(), run = id.as_str(), updated, "sync run succeeded");
            }
            RunEnd::Failed { error } => {
                tracing::warn!(%tenant, source = source.as_str(), run = id.as_str(), error, "sync run failed");
            }
        }
        inner.running.lock().remove(&(tenant.clone(), *source));
    }

    /// Cancels a run that goes on; whether there is one of that id.
    pub fn cancel(&self, tenant: &TenantId, run_id: &str) -> bool {
        let running = self.inner.running.lock();
        let mut of_tenant = running.iter().filter(|((of, _), _)| of == tenant);
        let found = of_tenant.find(|(_, running)| running.run.name().id.as_str() == run_id);
        found.map(|(_, running)| running.canceled.cancel()).is_some()
    }

    /// What is scheduled and under way of each source of a tenant.
    pub fn activity(&self, tenant: &TenantId) -> Vec<SourceActivity> {
        let tenants = self.inner.tenants.read();
        let Some(sources) = tenants.get(tenant) else { return Vec::new() };
        let of = |client: &Arc<dyn SourceClient>| {
            let source = client.name();
            let key = (tenant.clone(), source);
            let memory = self.inner.memory.lock().get(&key).copied();
            let progress = self.inner.running.lock().get(&key).map(|running| running.run.progress());
            let next_run_at = memory.and_then(|memory| due_at(sources, &**client, memory));
            SourceActivity { source, next_run_at, progress }
        };
        sources.clients.iter().map(of).collect()
    }

    /// Begins every run that is due now.
    pub(super) async fn tick(&self) {
        let now = Instant((self.inner.parts.clock)());
        for (tenant, source) in self.due(now) {
            let client = self.client(&tenant, source);
            if !client.is_some_and(|client| client.has_work(&self.inner.parts.views, &tenant)) {
                if let Some(memory) = self.inner.memory.lock().get_mut(&(tenant, source)) {
                    *memory = Memory { since: now, is_overdue: false, not_before: now };
                }
                continue;
            }
            if let Err(error) = self.start(&tenant, source, None).await {
                tracing::warn!(%tenant, source = source.as_str(), %error, "a sync run did not begin; it is tried again in a minute");
                if let Some(memory) = self.inner.memory.lock().get_mut(&(tenant, source)) {
                    memory.not_before = Instant(now.0 + BEGIN_PAUSE);
                }
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<SourceKey> {
        let (tenants, memory) = (self.inner.tenants.read(), self.inner.memory.lock());
        let running = self.inner.running.lock();
        let mut due = Vec::new();
        for (tenant, sources) in tenants.iter() {
            for client in &sources.clients {
                let key = (tenant.clone(), client.name());
                let Some(known) = memory.get(&key).filter(|_| !running.contains_key(&key)) else { continue };
                if due_at(sources, &**client, *known).is_some_and(|at| at <= now) {
                    due.push(key);
                }
            }
        }
        due
    }

    /// Ends all runs and begins no more.
    pub(super) async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.running.lock().values().for_each(|running| running.canceled.cancel());
        self.inner.tracker.close();
        if tokio::time::timeout(STOP_MAX, self.inner.tracker.wait()).await.is_err() {
            tracing::warn!("sync runs did not end in time; they count as abandoned at the next start");
        }
    }
}

/// When the next run is due: runs that were missed meanwhile are made up for by one.
fn due_at(sources: &TenantSources, client: &dyn SourceClient, memory: Memory) -> Option<Instant> {
    if memory.is_overdue {
        return Some(memory.not_before);
    }
    let next = match client.cadence() {
        Cadence::Scheduled => sources.schedule.next_after(sources.zone, memory.since)?,
        Cadence::Every(pause) => Instant(memory.since.0.saturating_add(pause.as_micros() as i64)),
    };
    Some(next.max(memory.not_before))
}

#[cfg(test)]
mod tests;
