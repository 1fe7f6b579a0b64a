//! The law that the facts a row names, folded alone, give the row.

use domain::rules::configuration::Timeline;
use projections::Recorded;
use projections::canonical::Digest;
use projections::entities::crm::CrmId;
use projections::entities::leads::list::{LeadFilter, LeadList};
use projections::entities::leads::{LeadId, Leads};
use projections::entity::{Entity, Folded};
use projections::tenant::Tenant;
use proptest::prelude::*;

use super::by_hand::summed;
use crate::common::{Given, TENANT, live, recorded};

/// The entity of the facts that a row names, alone.
fn alone<E: Entity>(rows: &E, id: E::RowId, log: &[Recorded<'_>], names: impl Fn(Vec<u64>) -> Vec<u64>) -> E {
    let (mut alone, facts) = (E::default(), names(rows.facts_of(id)));
    log.iter().filter(|fact| facts.contains(&fact.position)).for_each(|fact| alone.fold(fact));
    alone.finish_rows();
    alone
}

/// Each row, folded alone from the facts that it names, contributes what it does among all others.
fn rows_contribute_alone<E: Entity>(
    rows: &E,
    ids: impl Iterator<Item = E::RowId>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    for id in ids {
        let whole = rows.digest_figures(TENANT, &summed(rows, std::iter::once(id), timeline));
        let alone = alone(rows, id, log, &names);
        let again = alone.digest_figures(TENANT, &summed(&alone, alone.row_ids(), timeline));
        prop_assert_eq!(whole, again, "{} {:?}", E::NAME, id);
    }
    Ok(())
}

/// The rows, each folded alone, are together the rows of all facts: canonical rows hold the positions of their facts,
/// so one too many or too few shows.
fn rows_are_their_facts<E: Entity>(
    folded: &Folded<E>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let rows = &folded.rows;
    let mut sum = Digest::default();
    rows.row_ids().for_each(|id| sum.merge(alone(rows, id, log, &names).digest(TENANT)));
    prop_assert_eq!(sum, rows.digest(TENANT), "{}", E::NAME);
    rows_contribute_alone(rows, rows.row_ids(), log, timeline, names)
}

/// A lead names the claims that hold for it, which are rows of their own as well: the served leads are compared.
fn leads_are_their_facts(
    folded: &Folded<Leads>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let (rows, calls) = (&folded.rows, projections::entities::calls::Calls::default());
    let listed = |leads: &Leads| {
        let page = LeadList::new(leads, &calls).page(0, &LeadFilter::default(), None, 1_000);
        page.items.into_iter().map(|item| serde_json::to_string(&item).unwrap()).collect::<Vec<_>>()
    };
    let leads = || rows.row_ids().filter(|id| matches!(id, LeadId::Lead(_)));
    let mut each: Vec<String> = leads().flat_map(|id| listed(&alone(rows, id, log, &names))).collect();
    let mut all = listed(rows);
    each.sort_unstable();
    all.sort_unstable();
    prop_assert_eq!(each, all);
    let mut named: Vec<u64> = rows.row_ids().flat_map(|id| names(rows.facts_of(id))).collect();
    named.sort_unstable();
    named.dedup();
    let group = Leads::GROUPS[0];
    let folded: Vec<u64> =
        log.iter().filter(|fact| fact.fact.tag().group == group).map(|fact| fact.position).collect();
    prop_assert_eq!(named, folded, "every fact of leads is of one of them");
    rows_contribute_alone(rows, leads(), log, timeline, names)
}

/// A record counts with its whole snapshot, so it is not folded alone: the one fact that it names holds it.
fn records_are_in_their_facts(
    tenant: &Tenant,
    facts: &[Given],
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let crm = &tenant.crm.rows;
    for id in crm.row_ids() {
        let named = names(crm.facts_of(id));
        let bodies = named.iter().map(|position| &facts[*position as usize - 1].body);
        match id {
            CrmId::Run(_) => {
                let runs: std::collections::BTreeSet<_> =
                    bodies.map(|body| body["run_id"].as_str()).collect();
                prop_assert_eq!(runs.len(), 1);
            }
            CrmId::Record { resource, source, row } => {
                let tables = crm.tables(resource);
                let source = crm.texts().get(source);
                let (_, table) = tables.iter().find(|(of, _)| *of == source).unwrap();
                let record = table.row(row);
                let body = bodies.into_iter().next().ok_or_else(|| TestCaseError::fail("names no fact"))?;
                let (key, list) = (crm.texts().get(record.id), &body["records"][record.index()]);
                let is_gone = body["removed"].as_array().is_some_and(|ids| ids.iter().any(|id| id == key));
                prop_assert!(named.len() == 1 && (list["id"] == key || is_gone), "{} in {}", key, body);
                prop_assert!(record.gone || list["value_minor"].as_i64() == record.value_minor);
            }
        }
    }
    let mut of_runs: Vec<u64> = crm
        .row_ids()
        .filter(|id| matches!(id, CrmId::Run(_)))
        .flat_map(|id| names(crm.facts_of(id)))
        .collect();
    of_runs.sort_unstable();
    let ends =
        facts.iter().zip(1..).filter(|(fact, _)| ["sync_started", "sync_finished"].contains(&fact.kind));
    prop_assert_eq!(of_runs, ends.map(|(_, position)| position).collect::<Vec<u64>>());
    Ok(())
}

pub fn law_of_facts(facts: &[Given], names: impl Fn(Vec<u64>) -> Vec<u64>) -> Result<(), TestCaseError> {
    let log = recorded(facts);
    let tenant = live(&log);
    let timeline = &tenant.profile.timeline;
    let names = &names;
    rows_are_their_facts(&tenant.calls, &log, timeline, names)?;
    leads_are_their_facts(&tenant.leads, &log, timeline, names)?;
    rows_are_their_facts(&tenant.sessions, &log, timeline, names)?;
    rows_are_their_facts(&tenant.conflicts, &log, timeline, names)?;
    rows_are_their_facts(&tenant.quarantine, &log, timeline, names)?;
    rows_are_their_facts(&tenant.alerts, &log, timeline, names)?;
    records_are_in_their_facts(&tenant, facts, names)?;
    rows_are_their_facts(&tenant.notes, &log, timeline, names)?;
    rows_are_their_facts(&tenant.reports, &log, timeline, names)?;
    rows_are_their_facts(&tenant.sender_accounts, &log, timeline, names)?;
    rows_are_their_facts(&tenant.call_requests, &log, timeline, names)?;
    rows_are_their_facts(&tenant.voids, &log, timeline, names)?;
    rows_are_their_facts(&tenant.spend, &log, timeline, names)?;
    rows_are_their_facts(&tenant.targets, &log, timeline, names)
}
