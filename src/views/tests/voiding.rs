//! Voids (RULINGS, Void): a voided fact counts as if it had never come, live and rebuilt alike, and restored as if it had
//! never been voided.

use std::collections::{BTreeMap, BTreeSet};

use projections::tenant::MODELS;

use super::replacing::accepted;
use super::*;
use crate::follow::Supposed;
use crate::views::Moment as Past;
use crate::views::rebuild::{Scope, rebuild};

const TENANTS: [&str; 3] = ["acme", "borealis", "cumulus"];

/// Every kind that may be voided.
const VOIDABLE: &[&str] = &[
    "call_reported",
    "call_disposed",
    "call_recorded",
    "call_placed",
    "session_started",
    "session_resumed",
    "session_ended",
    "lead_attempted",
    "email_sent",
    "lead_replied",
    "lead_interested",
    "email_bounced",
    "lead_unsubscribed",
    "lead_staged",
    "sender_account_observed",
    "sender_account_added",
    "sender_account_disconnected",
    "sender_account_reconnected",
    "sender_account_removed",
    "sync_started",
    "sync_finished",
    "snapshot_taken",
    "ad_spend_observed",
    "note_written",
    "note_removed",
    "target_set",
    "report_drafted",
    "report_published",
    "report_withdrawn",
];

/// Fact `n` of a history in which every kind comes that may be voided.
fn any(n: u64, numbers: &mut Numbers) -> Draft {
    if numbers.below(2) == 0 {
        return random(n, numbers);
    }
    let (tenant, at) = (TENANTS[numbers.below(3) as usize], numbers.below(90 * 86_400) as i64);
    let (session, lead) = (format!("s{}", numbers.below(6)), format!("L{}", numbers.below(5)));
    let account = json!({"instance": "i", "workspace": "1", "email": format!("a{}@x.example", numbers.below(4)),
        "account_id": numbers.below(4).to_string()});
    let kind = VOIDABLE[numbers.below(VOIDABLE.len() as u64) as usize];
    let body = match kind {
        "call_recorded" => json!({"call_id": format!("CA{}", numbers.below(60)),
            "recording_id": format!("RE{}", numbers.below(20)), "url": "https://r.example/1"}),
        "call_placed" => json!({"call_id": format!("CA{}", numbers.below(60)), "to": "+12025550107",
            "agent": format!("agent{}", numbers.below(3)), "lead_id": lead, "session_id": session}),
        "session_started" => json!({"session_id": session, "agent": format!("agent{}", numbers.below(2)),
            "pipeline_id": "p", "lead_ids": ["L0", "L1", "L2", lead]}),
        "session_resumed" | "session_ended" => json!({"session_id": session}),
        "lead_attempted" => json!({"session_id": session, "lead_id": lead, "outcome": "busy"}),
        "lead_staged" => json!({"lead": {"id": numbers.below(30).to_string()}, "stage": "quoting"}),
        "sender_account_observed" => {
            let mut body = account;
            body["status"] = ["connected", "disconnected"][numbers.below(2) as usize].into();
            body["sends"] = numbers.below(500).into();
            body["replies"] = numbers.below(50).into();
            body["bounces"] = numbers.below(5).into();
            body["email_provider"] = ["Gmail", "Outlook"][numbers.below(2) as usize].into();
            body
        }
        "sender_account_added"
        | "sender_account_disconnected"
        | "sender_account_reconnected"
        | "sender_account_removed" => account,
        "email_sent" | "lead_replied" | "lead_interested" | "email_bounced" | "lead_unsubscribed" => {
            json!({"instance": "i", "workspace": "1", "lead": {"id": numbers.below(30).to_string()}})
        }
        "sync_started" => json!({"run_id": format!("r{}", numbers.below(40)), "source": "ct"}),
        "ad_spend_observed" => json!({"source": "meta", "account_id": numbers.below(2).to_string(),
            "date": format!("2025-1{}-0{}", numbers.below(3), 1 + numbers.below(9)),
            "amount_minor": numbers.below(90_000), "currency": "USD"}),
        "target_set" => json!({"month": "2025-11", "metric": "qualified", "value": numbers.below(90)}),
        "report_drafted" | "report_published" | "report_withdrawn" => {
            json!({"report_id": format!("rep{}", numbers.below(4)), "period": "2025-10"})
        }
        _ => return random(n, numbers),
    };
    draft(tenant, &format!("f{n}"), at, kind, body)
}

/// What no model folds, and keeps its place in the log.
fn filler(tenant: &str, n: usize) -> Draft {
    let body = json!({"file": format!("filler{n}"), "bytes": 1, "lines": 0, "recorded": 0, "duplicates": 0,
        "conflicts": 0, "rejected": 0});
    draft(tenant, &format!("filler/{n}"), 0, "import_finished", body)
}

pub(super) fn undo(tenant: &str, kind: &str, place: u64, earlier: u64) -> Draft {
    let mut body = json!({"voided_position": place, "earlier": earlier});
    if kind == "fact_voided" {
        body["reason"] = "a mistake".into();
    }
    draft(tenant, &format!("{kind}/{place}/{earlier}"), 0, kind, body)
}

fn parts(draft: &Draft) -> (String, &'static str) {
    let mut stored = Vec::new();
    draft.clone().stamp(0, &mut stored);
    let record = RecordRef::read(&stored).unwrap();
    let kind = domain::facts::kind_name(record.header.kind).unwrap();
    (record.header.tenant.to_owned(), kind)
}

/// Digests of every model of every tenant but of the voids themselves.
fn digests(views: &Views) -> BTreeMap<String, Vec<(&'static str, String)>> {
    let of = |(id, view): (Box<str>, crate::views::TenantView)| {
        let digests = view.with(|tenant, _| tenant.digests(&id));
        let named = MODELS.iter().zip(digests).filter(|((name, _), _)| *name != "voids");
        (id.to_string(), named.map(|((name, _), digest)| (*name, digest.to_string())).collect())
    };
    views.tenants().into_iter().map(of).collect()
}

/// The models of a log with the same groups, where fillers stand in the place of `without`.
fn digests_without(
    groups: &[Vec<Draft>],
    without: &BTreeSet<u64>,
) -> BTreeMap<String, Vec<(&'static str, String)>> {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let mut position = 0;
    for group in groups {
        let stand_in = |draft: &Draft| {
            position += 1;
            let (tenant, kind) = parts(draft);
            let is_out = without.contains(&position) || kind.starts_with("fact_");
            if is_out { filler(&tenant, position as usize) } else { draft.clone() }
        };
        append(&log, group.iter().map(stand_in).collect());
    }
    let views = Views::start(&log, 2, SILENT).unwrap();
    let found = digests(&views);
    views.close();
    log.close();
    found
}

#[test]
fn e13_given_facts_of_any_kind_voided_and_restored_in_any_order_then_the_models_are_those_without_them() {
    let mut kinds_voided = BTreeSet::new();
    for seed in 0..6 {
        let (dir, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(seed));
        let log = open(&dir, 150);
        let views = Views::start(&log, 2, SILENT).unwrap();
        let (mut groups, mut facts): (Vec<Vec<Draft>>, Vec<(String, &str)>) = (Vec::new(), Vec::new());
        let (mut voided, mut voids): (BTreeSet<u64>, BTreeMap<u64, u64>) = Default::default();
        let (mut then, mut n) = (None, 0);
        for round in 0..10 {
            let mut group: Vec<Draft> =
                (0..30 + numbers.below(60)).map(|at| any(n + at, &mut numbers)).collect();
            n += group.len() as u64;
            facts.extend(group.iter().map(parts));
            append(&log, group.clone());
            groups.push(std::mem::take(&mut group));
            for _ in 0..4 + numbers.below(20) {
                let place = 1 + numbers.below(facts.len() as u64);
                let (tenant, kind) = facts[place as usize - 1].clone();
                if !VOIDABLE.contains(&kind) {
                    continue;
                }
                let earlier = voids.entry(place).or_default();
                if voided.remove(&place) {
                    group.push(undo(&tenant, "fact_restored", place, *earlier - 1));
                } else {
                    group.push(undo(&tenant, "fact_voided", place, *earlier));
                    *earlier += 1;
                    voided.insert(place);
                    kinds_voided.insert(kind);
                }
            }
            // Voids of several tenants at once and one by one.
            let cut = numbers.below(group.len() as u64 + 1) as usize;
            for part in
                [group[..cut].to_vec(), group[cut..].to_vec()].into_iter().filter(|part| !part.is_empty())
            {
                facts.extend(part.iter().map(parts));
                append(&log, part.clone());
                groups.push(part);
            }
            if round == 4 {
                until("folded", || views.position() == log.head().position);
                then = Some((views.position(), served(&views), digests(&views)));
                assert_eq!(digests(&views), digests_without(&groups, &voided), "seed {seed}, half way");
            }
        }
        let live = folded(&views, &log);
        assert_eq!(digests(&views), digests_without(&groups, &voided), "seed {seed}");
        assert_ne!(digests(&views), digests_without(&groups, &BTreeSet::new()), "null control, seed {seed}");
        assert_eq!(Views::fold_once(&log.snapshot(), 3, SILENT).unwrap(), live, "seed {seed}");
        assert_eq!(Views::fold_in_order(&log.snapshot()).unwrap(), live, "seed {seed}");
        let scope = Scope { shard_facts: 1, ..Scope::all(&log.snapshot()) };
        let shards = rebuild(&log.snapshot(), &scope, 4, SILENT).unwrap();
        for (id, view) in views.tenants() {
            let digests = view.with(|tenant, _| tenant.digests(&id));
            assert_eq!(shards[&id].tenant.digests(&id), digests, "seed {seed} {id}");
        }
        // The past knows only what had been voided by then.
        let (position, served_then, digests_then) = then.unwrap();
        let past = Past { as_of_position: Some(position), ..Past::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for (at, tenant) in TENANTS.iter().enumerate() {
            let view = runtime.block_on(views.at(&TenantId::new(tenant).unwrap(), past)).unwrap().unwrap();
            assert_eq!(served_of(&view), served_then[at], "seed {seed} {tenant}");
            let digests = view.with(|models, _| models.digests(tenant));
            let named = MODELS.iter().zip(digests).filter(|((name, _), _)| *name != "voids");
            let named: Vec<_> = named.map(|((name, _), digest)| (*name, digest.to_string())).collect();
            assert_eq!(named, digests_then[*tenant], "seed {seed} {tenant}");
        }
        // Restored is as if never voided: first only supposed, then recorded.
        let all = digests_without(&groups, &BTreeSet::new());
        for tenant in TENANTS {
            let positions =
                voided.iter().copied().filter(|place| facts[*place as usize - 1].0 == tenant).collect();
            let supposed = Supposed { tenant: TenantId::new(tenant).unwrap(), positions, voided: false };
            let scope = Scope {
                tenant: TenantId::new(tenant).ok(),
                supposed: Some(Arc::new(supposed)),
                ..Scope::all(&log.snapshot())
            };
            let state = rebuild(&log.snapshot(), &scope, 1, SILENT).unwrap().remove(tenant).unwrap();
            let named =
                MODELS.iter().zip(state.tenant.digests(tenant)).filter(|((name, _), _)| *name != "voids");
            let named: Vec<_> = named.map(|((name, _), digest)| (*name, digest.to_string())).collect();
            assert_eq!(named, all[tenant], "seed {seed} {tenant}");
        }
        let restored: Vec<Draft> = voided
            .iter()
            .map(|place| undo(&facts[*place as usize - 1].0, "fact_restored", *place, voids[place] - 1))
            .collect();
        groups.push(restored.clone());
        append(&log, restored);
        folded(&views, &log);
        assert_eq!(digests(&views), digests_without(&groups, &BTreeSet::new()), "seed {seed}, restored");
        views.close();
        log.close();
    }
    let missing: Vec<_> = VOIDABLE.iter().filter(|kind| !kinds_voided.contains(*kind)).collect();
    assert!(missing.is_empty(), "never voided: {missing:?}");
}

#[test]
fn every_kind_that_may_be_voided_is_voided_here() {
    let may: Vec<&str> =
        domain::facts::kinds().map(|(_, kind)| kind).filter(|kind| !is_left_out(kind)).collect();
    let here: BTreeSet<&str> = VOIDABLE.iter().copied().collect();
    assert_eq!(may.into_iter().collect::<BTreeSet<_>>(), here);
}

/// Kinds of the engine's own, and configurations.
fn is_left_out(kind: &str) -> bool {
    let group = domain::facts::kind_named(kind).unwrap().group;
    // Tenants, control, access, alerts, settings, imports, requests to place calls.
    (10..=16).contains(&group)
        || ["lead_reserved", "session_timed_out", "difference_observed", "coverage_observed"].contains(&kind)
}

fn call(seconds: u32) -> Draft {
    let body =
        json!({"call_id": "CA1", "status": "completed", "answered": true, "duration_seconds": seconds});
    draft("acme", "a", 0, "call_reported", body)
}

#[test]
fn e13_given_a_conflict_over_a_voided_fact_when_accepted_then_the_correction_counts_until_it_is_voided_too() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir, 150);
    let views = Views::start(&log, 1, SILENT).unwrap();
    let talked = |views: &Views| {
        let (_, view) = views.tenants().remove(0);
        let month = view.month(Month::parse("2025-10").unwrap(), domain::members::Instant(0)).figures;
        let voided = view.with(|tenant, _| tenant.voids.rows.of(1).voided_by);
        (month.talk_seconds, voided)
    };
    let step = |facts: Vec<Draft>| {
        append(&log, facts);
        let live = folded(&views, &log);
        assert_eq!(Views::fold_once(&log.snapshot(), 2, SILENT).unwrap(), live);
        talked(&views)
    };
    assert_eq!(step(vec![call(10)]), (10, None));
    assert_eq!(step(vec![undo("acme", "fact_voided", 1, 0)]), (0, Some(2)));
    assert_eq!(step(vec![accepted("acme", 1, 0, &call(45))]), (45, None), "the correction counts");
    assert_eq!(step(vec![undo("acme", "fact_voided", 1, 1)]), (0, Some(4)), "voided again it is out, too");
    assert_eq!(step(vec![undo("acme", "fact_restored", 1, 1)]), (45, None));
    views.close();
    log.close();
}
