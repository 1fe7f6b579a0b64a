//! Authentic deliveries that could not be mapped to facts: kept whole, once per content, with the reason (R3).

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::control::{ControlFact, DeliveryQuarantined};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, LogSecret, TenantId};
use domain::members::{Instant, Text};

use super::content_coding::CONTENT_ENCODING;
use super::delivery::Delivery;
use super::error::{IngestError, MappingFailure};
use super::payload::{long_text, text};
use super::provider::ProviderAdapter;
use crate::directory::Endpoint;

/// The identity of a delivery in quarantine: a digest of endpoint, method, query and body, so that a redelivery finds
/// the first one. It is keyed with the log's secret, since the endpoint's id could be guessed from a plain one. Headers
/// that name the event, as `webhook-id` does, are part of it: two events with one body are two, and one of them would
/// be lost (R3).
pub fn id(secret: &LogSecret, delivery: &Delivery, provider: &dyn ProviderAdapter) -> String {
    let event = lines(delivery, &provider.headers_of_identity());
    let parts: [&[u8]; 5] = [
        delivery.endpoint.as_bytes(),
        delivery.method.as_bytes(),
        delivery.query().as_bytes(),
        &delivery.body,
        event.as_bytes(),
    ];
    hex::encode(secret.reference("quarantine", &parts))
}

/// The fact that keeps the delivery; its original is the body as it came.
pub(super) fn envelope(
    delivery: &Delivery,
    tenant: Option<&TenantId>,
    failure: &MappingFailure,
    provider: &dyn ProviderAdapter,
    (id, endpoint): (&str, &str),
) -> Result<Envelope, IngestError> {
    // The coding of what could not be decoded; a later release may know it.
    let kept: Vec<String> =
        provider.headers_kept().into_iter().chain([CONTENT_ENCODING.to_owned()]).collect();
    let engine = |what: &str| IngestError::Engine(format!("quarantine: {what} is blank"));
    let body = DeliveryQuarantined {
        quarantine_id: text(id).ok_or_else(|| engine("id"))?,
        reason: text(failure.reason.as_str()).ok_or_else(|| engine("reason"))?,
        provider: text(&delivery.provider).ok_or_else(|| engine("provider"))?,
        endpoint: text(endpoint).ok_or_else(|| engine("endpoint"))?,
        method: text(&delivery.method),
        content_type: delivery.content_type().and_then(|given| text(&given)),
        detail: long_text(&failure.detail),
        query: long_text(delivery.query()),
        headers: long_text(&lines(delivery, &kept)),
    };
    let tenant = tenant.cloned().unwrap_or_else(TenantId::unassigned);
    let key = EngineKey::Quarantine { delivery: KeyPart::new(id) };
    let fact = Fact::Control(ControlFact::Quarantined(body));
    Ok(Envelope::by_engine(tenant, &key, delivery.received_at, fact)?)
}

/// The named headers of a delivery, a line for each value.
fn lines(delivery: &Delivery, names: &[String]) -> String {
    let lines = names.iter().flat_map(|name| delivery.header_values(name).map(move |value| (name, value)));
    let values = lines.map(|(name, value)| (name, String::from_utf8_lossy(value)));
    values
        .filter(|(_, value)| !value.contains(['\r', '\n']))
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::ingest::providers::preset;

    #[test]
    fn a_redelivery_has_the_same_id_in_one_log_and_another_in_the_next() {
        let delivery = |endpoint: &str, body: &'static str| Delivery {
            provider: "emailbison".into(),
            endpoint: endpoint.into(),
            method: "POST".into(),
            path_and_query: format!("/hooks/emailbison/{endpoint}"),
            headers: Vec::new(),
            body: Bytes::from(body),
            received_at: Instant(0),
        };
        let provider = preset("emailbison").expect("a preset");
        let [one, other] = [[7; 32], [8; 32]].map(|secret| LogSecret::new(&secret));
        let first = id(&one, &delivery("eb-1", "{}"), provider);
        assert_eq!(
            first,
            id(&LogSecret::new(&[7; 32]), &delivery("eb-1", "{}"), provider),
            "after a restart"
        );
        assert_ne!(first, id(&other, &delivery("eb-1", "{}"), provider), "another log");
        assert_ne!(first, id(&one, &delivery("eb-2", "{}"), provider));
        assert_ne!(first, id(&one, &delivery("eb-1", "[]"), provider));
        // What could be tried offline, without the secret.
        let mut plain = Sha256::new();
        for part in [&b"quarantine"[..], b"eb-1", b"POST", b"", b"{}", b""] {
            plain.update((part.len() as u64).to_le_bytes());
            plain.update(part);
        }
        assert_ne!(first, hex::encode(plain.finalize()));
    }
}
