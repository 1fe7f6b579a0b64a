//! The whole fold from the log's lanes: tenants × models × shards on all threads; links and sums after the lanes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use domain::keys::{Position, TenantId};
use domain::rules::configuration::Timeline;
use parking_lot::Mutex;
use projections::tenant::{ENTITIES, Part, Profile, Tenant, folds};

use super::projector::{Decoded, fold_into};
use super::{FoldError, State};
use crate::log::LogSnapshot;
use crate::log::select::{GroupSet, Select, Shard};

/// How far a fold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Facts folded.
    pub folded: u64,
    /// Facts to fold.
    pub of: u64,
}

/// Facts of one job between two words of progress.
const TELL_EVERY: u64 = 8_192;

/// Below so many facts a lane is folded sooner than its shards are put together.
const SHARD_FACTS_MIN: u64 = 50_000;

/// Which model a lane is folded into, by its number in the table; the profile is none of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Profile,
    Entity(usize),
}

/// Facts of one tenant that are folded into one model, or into a shard of it.
struct Lane {
    tenant: Box<str>,
    of: Of,
    groups: GroupSet,
    shard: Option<Shard>,
    facts: u64,
}

enum Rows {
    Profile(Profile),
    Part(usize, Part),
}

struct Folded {
    tenant: Box<str>,
    rows: Rows,
    last: Position,
}

/// A tenant's parts by entity: all shards, and once they are put together one.
struct Parts {
    last: Position,
    profile: Profile,
    entities: Vec<Mutex<Vec<Part>>>,
}

impl Default for Parts {
    fn default() -> Self {
        let entities = ENTITIES.iter().map(|_| Mutex::default()).collect();
        Self { last: 0, profile: Profile::default(), entities }
    }
}

/// Folds all of `snapshot`.
pub(super) fn rebuild(
    snapshot: &LogSnapshot,
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    rebuild_with(snapshot, threads, SHARD_FACTS_MIN, progress)
}

/// The same, with lanes cut into shards from `shard_facts` facts on.
pub(super) fn rebuild_with(
    snapshot: &LogSnapshot,
    threads: usize,
    shard_facts: u64,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    let threads = threads.clamp(1, 64);
    let lanes = lanes(snapshot, threads, shard_facts)?;
    let head = snapshot.head().position;
    let told = Told::new(
        head,
        head - snapshot.sealed() + lanes.iter().map(|lane| lane.facts).sum::<u64>(),
        progress,
    );
    let folded = on_threads(threads, &lanes, |lane| fold_lane(snapshot, lane, &told))?;
    let mut tenants: BTreeMap<Box<str>, Parts> = BTreeMap::new();
    for Folded { tenant, rows, last } in folded {
        let parts = tenants.entry(tenant).or_default();
        parts.last = parts.last.max(last);
        match rows {
            Rows::Profile(profile) => parts.profile = profile,
            Rows::Part(entity, part) => parts.entities[entity].get_mut().push(part),
        }
    }
    let jobs: Vec<_> = tenants
        .values()
        .flat_map(|parts| parts.entities.iter().map(|entity| (&*parts.profile.timeline, entity)))
        .collect();
    on_threads(threads, &jobs, |(timeline, entity)| {
        put_together(&mut entity.lock(), timeline);
        Ok(())
    })?;
    drop(jobs);
    let mut states: BTreeMap<Box<str>, State> =
        tenants.into_iter().map(|(id, parts)| (id, state(parts))).collect();
    see_unfolded(snapshot, &mut states)?;
    // What is not sealed lies in order, not in lanes, and is folded as if it came now.
    fold_from(snapshot, snapshot.sealed() + 1, &mut states, &told)?;
    progress(Progress { folded: head, of: head });
    Ok(states)
}

/// What each thread takes next, the longest first: every tenant's facts once for each model that folds them. A
/// tenant that would keep one thread longer than its fair share is cut into shards.
fn lanes(snapshot: &LogSnapshot, threads: usize, shard_facts: u64) -> Result<Vec<Lane>, FoldError> {
    let groups = snapshot.groups()?;
    let total: u64 = groups.values().sum();
    let mut tenants: BTreeMap<Box<str>, BTreeMap<u8, u64>> = BTreeMap::new();
    for ((tenant, group), facts) in groups {
        if !tenant.starts_with('_') {
            tenants.entry(tenant).or_default().insert(group, facts);
        }
    }
    let entities =
        ENTITIES.iter().enumerate().map(|(at, entity)| (Of::Entity(at), entity.groups, entity.sharded));
    let models: Vec<_> = std::iter::once((Of::Profile, Profile::GROUPS, false)).chain(entities).collect();
    let mut lanes = Vec::new();
    for (tenant, counts) in &tenants {
        for (of, groups, sharded) in &models {
            let facts: u64 = groups.iter().filter_map(|group| counts.get(group)).sum();
            let is_long = facts > total / (2 * threads as u64) && facts >= shard_facts && threads > 1;
            let shards = match (facts, is_long && *sharded) {
                (0, _) => 0,
                (_, true) => threads.next_power_of_two() as u32,
                (_, false) => 1,
            };
            lanes.extend((0..shards).map(|index| Lane {
                tenant: tenant.clone(),
                of: *of,
                groups: groups.iter().fold(GroupSet::NONE, |set, group| set.with(*group)),
                shard: Shard::new(index, shards),
                facts: facts / u64::from(shards),
            }));
        }
    }
    lanes.sort_by_key(|lane| std::cmp::Reverse(lane.facts));
    Ok(lanes)
}

fn fold_lane(snapshot: &LogSnapshot, lane: &Lane, told: &Told<'_>) -> Result<Folded, FoldError> {
    let mut rows = match lane.of {
        Of::Profile => Rows::Profile(Profile::default()),
        Of::Entity(at) => Rows::Part(at, ENTITIES[at].part()),
    };
    let (mut last, mut count, mut failed) = (0, 0, None);
    let select = Select {
        tenant: TenantId::stored(&lane.tenant).ok(),
        groups: lane.groups,
        shard: lane.shard,
        up_to: snapshot.sealed(),
        ..Select::all()
    };
    snapshot.for_each(&select, &mut |position, record| {
        match (Decoded::of(position, &record), &mut rows) {
            (Ok(Some(decoded)), Rows::Profile(profile)) => profile.fold(&decoded.recorded()),
            (Ok(Some(decoded)), Rows::Part(_, part)) => part.fold(&decoded.recorded()),
            (Ok(None), _) => {}
            (Err(error), _) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        last = position;
        count += 1;
        told.at(count);
        ControlFlow::Continue(())
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(Folded { tenant: lane.tenant.clone(), rows, last }),
    }
}

/// Shards become one table, names are joined, and every row's share goes into its cells.
fn put_together(parts: &mut Vec<Part>, timeline: &Timeline) {
    let mut shards = std::mem::take(parts).into_iter();
    let Some(mut whole) = shards.next() else { return };
    shards.for_each(|shard| whole.absorb(shard));
    whole.complete(timeline);
    parts.push(whole);
}

fn state(parts: Parts) -> State {
    let entities = parts.entities.into_iter().flat_map(Mutex::into_inner);
    State { position: parts.last, tenant: Tenant::assemble(parts.profile, entities) }
}

/// Folds all of `snapshot` in the order of the log, as it is folded live.
pub(super) fn in_order(snapshot: &LogSnapshot) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    let head = snapshot.head().position;
    let told = Told::new(head, head, &|_| {});
    let mut states = BTreeMap::new();
    fold_from(snapshot, 1, &mut states, &told)?;
    Ok(states)
}

/// A tenant's answers are true up to its last fact, whether or not a model folds that kind.
fn see(states: &mut BTreeMap<Box<str>, State>, tenant: &str, position: Position) {
    if tenant.starts_with('_') {
        return;
    }
    let state = match states.get_mut(tenant) {
        Some(state) => state,
        None => states.entry(tenant.into()).or_default(),
    };
    state.position = state.position.max(position);
}

fn see_unfolded(snapshot: &LogSnapshot, states: &mut BTreeMap<Box<str>, State>) -> Result<(), FoldError> {
    let groups = (0..64).filter(|group| folds(*group)).fold(GroupSet::ALL, GroupSet::without);
    let select = Select { groups, up_to: snapshot.sealed(), ..Select::all() };
    snapshot.for_each(&select, &mut |position, record| {
        see(states, record.header.tenant, position);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

fn fold_from(
    snapshot: &LogSnapshot,
    from: Position,
    states: &mut BTreeMap<Box<str>, State>,
    told: &Told<'_>,
) -> Result<(), FoldError> {
    let (mut count, mut failed) = (0, None);
    snapshot.in_order(from, Position::MAX, false, &mut |position, record| {
        match Decoded::of(position, &record) {
            Ok(Some(decoded)) => {
                let tenant = record.header.tenant;
                match states.get_mut(tenant) {
                    Some(state) => fold_into(state, &decoded),
                    None => fold_into(states.entry(tenant.into()).or_default(), &decoded),
                }
            }
            Ok(None) => see(states, record.header.tenant, position),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        count += 1;
        told.at(count);
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(()), Err)
}

/// Tells how far a fold is. A fact that several entities fold is done once for each of them; progress is told in
/// facts of the log.
struct Told<'a> {
    done: AtomicU64,
    to_do: u64,
    of: u64,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Told<'a> {
    fn new(of: u64, to_do: u64, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self { done: AtomicU64::new(0), to_do: to_do.max(1), of, progress }
    }

    /// The `count`th fact of a job was folded.
    fn at(&self, count: u64) {
        if count.is_multiple_of(TELL_EVERY) {
            let done = self.done.fetch_add(TELL_EVERY, Ordering::Relaxed) + TELL_EVERY;
            let folded = u128::from(self.of) * u128::from(done.min(self.to_do)) / u128::from(self.to_do);
            (self.progress)(Progress { folded: folded as u64, of: self.of });
        }
    }
}

/// Does each job once, on so many threads; the first error ends them all.
fn on_threads<J: Sync, T: Send>(
    threads: usize,
    jobs: &[J],
    run: impl Fn(&J) -> Result<T, FoldError> + Sync,
) -> Result<Vec<T>, FoldError> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::with_capacity(jobs.len()))));
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = run(job);
            let mut done = done.lock();
            match (&mut *done, result) {
                (Ok(all), Ok(one)) => all.push(one),
                (Err(_), _) => return,
                (Ok(_), Err(error)) => {
                    *done = Err(error);
                    return;
                }
            }
        }
    };
    thread::scope(|scope| {
        // This thread works, too.
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    done.into_inner()
}
