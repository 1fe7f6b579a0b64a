//! An independent model: collects what counts, looks at every record, and sums by hand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::random::{rules, runs};
use super::{NOW, fold, served_crm};
use crate::common::{Given, at};

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_default()
}

fn data_of(source: &str) -> &str {
    source.trim_end_matches("_notes")
}

/// Family, resource, contact, run: one snapshot of these tests.
type Name = (String, String, String, String);

fn name(body: &Value) -> Name {
    let of = |member| text(body, member).to_owned();
    (data_of(text(body, "source")).to_owned(), of("resource"), of("contact"), of("run_id"))
}

/// The parts of every snapshot that counts.
fn counted(facts: &[Given]) -> BTreeMap<Name, Vec<&Value>> {
    let ended = |body: &Value| {
        facts.iter().any(|end| {
            end.kind == "sync_finished"
                && end.body["run_id"] == body["run_id"]
                && end.body["status"] == "success"
        })
    };
    // One run may read one resource twice in these histories: as many parts or not, those are apart.
    let mut snapshots: BTreeMap<(Name, u64), Vec<&Value>> = BTreeMap::new();
    for part in facts.iter().filter(|fact| fact.kind == "snapshot_taken" && ended(&fact.body)) {
        snapshots
            .entry((name(&part.body), part.body["parts"].as_u64().unwrap()))
            .or_default()
            .push(&part.body);
    }
    snapshots.retain(|(_, parts), bodies| {
        let there: BTreeSet<u64> = bodies.iter().map(|body| body["part"].as_u64().unwrap()).collect();
        there.len() as u64 == *parts
    });
    let mut counted: BTreeMap<Name, Vec<&Value>> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    loop {
        let before = taken.len();
        for (key, parts) in &snapshots {
            let base = text(parts[0], "base");
            let (family, resource, contact, _) = &key.0;
            let upon = (family.clone(), resource.clone(), contact.clone(), base.to_owned());
            if !taken.contains(key) && (base.is_empty() || counted.contains_key(&upon)) {
                taken.insert(key.clone());
                counted.entry(key.0.clone()).or_default().extend(parts.iter().copied());
            }
        }
        if taken.len() == before {
            return counted;
        }
    }
}

/// The records that stand, by family, resource, contact and id.
fn standing(facts: &[Given]) -> BTreeMap<(String, String, String, String), Value> {
    let counted = counted(facts);
    let mut standing: BTreeMap<_, (String, Value)> = BTreeMap::new();
    let mut parts: Vec<(&Name, &&Value)> =
        counted.iter().flat_map(|(name, parts)| parts.iter().map(move |part| (name, part))).collect();
    parts.sort_by_key(|(_, part)| (text(part, "observed_at"), part["base"].is_string()));
    for ((family, resource, contact, _), part) in parts {
        let observed = text(part, "observed_at").to_owned();
        let key = |id: &str| (family.clone(), resource.clone(), contact.clone(), id.to_owned());
        if part["base"].is_null() {
            standing.retain(|(f, r, c, _), (seen, _)| {
                (f, r, c) != (family, resource, contact) || *seen >= observed
            });
        }
        for id in part["removed"].as_array().into_iter().flatten() {
            standing.remove(&key(id.as_str().unwrap()));
        }
        for record in part["records"].as_array().into_iter().flatten() {
            standing.insert(key(text(record, "id")), (observed.clone(), record.clone()));
        }
    }
    standing.into_iter().map(|(key, (_, record))| (key, record)).collect()
}

fn spelt(counts: &BTreeMap<String, BTreeMap<String, i64>>) -> Vec<(String, i64)> {
    let mut rows: Vec<_> = counts
        .values()
        .map(|spellings| {
            let usual = spellings.iter().max_by_key(|(name, n)| (**n, std::cmp::Reverse(*name))).unwrap().0;
            (usual.clone(), spellings.values().sum::<i64>())
        })
        .collect();
    rows.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_random_runs_when_counted_by_hand_then_the_models_agree(first in rules(), facts in runs(false)) {
        let served = served_crm(&fold(&[vec![first.clone()], facts.clone()].concat()));
        let standing = standing(&facts);
        let rules = &first.body["rules"];
        let counts = |record: &Value| match record["contact_type"].as_str() {
            None | Some("1") => true,
            Some(_) => !rules["counted_contact_types"].is_null(),
        };
        let of = |resource: &'static str| standing.iter().filter(move |((_, r, _, _), _)| r == resource);
        let stage = |record: &Value| match text(record, "stage") { "" => "New Lead".to_owned(), stage => stage.to_owned() };

        let mut sources: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        let leads: Vec<_> = of("leads").map(|(_, record)| record).filter(|record| counts(record)).collect();
        for lead in &leads {
            let source = match text(lead, "source") { "" => "Unknown", source => source };
            *sources.entry(source.to_lowercase()).or_default().entry(source.to_owned()).or_default() += 1;
        }
        prop_assert_eq!(&served["summary"]["total_leads"], leads.len());
        let by_source: Vec<_> = spelt(&sources).into_iter().map(|(source, leads)| json!({"source": source, "leads": leads})).collect();
        prop_assert_eq!(&served["summary"]["by_source"], &json!(by_source));
        let qualified = leads.iter().filter(|lead| ["fdd sent", "fa sent", "deal structure"].contains(&&*stage(lead).to_lowercase())).count();
        prop_assert_eq!(&served["summary"]["qualified_leads"], qualified);

        let deals: Vec<_> = of("opportunities").map(|(_, record)| record).filter(|record| counts(record)).collect();
        let value = |deal: &Value| deal["value_minor"].as_i64().filter(|v| *v > 0 && deal["currency"] != "EUR").unwrap_or(0);
        let total: i64 = deals.iter().map(|deal| value(deal)).sum();
        let stages: BTreeSet<_> = deals.iter().map(|deal| stage(deal).to_lowercase()).collect();
        prop_assert_eq!(&served["pipeline"]["total_value_minor"], total);
        prop_assert_eq!(&served["pipeline"]["stage_count"], stages.len());
        let in_stages: i64 = served["pipeline"]["stages"].as_array().unwrap().iter().map(|of| of["count"].as_i64().unwrap()).sum();
        prop_assert_eq!(in_stages, deals.len() as i64);
        let hot = deals.iter().filter(|deal| ["deal structure", "fa sent"].contains(&&*stage(deal).to_lowercase())).count();
        prop_assert_eq!(served["hot"].as_array().unwrap().len(), hot);
        prop_assert!(served["hot"].as_array().unwrap().is_sorted_by_key(|item| std::cmp::Reverse(item["weighted_iff_minor"].as_i64())));

        let due = of("activities").filter(|(_, record)| record["scheduled_at"].as_str().is_some_and(|due| at(due) > at(NOW))).count();
        prop_assert_eq!(&served["schedule"]["total"], due);

        let mut own: BTreeMap<&str, (i64, bool, [u8; 8])> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| fact.kind.starts_with("note_")) {
            let word = (fact.occurred_at.0, fact.kind == "note_removed", fact.content[..8].try_into().unwrap());
            let known = own.entry(text(&fact.body, "note_id")).or_insert(word);
            *known = word.max(*known);
        }
        let own = own.values().filter(|(_, removed, _)| !removed).count();
        prop_assert_eq!(served["notes"].as_array().unwrap().len(), of("notes").count() + own);
    }
}
