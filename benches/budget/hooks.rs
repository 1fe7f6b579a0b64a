//! What a delivery costs before it is a fact: signature and mapping of both providers.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::keys::{LogSecret, TenantId};
use domain::members::Instant;
use factfold::directory::{Directory, Endpoint, Secret, TenantEntry};
use factfold::ingest::delivery::{Delivery, Form};
use factfold::ingest::provider::{MappingContext, MappingResult, ProviderAdapter};
use factfold::ingest::providers::preset;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::Outcome;
use super::sample::{self, Template};
use super::stages::{NOW, alone};

const URL: &str = "https://hooks.example.com";
const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Prints the stages of a delivery, of the processor and on the clock.
pub fn measure(count: u64) -> Outcome<()> {
    let tenant = TenantId::new("acme")?;
    let owner = TenantEntry {
        id: tenant.clone(),
        tracking_numbers: vec![("+12025550199".into(), Some("ann@example.com".into()))],
        workspaces: vec!["17".into()],
    };
    let directory = Directory::new(vec![owner], Vec::new())?;
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    println!("\nA delivery's time by stage, of the processor / on the clock; {count} deliveries");
    for (name, template, media) in
        [("twilio", sample::callback(), form), ("emailbison", sample::email_sent(), "application/json")]
    {
        let provider = preset(name).ok_or("no such provider")?;
        let endpoint = Endpoint {
            id: "budget".into(),
            provider: name.into(),
            tenant: Some(tenant.clone()),
            event: None,
            secrets: vec![Secret::new(TWILIO_TOKEN)],
        };
        let bytes = template.len();
        let deliveries = deliveries(name, template, media, count)?;
        println!("{name}, {bytes} B");
        stages(provider, &endpoint, &directory, &deliveries)?;
    }
    Ok(())
}

fn stages(
    provider: &dyn ProviderAdapter,
    endpoint: &Endpoint,
    directory: &Directory,
    deliveries: &[Delivery],
) -> Outcome<()> {
    let count = deliveries.len() as u64;
    let (time, verified) =
        alone(count, || deliveries.iter().try_for_each(|delivery| provider.verify(delivery, endpoint, URL)));
    verified?;
    println!("{:<46} {time:>20}", "  verify");
    let secret = LogSecret::new(&[7; 32]);
    let context = MappingContext { endpoint, directory, secret: &secret };
    let (time, facts) = alone(count, || {
        let read = |delivery| match provider.map(delivery, context).result {
            MappingResult::Facts { facts, .. } => Ok(facts),
            other => Err(format!("no fact: {other:?}")),
        };
        deliveries.iter().map(read).collect::<Result<Vec<_>, _>>()
    });
    println!("{:<46} {time:>20}", "  map");
    let facts = facts?;
    let (time, laid) = alone(count, || {
        facts.iter().flatten().zip(deliveries).try_for_each(|(fact, delivery)| {
            fact.draft(&secret, [3; 16], &delivery.body).map(|draft| drop(black_box(draft)))
        })
    });
    laid?;
    println!("{:<46} {time:>20}", "  draft");
    Ok(())
}

fn deliveries(provider: &str, mut template: Template, media: &str, count: u64) -> Outcome<Vec<Delivery>> {
    let path = format!("/hooks/{provider}/budget");
    let made = (0..count).map(|n| {
        let body = Bytes::copy_from_slice(template.stamp(n));
        let signature = sign(&format!("{URL}{path}"), &body)?;
        let header = |name: &str, value: &str| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes()));
        Ok(Delivery {
            provider: provider.to_owned(),
            endpoint: "budget".to_owned(),
            method: "POST".to_owned(),
            path_and_query: path.clone(),
            headers: vec![header("content-type", media), header("x-twilio-signature", &signature)],
            body,
            received_at: Instant(NOW),
        })
    });
    made.collect()
}

/// As Twilio signs: base64 of HMAC-SHA1 over URL and fields in order of their names.
fn sign(url: &str, body: &[u8]) -> Outcome<String> {
    let form = Form::parse(body);
    let mut fields: Vec<_> = form.fields().collect();
    fields.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(TWILIO_TOKEN.as_bytes())?.chain_update(url);
    for (name, value) in fields {
        mac.update(name);
        mac.update(value);
    }
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}
