//! Leases: of the nodes of one log, which does what one alone may do. A lease is a keyed fact: of two nodes that take it
//! at once one is recorded, and the other reads whose it is.

use std::convert::Infallible;
use std::time::Duration;

use domain::facts::Fact;
use domain::facts::setting::{LeaseTaken, SettingFact};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::{Instant, Text};
use domain::rules::decision::{Decision, NewFact};

use super::{CommandError, Commands};

/// Of which lease, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTerms {
    /// Its name.
    pub name: &'static str,
    /// How long it is taken for.
    pub lasts: Duration,
    /// It is taken again when so much of it is left.
    pub renewed_at: Duration,
    /// How long after its end another node may take it: more than clocks differ.
    pub spared: Duration,
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl<V> Commands<V> {
    /// Takes the lease for `node` where it is free or its own: until when the node has it, none where another has it.
    /// Blocks.
    ///
    /// # Errors
    /// The log's; then the lease may be taken.
    pub fn take_lease(
        &self,
        terms: LeaseTerms,
        node: &Text,
    ) -> Result<Option<Instant>, CommandError<Infallible>> {
        let leases = &*self.leases;
        let decided = self.decide_blocking(leases, &TenantId::control(), |attempt| {
            let (lease, now) = (leases.get(terms.name), attempt.now);
            match &lease {
                Some(own) if own.node == node.as_str() && own.until.0 - now.0 > micros(terms.renewed_at) => {
                    return Ok(Decision::Stands(Some(own.until)));
                }
                Some(other)
                    if other.node != node.as_str() && other.until.0 + micros(terms.spared) > now.0 =>
                {
                    return Ok(Decision::Stands(None));
                }
                Some(_) | None => {}
            }
            let latest = lease.map_or(0, |lease| lease.position);
            let until = Instant(now.0 + micros(terms.lasts));
            Ok(Decision::Append(self.lease_fact(terms, node, latest, until)))
        })?;
        Ok(decided.answer)
    }

    /// Gives the lease back, where it is this node's. Blocks.
    ///
    /// # Errors
    /// The log's: it ends by itself.
    pub fn give_lease_back(&self, terms: LeaseTerms, node: &Text) -> Result<(), CommandError<Infallible>> {
        let leases = &*self.leases;
        self.decide_blocking(leases, &TenantId::control(), |attempt| {
            let past = Instant(attempt.now.0 - micros(terms.spared));
            match leases
                .get(terms.name)
                .filter(|own| own.node == node.as_str() && own.until.0 > attempt.now.0)
            {
                Some(own) => Ok(Decision::Append(self.lease_fact(terms, node, own.position, past))),
                None => Ok(Decision::Stands(())),
            }
        })
        .map(drop)
    }

    fn lease_fact(&self, terms: LeaseTerms, node: &Text, latest: u64, until: Instant) -> NewFact {
        let lease = Text::new(terms.name).unwrap_or_else(|| node.clone());
        NewFact {
            key: EngineKey::Lease { lease: KeyPart::new(terms.name), latest },
            occurred_at: None,
            fact: Fact::Setting(SettingFact::LeaseTaken(LeaseTaken { lease, node: node.clone(), until })),
        }
    }
}
