//! `[log]` of the file: what orders the log, the key of checkpoints, and the witnesses that are asked to cosign them.

use serde::Deserialize;
use toml::Spanned;

use super::cluster::{self, JetStreamTable, PostgresTable};
use super::source_context::SourceContext;
use super::{ConfigError, LogEngine, LogSettings, WitnessSettings};
use crate::proof::{CheckpointKey, WitnessKey};

/// Most nodes that an answer waits for.
const COPIES_MAX: usize = 5;

/// `[log]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTable {
    engine: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    copies: Option<Spanned<usize>>,
    #[serde(default)]
    jetstream: JetStreamTable,
    #[serde(default)]
    postgres: PostgresTable,
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
    /// Where an engine stands that several nodes share.
    pub fn shared_engine(&self) -> Option<std::ops::Range<usize>> {
        let engine = self.engine.as_ref().filter(|engine| engine.get_ref() != LogEngine::Embedded.name());
        engine.map(Spanned::span)
    }

    pub fn understood(&self, context: SourceContext<'_>) -> Result<LogSettings, ConfigError> {
        let key = context.secret(&self.checkpoint_key, "log.checkpoint_key")?;
        let checkpoint_key = key.map(|secret| {
            let rule = "must be 64 hexadecimal digits, such as `openssl rand -hex 32` prints";
            let span = self.checkpoint_key.as_ref().map(Spanned::span).unwrap_or_default();
            let seed = CheckpointKey::seed(&secret.text());
            seed.map(|_| secret).ok_or_else(|| context.source.wrong(span, "log.checkpoint_key", rule))
        });
        // A table is read for its mistakes whether its engine is named or not.
        let (jetstream, postgres) = (self.jetstream.understood(context)?, self.postgres.understood(context)?);
        let engine = cluster::engine(&self.engine, &postgres, context.source)?;
        let secret = context.secret(&self.secret, "log.secret")?;
        let span = self.secret.as_ref().map(Spanned::span).unwrap_or_default();
        if secret.as_ref().is_some_and(|secret| CheckpointKey::seed(&secret.text()).is_none()) {
            let rule = "must be 64 hexadecimal digits, such as `openssl rand -hex 32` prints";
            return Err(context.source.wrong(span, "log.secret", rule));
        }
        if let (true, None, Some(engine)) = (engine != LogEngine::Embedded, &self.secret, &self.engine) {
            let rule = "needs `secret`: one for all nodes, such as `openssl rand -hex 32` prints";
            return Err(context.source.wrong(engine.span(), "log.engine", rule));
        }
        let most = if engine == LogEngine::Embedded { 1 } else { COPIES_MAX };
        if let Some(given) = self.copies.as_ref().filter(|copies| !(1..=most).contains(copies.get_ref())) {
            let rule = "must be 1, or up to 5 where nodes share the log";
            return Err(context.source.wrong(given.span(), "log.copies", rule));
        }
        let witnesses = self.witness.iter().map(|witness| witness.understood(context));
        Ok(LogSettings {
            node: String::new(),
            engine,
            copies: self.copies.as_ref().map_or(1, |copies| *copies.get_ref()),
            jetstream,
            postgres,
            secret,
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
