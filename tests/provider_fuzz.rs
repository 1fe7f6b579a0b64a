//! Any payload maps to facts of an allowed tenant, to nothing, or to a quarantine reason; any signature header is accepted
//! or refused. None causes a panic.

use std::sync::LazyLock;

use bytes::Bytes;
use domain::codec::CodecError;
use domain::keys::{LogSecret, TenantId};
use domain::members::Instant;
use factfold::config::{Config, Overrides};
use factfold::directory::{Directory, Endpoint, Secret, TenantEntry};
use factfold::ingest::delivery::Delivery;
use factfold::ingest::provider::{MappingContext, MappingResult};
use factfold::ingest::providers::generic::Mapping;
use factfold::ingest::providers::{PRESETS, Registry};
use factfold::ingest::signature::{SCHEMES, Scheme};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::fixture;

const RECEIVED_AT: Instant = Instant(1_790_000_000_000_000);

static SECRET: LazyLock<LogSecret> = LazyLock::new(|| LogSecret::new(&[7; 32]));

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(mappings()));

fn mappings() -> Vec<Mapping> {
    let file = Some(fixture::folder("generic").join("mappings.toml"));
    Config::load(&Overrides { file, ..Overrides::default() }).expect("mappings").mappings
}

/// Every provider and mapping, each with an endpoint of `acme` and one without a tenant.
static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let tenant = |id: &str, number: &str, workspaces: &[&str]| TenantEntry {
        id: TenantId::new(id).expect("tenant"),
        tracking_numbers: vec![(number.into(), Some("ann@example.com".into()))],
        workspaces: workspaces.iter().map(|name| (*name).into()).collect(),
    };
    let tenants = vec![
        tenant("acme", "+12125550101", &["Acme Client", "17"]),
        tenant("globex", "+12125550102", &["Globex"]),
    ];
    let names = PRESETS.iter().map(|provider| provider.name().to_owned());
    let names: Vec<String> = names.chain(mappings().into_iter().map(|mapping| mapping.name)).collect();
    let mut endpoints = Vec::new();
    for provider in names {
        for (id, tenant) in [("acme", Some("acme")), ("shared", None)] {
            endpoints.push(Endpoint {
                id: id.into(),
                provider: provider.clone(),
                tenant: tenant.map(|id| TenantId::new(id).expect("tenant")),
                event: None,
                secrets: vec![Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
            });
        }
    }
    Directory::new(tenants, endpoints).expect("directory")
});

/// The recorded deliveries: provider, event of the path where there is one, media type and body.
static SEEDS: LazyLock<Vec<(String, String, String, String)>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    for name in PRESETS.iter().map(|provider| provider.name()).chain(["generic"]) {
        for fixture in fixture::all(name) {
            let (provider, endpoint, _) = fixture.hook();
            let event = endpoint.split_once('-').map_or("", |(_, event)| event);
            let is_json = fixture.headers.iter().any(|(_, value)| value.contains("json"));
            let media = if is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            seeds.push((provider.into(), event.into(), media.into(), fixture.body.trim_end().to_owned()));
        }
    }
    seeds.sort();
    assert!(seeds.len() > 100, "the walk found only {} deliveries", seeds.len());
    seeds
});

/// Values that members may have and should not.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({"id": {"id": []}})),
        Just(json!("")),
        Just(json!(" \t\u{0} ")),
        Just(json!("+")),
        Just(json!("1e400")),
        Just(json!("a@b")),
        Just(json!("x".repeat(70_000))),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        "\\PC{0,40}".prop_map(Value::from),
        "[0-9:+ .-]{0,20}".prop_map(Value::from),
        vec("\\PC{0,8}", 0..4).prop_map(|texts| json!(texts)),
    ]
}

/// Puts `value` in the place of the `nth` of all values within, or takes the member away.
fn replace(within: &mut Value, nth: &mut usize, value: &Option<Value>) {
    let step = |slot: &mut Value, nth: &mut usize| {
        if *nth == 0 {
            *slot = value.clone().unwrap_or(Value::Null);
        }
        let done = *nth == 0;
        *nth = nth.wrapping_sub(1);
        if !done {
            replace(slot, nth, value);
        }
    };
    match within {
        Value::Object(members) => members.values_mut().for_each(|slot| step(slot, nth)),
        Value::Array(items) => items.iter_mut().for_each(|slot| step(slot, nth)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mutated(media: &str, body: &str, changes: &[(usize, Option<Value>)]) -> Bytes {
    let Ok(mut json) = serde_json::from_str::<Value>(body) else {
        let mut form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        for (nth, value) in changes {
            let len = form.len().max(1);
            if let Some(field) = form.get_mut(nth % len) {
                field.1 = value
                    .as_ref()
                    .map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
                    .unwrap_or_default();
            }
        }
        return form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into();
    };
    assert!(media.contains("json") || json.is_number(), "{media}: {body}");
    for (nth, value) in changes {
        replace(&mut json, &mut (nth % 60), value);
    }
    json.to_string().into()
}

fn check(delivery: &Delivery) -> Result<(), TestCaseError> {
    let endpoint = DIRECTORY.endpoint(&delivery.provider, &delivery.endpoint).expect("endpoint");
    let provider = REGISTRY.provider(&delivery.provider).expect("provider");
    let context = MappingContext { endpoint, directory: &DIRECTORY, secret: &SECRET };
    let read = provider.map(delivery, context);
    let again = provider.map(delivery, context);
    let (facts, twice) = match (read.result, again.result) {
        (MappingResult::Facts { facts, .. }, MappingResult::Facts { facts: twice, .. }) => (facts, twice),
        (MappingResult::Ignored, MappingResult::Ignored) => return Ok(()),
        (MappingResult::Failed(one), MappingResult::Failed(other)) => {
            prop_assert_eq!(one, other);
            return Ok(());
        }
        (one, other) => return Err(TestCaseError::fail(format!("{one:?}\nthen\n{other:?}"))),
    };
    prop_assert_eq!(&facts, &twice, "the same delivery says the same");
    prop_assert!(!facts.is_empty());
    for fact in &facts {
        let owned = endpoint.tenant.as_ref().is_none_or(|tenant| *tenant == fact.tenant);
        prop_assert!(owned, "{} got a fact of {}", endpoint.id, fact.tenant);
        prop_assert!(DIRECTORY.has_tenant(&fact.tenant));
        prop_assert_eq!(fact.provider.as_str(), delivery.provider.as_str());
        // Too long is a reason of quarantine; anything else must be laid down.
        let laid = fact.draft(&SECRET, [9; 16], &delivery.body);
        prop_assert!(matches!(laid, Ok(_) | Err(CodecError::TooLong { .. })), "{:?}", laid.err());
    }
    Ok(())
}

fn delivery(provider: &str, endpoint: &str, query: &str, media: &str, body: Bytes) -> Delivery {
    Delivery {
        provider: provider.into(),
        endpoint: endpoint.into(),
        method: "POST".into(),
        path_and_query: format!("/hooks/{provider}/{endpoint}?{query}"),
        headers: vec![
            ("content-type".into(), Bytes::from(media.to_owned())),
            ("webhook-id".into(), "msg_1".into()),
        ],
        body,
        received_at: RECEIVED_AT,
    }
}

#[test]
fn null_control_unchanged_seeds_are_mostly_facts() {
    let facts = SEEDS.iter().filter(|(provider, event, media, body)| {
        let query = format!("event={event}&workspace=Globex");
        let delivery = delivery(provider, "acme", &query, media, mutated(media, body, &[]));
        let endpoint = DIRECTORY.endpoint(provider, "acme").expect("endpoint");
        let read = REGISTRY
            .provider(provider)
            .expect("provider")
            .map(&delivery, MappingContext { endpoint, directory: &DIRECTORY, secret: &SECRET });
        matches!(read.result, MappingResult::Facts { .. })
    });
    let facts = facts.count();
    assert!(2 * facts > SEEDS.len(), "{facts} of {}", SEEDS.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn changed_members_are_facts_nothing_or_a_reason(
        seed in any::<proptest::sample::Index>(),
        changes in vec((0usize..60, proptest::option::of(odd())), 0..6),
        bound in any::<bool>(),
    ) {
        let (provider, event, media, body) = seed.get(&SEEDS);
        let endpoint = if bound { "acme" } else { "shared" };
        let query = format!("event={event}&workspace=Globex");
        check(&delivery(provider, endpoint, &query, media, mutated(media, body, &changes)))?;
    }

    #[test]
    fn bytes_of_any_kind_are_nothing_or_a_reason_or_facts(
        seed in any::<proptest::sample::Index>(),
        bytes in vec(any::<u8>(), 0..300),
        query in "\\PC{0,60}",
        media in prop_oneof![Just("application/json".to_owned()), Just(String::new()), "\\PC{0,20}"],
    ) {
        let (provider, ..) = seed.get(&SEEDS);
        check(&delivery(provider, "shared", &query, &media, bytes.into()))?;
    }

    #[test]
    fn a_signature_that_nobody_made_is_refused(
        scheme in 0..SCHEMES.len(),
        values in vec("[ -~]{0,80}|v1,[A-Za-z0-9+/=]{0,60}|t=[0-9]{0,20},v1=[0-9a-f]{0,66}|[0-9]{0,22}", 8),
        body in "\\PC{0,60}|[{]\"signature\":[{]\"timestamp\":\"1\",\"token\":\"t\",\"signature\":\"[0-9a-f]{0,66}\"[}][}]",
        secret in "[ -~]{0,40}|whsec_[A-Za-z0-9+/=]{0,44}",
    ) {
        let names = ["signature", "x-ctm-time", "x-ctm-signature", "x-hub-signature-256", "stripe-signature",
                     "webhook-signature", "webhook-timestamp", "x-twilio-signature"];
        let more = ["webhook-id", "svix-id", "svix-signature", "svix-timestamp", "authorization",
                    "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"];
        let headers = names.iter().chain(&more).zip(values.iter().cycle());
        let mut delivery = delivery("generic", "e", "", "", Bytes::from(body));
        delivery.headers = headers.map(|(name, value)| ((*name).into(), Bytes::from(value.clone()))).collect();
        let scheme = Scheme::named(SCHEMES[scheme].0).expect("scheme");
        let taken = scheme.verify(&delivery, &[Secret::new(&secret)], "https://hooks.example.com");
        prop_assert_eq!(taken.is_ok(), scheme == Scheme::Unsigned);
    }
}
