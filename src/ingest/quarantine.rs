//! Authentic deliveries that could not be turned into facts: kept whole, once per content, with the reason (R3).

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::control::{ControlFact, DeliveryQuarantined};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::{Instant, Text};
use sha2::{Digest, Sha256};

use super::conflict::hex;
use super::delivery::Delivery;
use super::directory::{Endpoint, endpoint_reference};
use super::error::IngestError;
use super::error::MappingFailure;
use super::payload::{long_text, text};
use super::provider::ProviderAdapter;

/// What a delivery is known by in quarantine: the digest of endpoint, method, query and body, so that a
/// redelivery finds the same. Where a header names the event, as `webhook-id` does, it is part of it: two events with
/// one body are two, and one of them would be lost (R3).
pub fn id(delivery: &Delivery, provider: &dyn ProviderAdapter) -> String {
    let mut digest = Sha256::new();
    let parts = [
        delivery.endpoint.as_bytes(),
        delivery.method.as_bytes(),
        delivery.query().as_bytes(),
        &delivery.body,
    ];
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    // Nothing where there is none, so that what is in quarantine already stays known.
    digest.update(lines(delivery, &provider.headers_of_identity()));
    hex(&digest.finalize())
}

/// The fact that keeps the delivery; its original is the body as it came.
pub(super) fn envelope(
    delivery: &Delivery,
    tenant: Option<&TenantId>,
    failure: &MappingFailure,
    provider: &dyn ProviderAdapter,
) -> Result<Envelope, IngestError> {
    let engine = |what: &str| IngestError::Engine(format!("quarantine: {what} is blank"));
    let id = id(delivery, provider);
    let body = DeliveryQuarantined {
        quarantine_id: text(&id).ok_or_else(|| engine("id"))?,
        reason: text(failure.reason.as_str()).ok_or_else(|| engine("reason"))?,
        provider: text(&delivery.provider).ok_or_else(|| engine("provider"))?,
        endpoint: text(&endpoint_reference(&delivery.provider, &delivery.endpoint))
            .ok_or_else(|| engine("endpoint"))?,
        method: text(&delivery.method),
        content_type: delivery.content_type().and_then(|given| text(&given)),
        detail: long_text(&failure.detail),
        query: long_text(delivery.query()),
        headers: long_text(&lines(delivery, &provider.headers_kept())),
    };
    let tenant = tenant.cloned().unwrap_or_else(TenantId::unassigned);
    let key = EngineKey::Quarantine { delivery: KeyPart::new(&id) };
    let fact = Fact::Control(ControlFact::Quarantined(body));
    Ok(Envelope::by_engine(tenant, &key, delivery.received_at, fact)?)
}

/// The named headers of a delivery, a line each.
fn lines(delivery: &Delivery, names: &[String]) -> String {
    let line = |name: &String| {
        let value = String::from_utf8_lossy(delivery.header(name)?);
        (!value.contains(['\r', '\n'])).then(|| format!("{name}: {value}\n"))
    };
    names.iter().filter_map(line).collect()
}

/// The delivery that a `delivery_quarantined` keeps, as it came, with the time it came (RULINGS, Quarantine). Of
/// the headers only the media type and those that a mapping reads are kept: whoever maps it again does not verify
/// it again, and a signature or password has no place in the log.
pub(super) fn delivery(
    kept: &DeliveryQuarantined,
    endpoint: &Endpoint,
    original: Bytes,
    received_at: Instant,
) -> Delivery {
    let text = |member: &Option<Text>| member.as_ref().map(Text::to_string);
    let query = kept.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let content_type = text(&kept.content_type).map(|given| ("content-type".to_owned(), Bytes::from(given)));
    let headers = kept.headers.as_ref().map(ToString::to_string).unwrap_or_default();
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_owned(), Bytes::from(value.to_owned()))).collect();
    Delivery {
        provider: kept.provider.to_string(),
        endpoint: endpoint.id.clone(),
        method: text(&kept.method).unwrap_or_else(|| "POST".to_owned()),
        path_and_query: format!("/hooks/{}/{}{query}", kept.provider, endpoint.id),
        headers: content_type.into_iter().chain(headers).collect(),
        body: original,
        received_at,
    }
}
