//! The whole fold from the log's lanes: tenants × groups × shards on all threads; links and sums after the lanes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use domain::facts::Fact;
use domain::facts::call::CallFact;
use domain::facts::outreach::OutreachFact;
use domain::facts::tenant::TenantFact;
use domain::keys::{Position, TenantId};
use parking_lot::Mutex;
use projections::entities::calls::Calls;
use projections::entities::leads::{LeadFigures, Leads};
use projections::figures::Cells;
use projections::tenant::{GROUPS, Profile, Tenant};

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

/// Rows of one lane, or of a part of it.
enum Part {
    Profile(Profile),
    Calls(Calls),
    Leads(Leads),
}

struct Lane {
    tenant: Box<str>,
    group: u8,
    shard: Option<Shard>,
    facts: u64,
}

struct Folded {
    tenant: Box<str>,
    part: Part,
    last: Position,
}

/// A tenant's parts, and once they are put together what is made of them.
#[derive(Default)]
struct Parts {
    last: Position,
    profile: Profile,
    calls: Mutex<(Vec<Calls>, Calls, Cells)>,
    leads: Mutex<(Vec<Leads>, Leads, LeadFigures)>,
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
    let told = Told { folded: AtomicU64::new(0), of: snapshot.head().position, progress };
    let lanes = lanes(snapshot, threads, shard_facts)?;
    let folded = on_threads(threads, &lanes, |lane| fold_lane(snapshot, lane, &told))?;
    let mut tenants: BTreeMap<Box<str>, Parts> = BTreeMap::new();
    for Folded { tenant, part, last } in folded {
        let parts = tenants.entry(tenant).or_default();
        parts.last = parts.last.max(last);
        match part {
            Part::Profile(profile) => parts.profile = profile,
            Part::Calls(calls) => parts.calls.get_mut().0.push(calls),
            Part::Leads(leads) => parts.leads.get_mut().0.push(leads),
        }
    }
    let sums: Vec<(&Parts, bool)> =
        tenants.values().flat_map(|parts| [(parts, false), (parts, true)]).collect();
    on_threads(threads, &sums, |(parts, of_leads)| {
        put_together(parts, *of_leads);
        Ok(())
    })?;
    drop(sums);
    let mut states: BTreeMap<Box<str>, State> =
        tenants.into_iter().map(|(id, parts)| (id, state(parts))).collect();
    see_unfolded(snapshot, &mut states)?;
    // What is not sealed lies in order, not in lanes, and is folded as if it came now.
    fold_from(snapshot, snapshot.sealed() + 1, &mut states, &told)?;
    progress(Progress { folded: told.of, of: told.of });
    Ok(states)
}

/// What each thread takes next, the longest first. A tenant that would keep one thread longer than its fair
/// share is cut into shards.
fn lanes(snapshot: &LogSnapshot, threads: usize, shard_facts: u64) -> Result<Vec<Lane>, FoldError> {
    let groups = snapshot.groups()?;
    let total: u64 = groups.values().sum();
    let mut lanes = Vec::new();
    for ((tenant, group), facts) in groups {
        let is_long = facts > total / (2 * threads as u64) && facts >= shard_facts && threads > 1;
        let of = if is_long && group != TenantFact::GROUP { threads.next_power_of_two() as u32 } else { 1 };
        if ![CallFact::GROUP, OutreachFact::GROUP, TenantFact::GROUP].contains(&group)
            || tenant.starts_with('_')
        {
            continue;
        }
        lanes.extend((0..of).map(|index| Lane {
            tenant: tenant.clone(),
            group,
            shard: Shard::new(index, of),
            facts: facts / u64::from(of),
        }));
    }
    lanes.sort_by_key(|lane| std::cmp::Reverse(lane.facts));
    Ok(lanes)
}

fn fold_lane(snapshot: &LogSnapshot, lane: &Lane, told: &Told<'_>) -> Result<Folded, FoldError> {
    let mut part = match lane.group {
        CallFact::GROUP => Part::Calls(Calls::default()),
        OutreachFact::GROUP => Part::Leads(Leads::default()),
        _ => Part::Profile(Profile::default()),
    };
    let (mut last, mut count, mut failed) = (0, 0, None);
    let select = Select {
        tenant: TenantId::stored(&lane.tenant).ok(),
        groups: GroupSet::NONE.with(lane.group),
        shard: lane.shard,
        up_to: snapshot.sealed(),
        ..Select::all()
    };
    snapshot.for_each(&select, &mut |position, record| {
        match Decoded::of(position, &record) {
            Ok(Some(decoded)) => fold_part(&mut part, &decoded),
            Ok(None) => {}
            Err(error) => {
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
        None => Ok(Folded { tenant: lane.tenant.clone(), part, last }),
    }
}

fn fold_part(part: &mut Part, decoded: &Decoded) {
    let recorded = decoded.recorded();
    match (part, recorded.fact) {
        (Part::Calls(calls), Fact::Call(fact)) => calls.fold(&recorded, fact),
        (Part::Leads(leads), Fact::Outreach(fact)) => leads.fold(&recorded, fact),
        (Part::Profile(profile), Fact::Tenant(TenantFact::Configured(body))) => {
            profile.fold(recorded.position, recorded.recorded_at, body);
        }
        // A lane holds facts of its group only.
        (Part::Calls(_) | Part::Leads(_) | Part::Profile(_), _) => {}
    }
}

/// Shards become one table, names are joined, and every row's share goes into its cells.
fn put_together(parts: &Parts, of_leads: bool) {
    let timeline = &parts.profile.timeline;
    if of_leads {
        let (shards, leads, figures) = &mut *parts.leads.lock();
        shards.drain(..).for_each(|shard| leads.absorb(shard));
        leads.settle();
        *figures = leads.figures(timeline);
    } else {
        let (shards, calls, cells) = &mut *parts.calls.lock();
        shards.drain(..).for_each(|shard| calls.absorb(shard));
        calls.settle();
        *cells = calls.cells(timeline);
    }
}

fn state(parts: Parts) -> State {
    let (_, calls, cells) = parts.calls.into_inner();
    let (_, leads, figures) = parts.leads.into_inner();
    State { position: parts.last, tenant: Tenant::assemble(parts.profile, calls, cells, leads, figures) }
}

/// Folds all of `snapshot` in the order of the log, as it is folded live.
pub(super) fn in_order(snapshot: &LogSnapshot) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    let told = Told { folded: AtomicU64::new(0), of: snapshot.head().position, progress: &|_| {} };
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
    let groups = GROUPS.iter().fold(GroupSet::ALL, |set, group| set.without(*group));
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

struct Told<'a> {
    folded: AtomicU64,
    of: u64,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl Told<'_> {
    /// The `count`th fact of a job was folded.
    fn at(&self, count: u64) {
        if count.is_multiple_of(TELL_EVERY) {
            let folded = self.folded.fetch_add(TELL_EVERY, Ordering::Relaxed) + TELL_EVERY;
            (self.progress)(Progress { folded, of: self.of });
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
