//! Random histories as they lie in a log, and what is served of them.

pub mod accounts;
pub mod dialer;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{ContentDigest, ExternalId, LogSecret, Provider, TenantId};
use domain::members::{Day, Instant, Month};
use domain::record::RecordRef;
use projections::Recorded;
use projections::entities::calls::list::CallFilter;
use projections::entities::leads::list::LeadFilter;
use projections::tenant::{ENTITIES, Model, Part, Profile, Tenant};
use proptest::prelude::*;
use serde_json::{Value, json};

pub const TENANT: &str = "acme";

/// How many random cases a law holds for: as many as `FACTFOLD_ROUNDS` says, else so many.
#[allow(
    clippy::disallowed_methods,
    reason = "the environment decides how many histories there are, and nothing of them"
)]
pub fn cases(small: u32) -> ProptestConfig {
    let given = std::env::var("FACTFOLD_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    ProptestConfig { cases: given.unwrap_or(small), failure_persistence: None, ..ProptestConfig::default() }
}

/// A fact as decoded from its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub kind: &'static str,
    pub body: Value,
    pub occurred_at: Instant,
    pub content: ContentDigest,
    pub subject: u64,
    pub fact: Fact,
}

pub fn at(text: &str) -> Instant {
    Instant::parse(text).expect("instant")
}

/// Lays a fact down and reads it back, so that what is folded is what a log gives.
pub fn given(kind: &'static str, occurred_at: Instant, body: Value) -> Given {
    let secret = LogSecret::new(&[7; 32]);
    let fact = Fact::from_json(kind, body.clone(), "/body").expect("kind");
    let fact = fact.unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
    let envelope = Envelope {
        tenant: TenantId::new(TENANT).unwrap(),
        provider: Provider::new("test").unwrap(),
        external_id: ExternalId::new("x").unwrap(),
        occurred_at,
        time_received: false,
        fact,
        mapping: 1,
    };
    let draft = envelope.draft(&secret, [1; 16], &Bytes::new()).expect("draft");
    let mut stored = Vec::new();
    draft.stamp(occurred_at.0, &mut stored);
    let record = RecordRef::read(&stored).expect("record");
    let header = record.header;
    let fact = Fact::decode(header.kind, header.version, record.public, record.personal()).expect("decodes");
    Given { kind, body, occurred_at, content: header.content, subject: header.subject, fact }
}

/// Facts with the positions that their order gives them, from 1.
pub fn recorded(facts: &[Given]) -> Vec<Recorded<'_>> {
    let one = |(i, given): (usize, &'_ Given)| (i as u64 + 1, given.occurred_at, given.content);
    facts
        .iter()
        .enumerate()
        .map(|(i, given)| {
            let (position, occurred_at, content) = one((i, given));
            let recorded_at = at("2025-12-24T12:00:00Z");
            Recorded { position, content_at: position, recorded_at, occurred_at, content, fact: &given.fact }
        })
        .collect()
}

/// One fact after the other.
pub fn live(facts: &[Recorded<'_>]) -> Tenant {
    let mut tenant = Tenant::default();
    facts.iter().for_each(|fact| tenant.apply(fact));
    tenant
}

/// From lanes: each shard of each entity alone, `order` of taking the shards over.
pub fn rebuilt(facts: &[Given], recorded: &[Recorded<'_>], shards: usize, order: &[usize]) -> Tenant {
    let mut profile = Profile::default();
    recorded.iter().for_each(|fact| profile.fold(fact));
    let fold = |entity: &Model| {
        let shards = if entity.sharded { shards } else { 1 };
        let mut parts: Vec<Option<Part>> = (0..shards).map(|_| Some(entity.part())).collect();
        for (fact, given) in recorded.iter().zip(facts) {
            if entity.groups.contains(&fact.fact.tag().group)
                && let Some(part) = &mut parts[(given.subject % shards as u64) as usize]
            {
                part.fold(fact);
            }
        }
        let order = order.iter().map(|shard| shard % shards).chain(0..shards);
        let mut shards = order.filter_map(|shard| parts[shard].take()).collect::<Vec<_>>().into_iter();
        let mut whole = shards.next().unwrap();
        shards.for_each(|shard| whole.absorb(shard));
        whole.complete(&profile.timeline);
        whole
    };
    let parts: Vec<Part> = ENTITIES.iter().map(fold).collect();
    Tenant::assemble(profile, parts)
}

/// Everything a reader can see, positions left out.
pub fn served(tenant: &Tenant) -> Value {
    let mut months = Vec::new();
    for month in Month::parse("2025-01").unwrap().0..=Month::parse("2025-12").unwrap().0 {
        months.push(serde_json::to_value(tenant.month(0, Month(month), at("2025-11-01T12:00:00Z"))).unwrap());
    }
    let day = |text| Day::parse(text).unwrap();
    let days = tenant.days(day("2025-01-30"), day("2025-12-02")).answer(0);
    let days: Vec<_> = days.items.into_iter().filter(|day| day.figures != Default::default()).collect();
    let calls = all_pages(|after| tenant.call_list().page(0, &CallFilter::default(), after, 3));
    let leads = all_pages(|after| tenant.lead_list().page(0, &LeadFilter::default(), after, 3));
    json!({"months": months, "days": days, "calls": calls, "sessions": dialer::sessions(tenant), "call_requests": dialer::call_requests(tenant), "leads": leads, "senders": accounts::served(tenant)})
}

/// A list, page by page.
pub fn all_pages<T: serde::Serialize>(
    mut page: impl FnMut(Option<&projections::store::Cursor>) -> projections::store::Page<T>,
) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = page(after.as_ref());
        items.extend(page.items.iter().map(|item| serde_json::to_value(item).unwrap()));
        match page.next_cursor {
            Some(next) => after = Some(next.parse().expect("cursor")),
            None => return items,
        }
    }
}

/// Instants that tie, and that lie at the ends of months and days of the zones, summer time included.
fn instant() -> impl Strategy<Value = Instant> {
    const EDGES: [&str; 12] = [
        "2025-01-31T18:30:00Z",
        "2025-03-09T07:00:00Z",
        "2025-03-30T01:00:00Z",
        "2025-04-05T15:00:00Z",
        "2025-10-04T15:30:00Z",
        "2025-10-26T01:00:00Z",
        "2025-10-31T13:00:00Z",
        "2025-10-31T18:30:00Z",
        "2025-11-01T00:00:00Z",
        "2025-11-01T04:00:00Z",
        "2025-11-02T06:00:00Z",
        "2025-12-01T05:00:00Z",
    ];
    let offsets = prop::sample::select(vec![0, 0, 0, -1, 1, 1_000_000, -3_600_000_000, 5_400_000_000i64]);
    (prop::sample::select(EDGES.to_vec()), offsets).prop_map(|(edge, offset)| Instant(at(edge).0 + offset))
}

fn maybe<T: Clone + Into<Value>>(words: &[T]) -> impl Strategy<Value = Value> + use<T> {
    let words: Vec<Value> = words.iter().cloned().map(Into::into).collect();
    prop_oneof![Just(Value::Null), prop::sample::select(words)]
}

fn one(words: &[&'static str]) -> impl Strategy<Value = Value> + use<> {
    prop::sample::select(words.to_vec()).prop_map(Value::from)
}

const CALLS: [&str; 5] = ["CA1", "CA2", "CA3", "CA4", "CA5"];
const AGENTS: [&str; 3] = ["Ann@Example.com", "bob@example.com", "cy@example.com"];
const STATUSES: [&str; 8] =
    ["initiated", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"];

fn reported() -> impl Strategy<Value = Given> {
    let ids = (one(&CALLS), maybe(&["CA1", "CA2", "CA1", "CA9"]), prop::bool::weighted(0.2));
    let told = (maybe(&[true, false]), maybe(&[0, 10, 29, 30, 45, 600]), maybe(&["inbound", "outbound"]));
    let who = (maybe(&AGENTS), maybe(&["L1", "L2"]), maybe(&["human", "machine_end_beep"]));
    let moments = (prop::option::weighted(0.2, instant()), prop::option::weighted(0.3, -1..90_000_000i64));
    let when = (instant(), prop::option::weighted(0.3, instant()), moments);
    let numbers = (maybe(&["+15550100", "client:ann"]), maybe(&["+15550199"]), maybe(&["S1"]));
    (ids, one(&STATUSES), told, who, when, numbers).prop_map(
        |((id, parent, leg), status, told, who, (when, started, (answered_at, lasted)), numbers)| {
            let ended_at = lasted.map(|micros| Instant(answered_at.unwrap_or(when).0 + micros));
            let body = json!({
                "call_id": if leg { format!("leg-{}", id.as_str().unwrap()).into() } else { id },
                "parent_call_id": if leg { parent } else { Value::Null },
                "status": status, "answered": told.0, "duration_seconds": told.1, "direction": told.2,
                "agent": who.0, "lead_id": who.1, "answered_by": who.2,
                "started_at": started.map(|at| at.to_string()), "answered_at": answered_at.map(|at| at.to_string()),
                "ended_at": ended_at.map(|at| at.to_string()),
                "from": numbers.0, "to": numbers.1, "session_id": numbers.2,
            });
            given("call_reported", when, body)
        },
    )
}

fn other_call() -> impl Strategy<Value = Given> {
    let outcomes = ["connected", "voicemail", "no_answer", "dnc", "appointment-set"];
    let disposed = (one(&CALLS), one(&outcomes), maybe(&AGENTS), maybe(&["L1", "L3"]), instant()).prop_map(
        |(id, outcome, agent, lead, when)| {
            given(
                "call_disposed",
                when,
                json!({"call_id": id, "outcome": outcome, "agent": agent, "lead_id": lead}),
            )
        },
    );
    let recorded = (one(&CALLS), one(&["RE1", "RE2"]), maybe(&[5, 6]), instant()).prop_map(
        |(id, recording, seconds, when)| {
            let body = json!({"call_id": id, "recording_id": recording, "url": "https://r.example/1",
                "duration_seconds": seconds});
            given("call_recorded", when, body)
        },
    );
    let placed = (one(&CALLS), maybe(&AGENTS), maybe(&["S1", "S2"]), instant()).prop_map(
        |(id, agent, session, when)| {
            let body = json!({"call_id": id, "to": "+15550123", "agent": agent, "session_id": session});
            given("call_placed", when, body)
        },
    );
    prop_oneof![3 => disposed, 1 => recorded, 1 => placed]
}

fn outreach() -> impl Strategy<Value = Given> {
    let kinds = prop::sample::select(vec![
        "email_sent",
        "email_sent",
        "lead_replied",
        "lead_replied",
        "lead_interested",
        "email_bounced",
        "lead_unsubscribed",
        "lead_staged",
    ]);
    let names = (maybe(&["1", "2", "3"]), maybe(&["a@x.example", "B@x.example", "c@x.example"]));
    let members = (maybe(&["Ada", "Bo"]), maybe(&["Lo"]), maybe(&["Acme", "Beta"]));
    let stages = one(&["interested", "quoting", "follow_up", "won", "lost"]);
    let place = (maybe(&["i.example"]), maybe(&["17", "17", "18"]));
    (kinds, names, members, stages, place, instant()).prop_map(|(kind, names, members, stage, place, when)| {
        let lead = json!({"id": names.0, "email": names.1, "first_name": members.0, "last_name": members.1,
            "company": members.2});
        let nameless = kind == "lead_staged" && names.0.is_null() && names.1.is_null();
        let lead = if nameless { json!({"id": "1"}) } else { lead };
        let mut body = json!({"instance": place.0, "workspace": place.1, "lead": lead});
        if kind == "lead_staged" {
            body["stage"] = stage;
        }
        given(kind, when, body)
    })
}

pub fn configured() -> impl Strategy<Value = Given> {
    let zones = one(&[
        "Asia/Kolkata",
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Kiritimati",
    ]);
    let days = maybe(&["2025-03-30", "2025-10-31", "2025-11-01", "2025-11-02"]);
    let counted = prop_oneof![
        Just(Value::Null),
        Just(json!(["outbound"])),
        Just(json!(["inbound", "outbound", "unknown"]))
    ];
    (zones, days, maybe(&[10, 30, 60]), counted).prop_map(|(zone, from, seconds, counted)| {
        let rules = json!({"qualified_min_seconds": seconds, "counted_directions": counted,
            "job_value_minor": seconds.as_i64().map(|seconds| seconds * 100)});
        let body = json!({"name": "Acme", "timezone": zone, "effective_from": from, "rules": rules});
        given("tenant_configured", at("2025-12-24T12:00:00Z"), body)
    })
}

/// Facts of everything but configuration.
pub fn facts() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec(any_fact(), 0..60)
}

fn any_fact() -> impl Strategy<Value = Given> {
    let accounts =
        prop_oneof![4 => accounts::sender_account(), 2 => accounts::spend(), 1 => accounts::target()];
    prop_oneof![6 => reported(), 4 => other_call(), 2 => dialer::attempted(), 4 => dialer::session(), 3 => dialer::call_request(), 10 => outreach(), 8 => accounts]
}

/// Any facts, configurations anywhere among them.
pub fn history() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec(prop_oneof![32 => any_fact(), 1 => configured()], 0..60)
}

/// Whole seconds from the latest answer to the latest end that are given, where that is not before.
pub fn lasted<'a>(facts: impl DoubleEndedIterator<Item = &'a &'a &'a Given> + Clone) -> Option<i64> {
    let moment = |member| {
        let given = |fact: &&&Given| Instant::parse(fact.body[member].as_str()?);
        facts.clone().rev().find_map(given)
    };
    let seconds = (moment("ended_at")?.0 - moment("answered_at")?.0).div_euclid(1_000_000);
    (seconds >= 0).then_some(seconds)
}
