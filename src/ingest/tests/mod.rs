//! The way in, from bytes to the log on a real disk and back: deliveries here, posted facts in `posting`.

mod mapped;
mod posting;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::facts::Fact;
use domain::keys::{Position, TenantId};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::error::SignatureError;
use super::remap::RemapError;
use super::verdict::ConflictVerdict;
use super::*;
use crate::access::Access;
use crate::commands::{CommandError, Commands, ConflictRejection, Parts, RetryRejection};
use crate::directory::{AlertTargets, Secret, TenantEntry};
use crate::testing::{self, Harness, PUBLIC_URL, TestClock};

const NOW: &str = "2026-10-01T12:00:00Z";
const TOKEN: &str = "twilio-token";

struct House {
    ingest: Arc<Ingest>,
    harness: Harness,
}

fn tenant(id: &str) -> TenantId {
    TenantId::new(id).expect("tenant")
}

fn instant(text: &str) -> Instant {
    Instant::parse(text).expect("instant")
}

/// `acme` with the number +12125550101, of `agent` where one is given.
fn directory(agent: Option<&str>) -> Directory {
    let acme = TenantEntry {
        id: tenant("acme"),
        tracking_numbers: vec![("+12125550101".into(), agent.map(str::to_owned))],
        workspaces: vec!["17".into()],
    };
    let endpoint = |provider: &str, id: &str, owner: Option<&str>| Endpoint {
        id: id.into(),
        provider: provider.into(),
        tenant: owner.map(tenant),
        event: None,
        secrets: vec![Secret::new("the one before"), Secret::new(TOKEN)],
    };
    let endpoints = vec![
        endpoint("twilio", "tw-acme", Some("acme")),
        endpoint("twilio", "tw-shared", None),
        endpoint("twilio", "tw-gone", Some("gone")),
        endpoint("emailbison", "eb-acme", Some("acme")),
    ];
    Directory::new(vec![acme], endpoints).expect("directory")
}

fn house() -> House {
    let harness = Harness::new(TestClock::standing(instant(NOW).0));
    House { ingest: Arc::new(harness.ingest(directory(None))), harness }
}

impl House {
    fn record(&self, position: Position) -> (String, String, Fact, Bytes) {
        let record = self.harness.log.read(position).expect("readable").expect("there");
        let view = record.view().expect("a record");
        let fact = Fact::decode(view.header.kind, view.header.version, view.public, view.personal());
        let original = self.harness.log.original(&view).expect("original");
        let name = format!("{}/{}", view.header.provider, view.header.external_id);
        (view.header.tenant.to_owned(), name, fact.expect("decodes"), original)
    }

    fn commands(&self) -> Commands<()> {
        let (log, secret, clock) = (self.harness.log.clone(), testing::secret(), self.harness.clock());
        let access = Arc::new(Access::new(secret.clone(), Arc::clone(&clock), None));
        let (registry, alert_targets) = (Arc::default(), Arc::new(AlertTargets::default()));
        let ingest = Arc::clone(&self.ingest);
        let leases = Arc::default();
        Commands::new(Parts { log, ingest, access, registry, alert_targets, leases, secret, clock })
    }

    fn kind(&self, position: Position) -> &'static str {
        self.record(position).2.kind()
    }

    fn head(&self) -> Position {
        self.harness.log.head().position
    }
}

/// A delivery that Twilio signed; the body's fields need no escapes but `+`.
fn twilio(endpoint: &str, body: &str) -> Delivery {
    let path = format!("/hooks/twilio/{endpoint}");
    let form = delivery::Form::parse(body.as_bytes());
    let mut fields: Vec<_> = form.fields().collect();
    fields.sort_unstable();
    let signed =
        fields.into_iter().flat_map(|(key, value)| [key, value]).flatten().copied().collect::<Vec<u8>>();
    let mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any key");
    let mac = mac.chain_update(format!("{PUBLIC_URL}{path}")).chain_update(signed);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Delivery {
        provider: "twilio".into(),
        endpoint: endpoint.into(),
        method: "POST".into(),
        path_and_query: path,
        headers: vec![
            ("content-type".into(), Bytes::from("application/x-www-form-urlencoded")),
            ("x-twilio-signature".into(), Bytes::from(signature)),
        ],
        body: Bytes::from(body.to_owned()),
        received_at: instant(NOW),
    }
}

fn completed(sid: &str, to: &str, seconds: u32, at: &str) -> String {
    format!(
        "CallSid={sid}&CallStatus=completed&Direction=inbound&From=%2B13105550107&To=%2B{to}&CallDuration={seconds}&Timestamp={at}"
    )
}

const AT: &str = "Tue,+29+Sep+2026+10:00:00+%2B0000";

fn acme_call(sid: &str, seconds: u32) -> Delivery {
    twilio("tw-acme", &completed(sid, "12125550101", seconds, AT))
}

#[tokio::test]
async fn a_delivery_is_recorded_once_and_another_content_is_a_conflict_kept_as_evidence() {
    let house = house();
    let deliver = async |seconds| {
        let taken = house.ingest.deliver(&acme_call("CA1", seconds)).await.expect("taken");
        assert_eq!(taken.event.as_deref(), Some("completed"));
        (taken.outcome, taken.facts[0].position)
    };
    assert_eq!(deliver(45).await, (Outcome::Recorded, 1));
    assert_eq!(deliver(45).await, (Outcome::Duplicate, 1));
    assert_eq!(deliver(46).await, (Outcome::Conflict, 1));
    assert_eq!(deliver(45).await, (Outcome::Duplicate, 1));
    assert_eq!(deliver(46).await, (Outcome::Conflict, 1));
    assert_eq!(house.head(), 2, "the evidence stands once");
    let (owner, name, fact, original) = house.record(2);
    assert_eq!((owner.as_str(), fact.kind()), ("acme", "conflict_observed"));
    assert!(name.starts_with("factfold/conflict/1/"), "{name}");
    assert_eq!(fact.json()["body"]["duration_seconds"], 46);
    assert_eq!(original, acme_call("CA1", 46).body);
    assert_eq!(house.record(1).2.json()["duration_seconds"], 45, "the first stays");
}

/// E1, RULINGS Conflict: a decision holds for ever, and the accepted content is a duplicate of the correction.
#[tokio::test]
async fn a_conflict_is_decided_once_and_accepted_content_comes_again_as_a_duplicate() {
    let house = house();
    let acme = tenant("acme");
    let deliver = async |seconds| {
        let taken = house.ingest.deliver(&acme_call("CA1", seconds)).await.expect("taken");
        (taken.outcome, taken.facts[0].position)
    };
    let commands = house.commands();
    // What became of it, and the position of the verdict that stands.
    let decide_for = async |tenant: &TenantId, position, verdict| match commands
        .decide_conflict(tenant, position, verdict, None)
        .await
    {
        Ok(receipt) => (if receipt.recorded.is_some() { "recorded" } else { "existing" }, receipt.answer),
        Err(CommandError::Rejected(ConflictRejection::NotFound)) => ("unknown", 0),
        Err(CommandError::Rejected(ConflictRejection::Decided { position, .. })) => ("otherwise", position),
        Err(error) => panic!("{error}"),
    };
    let decide = async |position, verdict| decide_for(&acme, position, verdict).await;
    for seconds in [45, 46, 47] {
        deliver(seconds).await;
    }
    assert_eq!(house.head(), 3);
    let other = decide_for(&tenant("globex"), 2, ConflictVerdict::Accept).await;
    assert_eq!((other, decide(1, ConflictVerdict::Accept).await), (("unknown", 0), ("unknown", 0)));
    assert_eq!(decide(2, ConflictVerdict::Accept).await, ("recorded", 4));
    assert_eq!(decide(2, ConflictVerdict::Accept).await, ("existing", 4));
    assert_eq!(decide(2, ConflictVerdict::Reject).await, ("otherwise", 4));
    assert_eq!(decide(3, ConflictVerdict::Reject).await, ("recorded", 5));
    assert_eq!(decide(3, ConflictVerdict::Reject).await, ("existing", 5));
    assert_eq!(deliver(46).await, (Outcome::Duplicate, 4), "of the correction");
    assert_eq!(deliver(45).await, (Outcome::Duplicate, 1));
    assert_eq!(deliver(47).await, (Outcome::Conflict, 1), "what was rejected conflicts still");
    let (_, _, fact, original) = house.record(4);
    assert_eq!(fact.json()["body"]["duration_seconds"], 46);
    assert_eq!(original, acme_call("CA1", 46).body, "the correction keeps what it was made of");
    assert_eq!(house.head(), 5);
}

#[tokio::test]
async fn what_is_not_the_providers_leaves_nothing() {
    let house = house();
    let mut forged = acme_call("CA1", 45);
    forged.body = Bytes::from(completed("CA1", "12125550101", 46, AT));
    let refused = house.ingest.deliver(&forged).await.expect_err("refused");
    assert!(matches!(refused, DeliveryError::Unauthentic(SignatureError::Mismatch)), "{refused:?}");
    for (provider, endpoint) in [("twilio", "tw-nobody"), ("emailbison", "tw-acme"), ("nobody", "tw-acme")] {
        let mut lost = acme_call("CA1", 45);
        (lost.provider, lost.endpoint) = (provider.into(), endpoint.into());
        let refused = house.ingest.deliver(&lost).await.expect_err("refused");
        assert!(matches!(refused, DeliveryError::UnknownEndpoint), "{refused:?}");
    }
    let mut long = acme_call("CA1", 45);
    long.body = Bytes::from(vec![b'a'; DELIVERY_BYTES_MAX + 1]);
    assert!(matches!(house.ingest.deliver(&long).await, Err(DeliveryError::TooLarge)));
    assert_eq!(house.head(), 0);
}

#[tokio::test]
async fn what_cannot_be_mapped_is_kept_whole_under_one_id() {
    let house = house();
    let unknown = twilio("tw-shared", &completed("CA1", "12125550999", 45, AT));
    let ahead = twilio("tw-acme", &completed("CA2", "12125550101", 45, "Fri,+02+Oct+2026+12:00:05+%2B0000"));
    let gone = twilio("tw-gone", &completed("CA3", "12125550101", 45, AT));
    let cases = [
        (&unknown, "unknown_tracking_number", "_unassigned"),
        (&ahead, "future_occurred_at", "acme"),
        (&gone, "unknown_tenant", "_unassigned"),
    ];
    for (at, (delivery, reason, owner)) in cases.into_iter().enumerate() {
        let first = house.ingest.deliver(delivery).await.expect("taken");
        let mut later = delivery.clone();
        later.received_at = Instant(later.received_at.0 + 1_000_000);
        let again = house.ingest.deliver(&later).await.expect("taken");
        assert_eq!(first.outcome, Outcome::Quarantined);
        assert_eq!(first, again, "a redelivery answers the same");
        let kept = first.quarantine.expect("in quarantine");
        assert_eq!((kept.reason.as_str(), kept.position), (reason, at as u64 + 1));
        let (tenant, name, fact, original) = house.record(kept.position);
        assert_eq!((tenant.as_str(), fact.kind()), (owner, "delivery_quarantined"));
        assert_eq!(name, format!("factfold/quarantine/{}", kept.id));
        assert_eq!(fact.json()["reason"], reason);
        assert_eq!(original, delivery.body, "whole");
    }
    assert_eq!(house.head(), 3);
    // The same delivery is understood once the number is known.
    let known = {
        let entry = TenantEntry {
            id: tenant("acme"),
            tracking_numbers: vec![("+12125550999".into(), None)],
            workspaces: Vec::new(),
        };
        let shared = Endpoint {
            id: "tw-shared".into(),
            provider: "twilio".into(),
            tenant: None,
            event: None,
            secrets: vec![Secret::new(TOKEN)],
        };
        Directory::new(vec![entry], vec![shared]).expect("directory")
    };
    let unassigned = TenantId::unassigned();
    let commands = house.commands();
    let retry_for =
        async |tenant: &TenantId, position| match commands.retry_delivery(tenant, position, None).await {
            Ok(receipt) => Ok(receipt.answer),
            Err(CommandError::Rejected(rejection)) => Err(rejection),
            Err(_) => panic!("the log failed"),
        };
    let retry = async |position| retry_for(&unassigned, position).await;
    let still = |error| Err(RetryRejection::StillQuarantined(error));
    let Err(RetryRejection::StillQuarantined(RemapError::Mapping(failure))) = retry(1).await else {
        panic!("nothing was mended yet")
    };
    assert_eq!(failure.reason, Reason::UnknownTrackingNumber);
    assert_eq!(house.head(), 3, "and a retry in vain leaves nothing");
    house.ingest.swap_directory(known);
    let resolved = retry(1).await.expect("resolved");
    assert_eq!((resolved.outcome.as_str(), resolved.tenant.as_deref()), ("recorded", Some("acme")));
    assert_eq!((resolved.facts.as_slice(), resolved.position), (&[4][..], 5));
    assert_eq!((house.record(4).3, house.kind(5)), (unknown.body.clone(), "quarantine_resolved"));
    assert_eq!(retry(1).await, Ok(resolved), "a resolved one answers its facts");
    assert_eq!(retry(3).await, still(RemapError::EndpointGone));
    assert_eq!(retry(4).await, Err(RetryRejection::NotFound));
    let others = retry_for(&tenant("acme"), 1).await;
    assert_eq!((others, house.head()), (Err(RetryRejection::NotFound), 5), "another tenant's is not there");
    let redelivered = house.ingest.deliver(&unknown).await.expect("taken");
    assert_eq!(redelivered.outcome, Outcome::Duplicate);
}

#[tokio::test]
async fn a_redelivery_that_a_later_mapping_reads_more_out_of_is_no_conflict() {
    let house = house();
    let outcome =
        async |seconds| house.ingest.deliver(&acme_call("CA1", seconds)).await.expect("taken").outcome;
    assert_eq!(outcome(45).await, Outcome::Recorded);
    house.ingest.swap_directory(directory(Some("ann@example.com")));
    assert_eq!(outcome(45).await, Outcome::Duplicate, "only the number's agent was learned");
    assert_eq!(house.head(), 1);
    assert_eq!(outcome(46).await, Outcome::Conflict, "and a real one is still seen");
}

#[tokio::test]
async fn what_counts_nothing_is_ignored_and_what_nothing_identifies_is_weak() {
    let house = house();
    let bison = |body: &str| Delivery {
        provider: "emailbison".into(),
        endpoint: "eb-acme".into(),
        path_and_query: "/hooks/emailbison/eb-acme".into(),
        headers: vec![("content-type".into(), Bytes::from("application/json"))],
        body: Bytes::from(body.to_owned()),
        ..acme_call("CA1", 1)
    };
    let opened =
        house.ingest.deliver(&bison(r#"{"event":{"type":"EMAIL_OPENED"},"data":{}}"#)).await.expect("taken");
    assert_eq!((opened.outcome, opened.facts.len(), house.head()), (Outcome::Ignored, 0, 0));
    let bare = bison(r#"{"event":{"type":"EMAIL_SENT"},"data":{}}"#);
    let sent = house.ingest.deliver(&bare).await.expect("taken");
    assert_eq!((sent.outcome, sent.weak), (Outcome::Recorded, true));
    let mut later = bare;
    later.received_at = Instant(later.received_at.0 + 60_000_000);
    let again = house.ingest.deliver(&later).await.expect("taken");
    assert_eq!((again.outcome, again.weak), (Outcome::Duplicate, true), "our clock is no part of equality");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_deliverers_of_one_call_record_each_stage_once() {
    let house = Arc::new(house());
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.ingest.deliver(&acme_call(&format!("CA{}", n % 10), 45)).await })
        })
        .collect();
    let mut recorded = 0;
    for task in tasks {
        let taken = task.await.expect("no panic").expect("taken");
        recorded += u32::from(taken.outcome == Outcome::Recorded);
    }
    assert_eq!((recorded, house.head()), (10, 10));
}

#[test]
fn nothing_secret_shows_in_what_is_logged() {
    let shown = format!("{:?} {:?}", directory(None), acme_call("CA1", 1));
    assert!(!shown.contains(TOKEN));
}
