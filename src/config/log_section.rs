//! `[log]` of the file: the key of checkpoints, and the witnesses that are asked to cosign them.

use serde::Deserialize;
use toml::Spanned;

use super::source_context::SourceContext;
use super::{ConfigError, LogSettings, WitnessSettings};
use crate::proof::{CheckpointKey, WitnessKey};

/// `[log]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTable {
    checkpoint_key: Option<Spanned<String>>,
    #[serde(default)]
    witness: Vec<WitnessTable>,
}

/// `[[log.witness]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    name: Spanned<String>,
    url: Spanned<String>,
    key: Spanned<String>,
}

impl LogTable {
    pub fn understood(&self, context: SourceContext<'_>) -> Result<LogSettings, ConfigError> {
        let key = context.secret(&self.checkpoint_key, "log.checkpoint_key")?;
        let checkpoint_key = key.map(|secret| {
            let rule = "must be 64 hexadecimal digits, such as `openssl rand -hex 32` prints";
            let span = self.checkpoint_key.as_ref().map(Spanned::span).unwrap_or_default();
            let seed = CheckpointKey::seed(&secret.text());
            seed.map(|_| secret).ok_or_else(|| context.source.wrong(span, "log.checkpoint_key", rule))
        });
        let witnesses = self.witness.iter().map(|witness| witness.understood(context));
        Ok(LogSettings {
            checkpoint_key: checkpoint_key.transpose()?,
            gives_key: self.checkpoint_key.is_some(),
            witnesses: witnesses.collect::<Result<_, _>>()?,
        })
    }
}

impl WitnessTable {
    fn understood(&self, context: SourceContext<'_>) -> Result<WitnessSettings, ConfigError> {
        let url = context.base_url(&Some(self.url.clone()), "", "log.witness.url")?;
        let wrong = |key: &str, rule: &str| context.source.wrong(self.key.span(), key, rule);
        let rule = "must be a verifier key NAME+ID+KEY of Ed25519, type 1 or 4 of signed-note";
        let key = WitnessKey::parse(self.key.get_ref()).ok_or_else(|| wrong("log.witness.key", rule))?;
        if key.name() != self.name.get_ref() {
            return Err(wrong("log.witness.key", "must be a key of the witness' `name`"));
        }
        Ok(WitnessSettings { url, key })
    }
}
