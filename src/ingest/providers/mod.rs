//! The providers whose deliveries are understood, one line each, and what their mappings share.

pub mod callrail;
pub mod ctm;
pub mod emailbison;
pub mod generic;
pub mod twilio;

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::call::{CallFact, CallRecorded, CallReported};
use domain::keys::{ExternalId, Provider as ProviderName, TenantId};
use domain::members::{Instant, LONG_TEXT_MAX, LongText, TEXT_MAX, Text, canonical_text};

use super::delivery::Delivery;
use super::error::{MappingFailure, Reason};
use super::provider::{MappingResult, Provider};

/// Every provider.
pub const PROVIDERS: &[&dyn Provider] =
    &[&twilio::PRESET, &callrail::PRESET, &ctm::PRESET, &emailbison::PRESET];

/// The provider of that name.
pub fn named(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// A name or id, cut to what a record may hold: the original is kept whole beside it.
pub(crate) fn text(given: &str) -> Option<Text> {
    Text::new(&cut(given, TEXT_MAX))
}

/// Free text, cut likewise.
pub(crate) fn long_text(given: &str) -> Option<LongText> {
    LongText::new(&cut(given, LONG_TEXT_MAX))
}

fn cut(given: &str, max: usize) -> String {
    let mut text = canonical_text(given).replace('\0', "\u{fffd}");
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Facts that one delivery becomes: what they have in common.
pub(crate) struct Facts<'a> {
    pub provider: &'a dyn Provider,
    pub delivery: &'a Delivery,
    pub tenant: TenantId,
}

impl Facts<'_> {
    /// A fact under the provider's key; without `occurred_at` the time of receipt stands in for it.
    pub fn envelope(
        &self,
        external_id: &str,
        occurred_at: Option<Instant>,
        fact: Fact,
    ) -> Result<Envelope, MappingFailure> {
        let malformed =
            |error: domain::keys::NameError| MappingFailure::new(Reason::MalformedField, error.to_string());
        Ok(Envelope {
            tenant: self.tenant.clone(),
            provider: ProviderName::new(self.provider.name()).map_err(malformed)?,
            external_id: ExternalId::new(external_id).map_err(malformed)?,
            occurred_at: occurred_at.unwrap_or(self.delivery.received_at),
            time_received: occurred_at.is_none(),
            fact,
            mapping: self.provider.mapping(),
        })
    }

    /// What was said of a call under `key`, and its recording beside it.
    pub fn call(
        &self,
        key: &str,
        occurred_at: Option<Instant>,
        reported: CallReported,
        recorded: Option<CallRecorded>,
    ) -> Result<MappingResult, MappingFailure> {
        let mut facts = vec![self.envelope(key, occurred_at, Fact::Call(CallFact::Reported(reported)))?];
        if let Some(recorded) = recorded {
            let key = format!("{key}:recording");
            facts.push(self.envelope(&key, occurred_at, Fact::Call(CallFact::Recorded(recorded)))?);
        }
        Ok(MappingResult::Facts { facts, weak: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let cut = text(&"é".repeat(600)).map(|text| text.to_string());
        assert_eq!(cut, Some("é".repeat(512)));
        assert_eq!(text(&format!("a\0{}", "b".repeat(1_020))).map(|text| text.as_str().len()), Some(1_024));
        assert_eq!(text(" \t "), None);
    }
}
