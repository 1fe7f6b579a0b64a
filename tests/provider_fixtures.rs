//! Golden deliveries: every `fixtures/providers/<name>/<case>.http` is mapped and must give `<case>.json`.
//!
//! FACTFOLD_WRITE_GOLDEN=1 writes expectations that are missing; none is ever overwritten.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::keys::{LogSecret, TenantId};
use domain::members::Instant;
use factfold::config::{Config, Overrides};
use factfold::directory::{Directory, Endpoint, TenantEntry};
use factfold::ingest::delivery::Delivery;
use factfold::ingest::provider::{MappedDelivery, MappingContext, MappingResult};
use factfold::ingest::providers::generic::Mapping;
use factfold::ingest::providers::{PRESETS, Registry};
use serde_json::{Value, json};

use crate::common::fixture::{self, Fixture};

const RECEIVED_AT: &str = "2026-10-01T12:00:00Z";

/// Reading the mappings takes longer than a thousand deliveries do.
fn directory() -> &'static Directory {
    static DIRECTORY: LazyLock<Directory> = LazyLock::new(new_directory);
    &DIRECTORY
}

fn new_directory() -> Directory {
    let tenant = |id: &str, number: &str, agent: &str, workspaces: &[&str]| TenantEntry {
        id: TenantId::new(id).expect("tenant"),
        tracking_numbers: vec![(number.into(), Some(agent.into()))],
        workspaces: workspaces.iter().map(|name| (*name).into()).collect(),
    };
    let endpoint = |provider: &str, id: &str, owner: Option<&str>, event: Option<&str>| Endpoint {
        id: id.into(),
        provider: provider.into(),
        tenant: owner.map(|owner| TenantId::new(owner).expect("tenant")),
        event: event.map(str::to_owned),
        secrets: Vec::new(),
    };
    let tenants = vec![
        tenant("acme", "+1 212 555 0101", "Ann@Example.com", &["Acme Client", "17"]),
        tenant("globex", "+1 212 555 0102", "bob@example.com", &["Globex"]),
    ];
    let mut endpoints = vec![
        endpoint("twilio", "tw-acme", Some("acme"), None),
        endpoint("twilio", "tw-shared", None, None),
        endpoint("emailbison", "eb-acme", Some("acme"), None),
        endpoint("emailbison", "eb-shared", None, None),
    ];
    for provider in PRESETS.iter().filter(|provider| !provider.events().is_empty()) {
        let name = provider.name();
        endpoints.push(endpoint(name, "acme", Some("acme"), None));
        for event in provider.events() {
            endpoints.push(endpoint(name, &format!("acme-{event}"), Some("acme"), Some(event)));
            endpoints.push(endpoint(name, &format!("shared-{event}"), None, Some(event)));
        }
    }
    for mapping in &mappings() {
        endpoints.push(endpoint(&mapping.name, "acme", Some("acme"), None));
        endpoints.push(endpoint(&mapping.name, "shared", None, None));
    }
    Directory::new(tenants, endpoints).expect("directory")
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(mappings()));

/// The mappings of `fixtures/providers/generic/mappings.toml`.
fn mappings() -> Vec<Mapping> {
    let file = fixture::folder("generic").join("mappings.toml");
    let overrides = Overrides { file: Some(file), ..Overrides::default() };
    Config::load(&overrides).unwrap_or_else(|error| panic!("{error}")).mappings
}

/// Folders of deliveries: one per provider, and one for all that mappings describe.
fn folders() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|provider| provider.name()).chain(["generic"])
}

fn delivery(fixture: &Fixture) -> Delivery {
    let (provider, endpoint, _) = fixture.hook();
    let headers = fixture.headers.iter().map(|(name, value)| (name.clone(), Bytes::from(value.clone())));
    Delivery {
        provider: provider.to_owned(),
        endpoint: endpoint.to_owned(),
        method: fixture.method.clone(),
        headers: headers.collect(),
        body: Bytes::from(fixture.body.clone()),
        path_and_query: fixture.target.clone(),
        received_at: Instant::parse(RECEIVED_AT).expect("instant"),
    }
}

fn map(delivery: &Delivery) -> MappedDelivery {
    let directory = directory();
    let endpoint = directory.endpoint(&delivery.provider, &delivery.endpoint).expect("endpoint");
    let context = MappingContext { endpoint, directory, secret: &LogSecret::new(&[7; 32]) };
    REGISTRY.provider(&delivery.provider).expect("provider").map(delivery, context)
}

fn fact_json(fact: &Envelope) -> Value {
    json!({
        "provider": fact.provider.as_str(),
        "external_id": fact.external_id.as_str(),
        "kind": fact.fact.kind(),
        "occurred_at": fact.occurred_at.to_string(),
        "time_source": if fact.time_received { "received" } else { "given" },
        "body": fact.fact.json(),
    })
}

fn outcome(read: &MappedDelivery) -> Value {
    let mut shown = match &read.result {
        MappingResult::Facts { facts, weak } => {
            json!({"facts": facts.iter().map(fact_json).collect::<Vec<_>>(), "weak": weak})
        }
        MappingResult::Ignored => json!({"ignored": true}),
        MappingResult::Failed(failure) => {
            json!({"quarantine": failure.reason.as_str(), "detail": failure.detail})
        }
    };
    shown["event"] = read.event.clone().into();
    if read.unknown_number {
        shown["unknown_number"] = true.into();
    }
    shown["tenant"] = read.tenant.as_ref().map(TenantId::as_str).into();
    shown
}

fn read_case(provider: &str, case: &str) -> MappedDelivery {
    map(&delivery(&Fixture::read(fixture::folder(provider).join(format!("{case}.http")))))
}

#[test]
fn every_delivery_gives_the_facts_beside_it() {
    let write = std::env::var("FACTFOLD_WRITE_GOLDEN").is_ok_and(|set| set == "1");
    for provider in folders() {
        for fixture in fixture::all(provider) {
            let read = outcome(&map(&delivery(&fixture)));
            let golden = fixture.path.with_extension("json");
            if write && !golden.exists() {
                fs::write(&golden, format!("{:#}\n", read)).expect("written");
            }
            let expected = fs::read(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
            let expected: Value = serde_json::from_slice(&expected).expect("json");
            assert_eq!(read, expected, "{provider}/{}", fixture.name());
        }
    }
}

fn key(read: &MappedDelivery) -> String {
    match &read.result {
        MappingResult::Facts { facts, .. } => facts[0].external_id.to_string(),
        other => panic!("no facts: {other:?}"),
    }
}

#[test]
fn redelivery_in_another_spelling_has_the_same_key_and_content() {
    for (provider, one, other) in [
        ("twilio", "completed", "completed-plus-for-space"),
        ("emailbison", "lead-replied", "contact-replied-lower-case"),
        ("emailbison", "lead-interested", "contact-interested"),
        ("emailbison", "email-sent", "ids-as-strings"),
    ] {
        let (one, other) = (read_case(provider, one), read_case(provider, other));
        assert_eq!(key(&one), key(&other));
        let (MappingResult::Facts { facts: one, .. }, MappingResult::Facts { facts: other, .. }) =
            (one.result, other.result)
        else {
            panic!("facts");
        };
        assert_eq!(one, other);
    }
}

#[test]
fn stages_of_one_call_have_keys_of_their_own() {
    let stages = ["queued", "initiated", "ringing", "in-progress", "completed"];
    let keys: BTreeSet<String> = stages.iter().map(|stage| key(&read_case("twilio", stage))).collect();
    assert_eq!(keys.len(), stages.len());
}

#[test]
fn no_key_holds_a_persons_address_or_number() {
    for provider in folders() {
        for fixture in fixture::all(provider) {
            let read = map(&delivery(&fixture));
            let MappingResult::Facts { facts, .. } = read.result else { continue };
            for fact in facts {
                let id = fact.external_id.as_str().to_lowercase();
                assert!(
                    !id.contains("pat.lee") && !id.contains("3105550107") && !id.contains("955550112"),
                    "{}: {id}",
                    fixture.name()
                );
            }
        }
    }
}

#[test]
fn a_golden_file_without_its_delivery_is_noticed() {
    for provider in folders() {
        let cases: BTreeSet<String> = fixture::all(provider).iter().map(Fixture::name).collect();
        for entry in fs::read_dir(fixture::folder(provider)).expect("folder") {
            let name = entry.expect("entry").file_name().to_string_lossy().into_owned();
            let Some(case) = name.strip_suffix(".json") else { continue };
            assert!(cases.contains(case) || case == "signatures", "{name} has no .http beside it");
        }
    }
}

/// A small generator, so that a failure comes again.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

#[test]
fn damaged_deliveries_are_facts_or_reasons_and_never_a_panic() {
    let mut noise = Noise(7);
    let (mut facts, mut reasons) = (0, 0);
    for provider in folders() {
        for fixture in fixture::all(provider) {
            let whole = delivery(&fixture);
            for _ in 0..40 {
                let mut damaged = whole.clone();
                let mut body = whole.body.to_vec();
                for _ in 0..=noise.below(3) {
                    match noise.below(4) {
                        0 => body.truncate(noise.below(body.len())),
                        1 => body.insert(noise.below(body.len()), noise.below(256) as u8),
                        _ if body.is_empty() => {}
                        2 => drop(body.remove(noise.below(body.len()))),
                        _ => {
                            let at = noise.below(body.len());
                            body[at] = b"\"{}[],:%&=+\0\xff0"[noise.below(14)];
                        }
                    }
                }
                damaged.body = Bytes::from(body);
                match map(&damaged).result {
                    MappingResult::Facts { facts: made, .. } => facts += usize::from(!made.is_empty()),
                    MappingResult::Ignored => {}
                    MappingResult::Failed(_) => reasons += 1,
                }
            }
        }
    }
    assert!(facts > 100 && reasons > 100, "{facts} facts, {reasons} reasons");
}
