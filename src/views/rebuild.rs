//! The whole fold from the log's lanes: tenants × models × shards on all threads; links and sums after the lanes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time;

use domain::keys::{Position, TenantId};
use domain::members::Instant;
use domain::record::RecordRef;
use domain::rules::configuration::Timeline;
use parking_lot::Mutex;
use projections::Recorded;
use projections::tenant::{ENTITIES, Part, Profile, Tenant, folds};

use super::jobs::{Progress, ProgressMeter, on_threads};
use super::slot::State;
use crate::follow::{Decoded, FoldError, Replaced, Supposed};
use crate::log::LogSnapshot;
use crate::log::select::{GroupSet, Select, Shard};

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
    /// Configurations, folded once the accepted conflicts among them are known.
    Profile(Vec<Decoded>),
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
    configured: Vec<Decoded>,
    profile: Profile,
    entities: Vec<Mutex<Vec<Part>>>,
}

impl Default for Parts {
    fn default() -> Self {
        let entities = ENTITIES.iter().map(|_| Mutex::default()).collect();
        Self { last: 0, configured: Vec::new(), profile: Profile::default(), entities }
    }
}

/// What of the log is folded.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// Whose facts; all tenants' when none.
    pub tenant: Option<TenantId>,
    /// Only facts of these, where given.
    pub among: Option<Arc<BTreeSet<Box<str>>>>,
    /// The last position, inclusive.
    pub up_to: Position,
    /// What happened later is left out, but for configuration (RULINGS Configuration).
    pub occurred_until: Option<Instant>,
    /// When the fold is given up.
    pub deadline: Option<time::Instant>,
    /// From so many facts on a lane may be cut into shards.
    pub shard_facts: u64,
    /// Only this entity, by its number in the table, and who the tenants are; all when none.
    pub only: Option<usize>,
    /// Set when the fold is not wanted any more.
    pub cancelled: Option<Arc<AtomicBool>>,
    /// Voids that are only supposed.
    pub supposed: Option<Arc<Supposed>>,
}

impl Scope {
    /// Every fact of `snapshot`.
    pub(super) fn all(snapshot: &LogSnapshot) -> Self {
        let up_to = snapshot.head().position;
        Self {
            tenant: None,
            among: None,
            up_to,
            occurred_until: None,
            deadline: None,
            shard_facts: SHARD_FACTS_MIN,
            only: None,
            cancelled: None,
            supposed: None,
        }
    }

    /// Whether facts of this tenant are in it.
    fn is_of(&self, tenant: &str) -> bool {
        self.tenant.as_ref().is_none_or(|wanted| wanted.as_str() == tenant)
            && self.among.as_ref().is_none_or(|among| among.contains(tenant))
    }

    fn replaced(&self, snapshot: &LogSnapshot) -> Result<Replaced, FoldError> {
        Replaced::load(snapshot, self.tenant.as_ref(), self.up_to, self.supposed.as_deref())
    }

    pub(super) fn keeps(&self, group: u8, occurred_at: Instant) -> bool {
        self.occurred_until.is_none_or(|until| occurred_at <= until || Profile::GROUPS.contains(&group))
    }

    /// The fact of a record, if it is kept and a model folds it.
    pub(super) fn decode(
        &self,
        position: Position,
        record: &RecordRef<'_>,
    ) -> Result<Option<Decoded>, FoldError> {
        let header = &record.header;
        let is_kept = self.keeps(header.kind.group, Instant(header.occurred_at));
        (is_kept && folds(header.kind.group)).then(|| Decoded::of(position, record)).transpose()
    }

    /// Hands out the selected facts of the scope, positions ascending; the first error ends it.
    pub(super) fn for_each(
        &self,
        snapshot: &LogSnapshot,
        select: Select,
        mut f: impl FnMut(Position, &RecordRef<'_>) -> Result<(), FoldError>,
    ) -> Result<(), FoldError> {
        let mut done = Ok(());
        let mut visit = |position, record: RecordRef<'_>| {
            if self.is_of(record.header.tenant) {
                done = f(position, &record);
            }
            if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let up_to = select.up_to.min(self.up_to);
        if self.tenant.is_none() && select.tenant.is_none() && select.groups == GroupSet::ALL {
            snapshot.in_order(select.from, up_to, false, &mut visit)?;
        } else {
            let tenant = select.tenant.clone().or_else(|| self.tenant.clone());
            snapshot.for_each(&Select { tenant, up_to, ..select }, &mut visit)?;
        }
        done
    }
}

/// Folds what is in scope from the lanes.
pub(super) fn rebuild(
    snapshot: &LogSnapshot,
    scope: &Scope,
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    let threads = threads.clamp(1, 64);
    let lanes = lanes(snapshot, scope, threads)?;
    let in_lanes: u64 = lanes.iter().map(|lane| lane.facts).sum();
    let to_do = in_lanes + scope.up_to.saturating_sub(snapshot.sealed());
    let limits = (scope.deadline, scope.cancelled.as_deref());
    let meter = ProgressMeter::new(scope.up_to, to_do, limits, progress);
    let replaced = scope.replaced(snapshot)?;
    let folded = on_threads(threads, &lanes, |lane| fold_lane(snapshot, scope, lane, &replaced, &meter))?;
    let mut tenants: BTreeMap<Box<str>, Parts> =
        tenants_of(&replaced, scope).map(|tenant| (tenant.into(), Parts::default())).collect();
    for Folded { tenant, rows, last } in folded {
        let parts = tenants.entry(tenant).or_default();
        parts.last = parts.last.max(last);
        match rows {
            Rows::Profile(configured) => parts.configured = configured,
            Rows::Part(entity, part) => parts.entities[entity].get_mut().push(part),
        }
    }
    // What stands in the place of sealed facts may be of another kind and subject than they: it goes to no lane.
    let moved = |tenant: &str| -> Vec<&Decoded> {
        let all = replaced.of(tenant).into_iter().flat_map(|all| all.range(..=snapshot.sealed()));
        let stands = all.filter_map(|(_, stands)| stands.as_ref());
        stands.filter(|fact| scope.keeps(fact.fact.tag().group, fact.occurred_at)).collect()
    };
    let moved: BTreeMap<&str, Vec<&Decoded>> =
        tenants_of(&replaced, scope).map(|tenant| (tenant, moved(tenant))).collect();
    for (tenant, parts) in &mut tenants {
        let mut configured: Vec<&Decoded> = parts.configured.iter().collect();
        configured.extend(moved.get(&**tenant).into_iter().flatten());
        configured.sort_by_key(|fact| fact.position);
        configured.into_iter().for_each(|fact| parts.profile.fold(&fact.recorded()));
    }
    let jobs: Vec<_> = tenants
        .iter()
        .flat_map(|(tenant, parts)| (0..ENTITIES.len()).map(move |entity| (tenant, parts, entity)))
        .filter(|(_, _, entity)| scope.only.is_none_or(|only| only == *entity))
        .collect();
    on_threads(threads, &jobs, |(tenant, parts, entity)| {
        let moved = moved.get(&***tenant).map_or(&[][..], |facts| facts);
        merge_shards(*entity, &mut parts.entities[*entity].lock(), moved, &parts.profile.timeline);
        Ok(())
    })?;
    drop(jobs);
    let mut states: BTreeMap<Box<str>, State> =
        tenants.into_iter().map(|(id, parts)| (id, state(parts))).collect();
    see_unfolded(snapshot, scope, &mut states)?;
    // What is not sealed lies in order, not in lanes, and is folded as if it came now.
    fold_from(snapshot, scope, snapshot.sealed() + 1, &replaced, &mut states, &meter)?;
    progress(Progress { folded: scope.up_to, of: scope.up_to });
    Ok(states)
}

/// Tenants of the scope of which a fact was replaced.
fn tenants_of<'r>(replaced: &'r Replaced, scope: &'r Scope) -> impl Iterator<Item = &'r str> {
    replaced.tenants().filter(|tenant| scope.is_of(tenant))
}

/// What each thread takes next, the longest first: every tenant's facts once for each model that folds them. A
/// tenant that would keep one thread longer than its fair share is cut into shards.
fn lanes(snapshot: &LogSnapshot, scope: &Scope, threads: usize) -> Result<Vec<Lane>, FoldError> {
    let groups = snapshot.groups()?;
    let total: u64 = groups.values().sum();
    let mut tenants: BTreeMap<Box<str>, BTreeMap<u8, u64>> = BTreeMap::new();
    for ((tenant, group), facts) in groups {
        if scope.is_of(&tenant) {
            tenants.entry(tenant).or_default().insert(group, facts);
        }
    }
    let entities =
        ENTITIES.iter().enumerate().map(|(at, entity)| (Of::Entity(at), entity.groups, entity.sharded));
    let entities = entities.filter(|(of, _, _)| scope.only.is_none_or(|only| *of == Of::Entity(only)));
    let models: Vec<_> = std::iter::once((Of::Profile, Profile::GROUPS, false)).chain(entities).collect();
    let mut lanes = Vec::new();
    for (tenant, counts) in &tenants {
        for (of, groups, sharded) in &models {
            let facts: u64 = groups.iter().filter_map(|group| counts.get(group)).sum();
            let is_long = facts > total / (2 * threads as u64) && facts >= scope.shard_facts && threads > 1;
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

fn fold_lane(
    snapshot: &LogSnapshot,
    scope: &Scope,
    lane: &Lane,
    replaced: &Replaced,
    meter: &ProgressMeter<'_>,
) -> Result<Folded, FoldError> {
    let replaced = replaced.of(&lane.tenant);
    let mut rows = match lane.of {
        Of::Profile => Rows::Profile(Vec::new()),
        Of::Entity(at) => Rows::Part(at, ENTITIES[at].part()),
    };
    let (mut last, mut count) = (0, 0);
    let select = Select {
        tenant: TenantId::stored(&lane.tenant).ok(),
        groups: lane.groups,
        shard: lane.shard,
        up_to: snapshot.sealed(),
        ..Select::all()
    };
    scope.for_each(snapshot, select, |position, record| {
        let stands = replaced.is_none_or(|replaced| !replaced.contains_key(&position));
        if stands && let Some(decoded) = scope.decode(position, record)? {
            match &mut rows {
                Rows::Profile(configured) => configured.push(decoded),
                Rows::Part(_, part) => part.fold(&decoded.recorded()),
            }
        }
        last = position;
        count += 1;
        meter.at(count)
    })?;
    Ok(Folded { tenant: lane.tenant.clone(), rows, last })
}

/// Shards become one table, names are joined, and every row's share goes into its cells.
fn merge_shards(entity: usize, parts: &mut Vec<Part>, moved: &[&Decoded], timeline: &Timeline) {
    let model = &ENTITIES[entity];
    let moved: Vec<_> = moved.iter().filter(|fact| model.groups.contains(&fact.fact.tag().group)).collect();
    if parts.is_empty() && moved.is_empty() {
        return;
    }
    let mut shards = std::mem::take(parts).into_iter();
    let mut whole = shards.next().unwrap_or_else(|| model.part());
    shards.for_each(|shard| whole.absorb(shard));
    moved.into_iter().for_each(|fact| whole.fold(&fact.recorded()));
    whole.complete(timeline);
    parts.push(whole);
}

fn state(parts: Parts) -> State {
    let entities = parts.entities.into_iter().flat_map(Mutex::into_inner);
    State { position: parts.last, tenant: Tenant::assemble(parts.profile, entities) }
}

/// Folds what is in scope in the order of the log, as it is folded live.
pub(super) fn in_order(
    snapshot: &LogSnapshot,
    scope: &Scope,
) -> Result<BTreeMap<Box<str>, State>, FoldError> {
    let limits = (scope.deadline, scope.cancelled.as_deref());
    let meter = ProgressMeter::new(scope.up_to, scope.up_to, limits, &|_| {});
    let replaced = scope.replaced(snapshot)?;
    let mut states = BTreeMap::new();
    fold_from(snapshot, scope, 1, &replaced, &mut states, &meter)?;
    Ok(states)
}

/// Folds one tenant's facts anew, up to a position and of what had happened by a time.
pub(super) fn refold(
    snapshot: &LogSnapshot,
    tenant: &str,
    up_to: Position,
    occurred_until: Option<Instant>,
    threads: usize,
) -> Result<State, FoldError> {
    let tenant_id = TenantId::stored(tenant).ok();
    let scope = Scope { tenant: tenant_id, up_to, occurred_until, ..Scope::all(snapshot) };
    let mut states = rebuild(snapshot, &scope, threads, &|_| {})?;
    Ok(states.remove(tenant).unwrap_or_default())
}

fn state_of<'s>(states: &'s mut BTreeMap<Box<str>, State>, tenant: &str) -> &'s mut State {
    states.entry(tenant.into()).or_default()
}

/// A tenant's answers are true up to its last fact, whether or not a model folds that kind.
fn see_unfolded(
    snapshot: &LogSnapshot,
    scope: &Scope,
    states: &mut BTreeMap<Box<str>, State>,
) -> Result<(), FoldError> {
    let groups = (0..64).filter(|group| folds(*group)).fold(GroupSet::ALL, GroupSet::without);
    let select = Select { groups, up_to: snapshot.sealed(), ..Select::all() };
    scope.for_each(snapshot, select, |position, record| {
        let state = state_of(states, record.header.tenant);
        state.position = state.position.max(position);
        Ok(())
    })
}

/// Folds the next fact into all models, or into `only` one entity.
pub(super) fn apply_scoped(tenant: &mut Tenant, recorded: &Recorded<'_>, only: Option<usize>) {
    match only {
        Some(entity) => tenant.apply_to(entity, recorded),
        None => tenant.apply(recorded),
    }
}

fn fold_from(
    snapshot: &LogSnapshot,
    scope: &Scope,
    from: Position,
    replaced: &Replaced,
    states: &mut BTreeMap<Box<str>, State>,
    meter: &ProgressMeter<'_>,
) -> Result<(), FoldError> {
    let mut count = 0;
    scope.for_each(snapshot, Select { from, ..Select::all() }, |position, record| {
        let tenant = record.header.tenant;
        let state = state_of(states, tenant);
        match replaced.of(tenant).and_then(|replaced| replaced.get(&position)) {
            Some(Some(fact)) if scope.keeps(fact.fact.tag().group, fact.occurred_at) => {
                apply_scoped(&mut state.tenant, &fact.recorded(), scope.only);
            }
            Some(_) => {}
            None => {
                if let Some(fact) = scope.decode(position, record)? {
                    apply_scoped(&mut state.tenant, &fact.recorded(), scope.only);
                }
            }
        }
        state.position = position;
        count += 1;
        meter.at(count)
    })
}
