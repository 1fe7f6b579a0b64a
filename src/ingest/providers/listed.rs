//! Calls as providers' own lists tell of them: the same facts as of a webhook, under keys of their own (RULINGS).
//!
//! A list may know less of a call than its webhooks, and is read while they come. So it never takes a key of theirs:
//! what it says stands under `<id>:listed:<digest>`, made of what it says and of the call's last fact before it.

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::call::{CallFact, CallRecorded, CallReported};
use domain::keys::{ExternalId, LogSecret, NameError, Position, Provider, TenantId};
use domain::members::{Instant, Text};

use crate::directory::Directory;
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::key::KeyWriter;
use crate::ingest::owner::{Owner, OwnerClaims};

/// Whose list a row stands in, and what its mapping may look up.
#[derive(Debug, Clone, Copy)]
pub struct ListContext<'a> {
    /// Whose account it is.
    pub tenant: &'a TenantId,
    /// Whose numbers and workspaces are whose.
    pub directory: &'a Directory,
}

/// A row of a provider's list of calls.
#[derive(Debug, Clone)]
pub enum ListedRow {
    /// A call.
    Call(Box<ListedReport>),
    /// A text, form or chat.
    NoCall,
    /// A call of another tenant's number or workspace, in an account that several share: their own lists tell of it.
    OfAnother,
}

/// What a provider's list says of a call.
#[derive(Debug, Clone)]
pub struct ListedReport {
    /// The provider.
    pub provider: &'static str,
    /// Version of its mapping.
    pub mapping: u16,
    /// The provider's id of the call.
    pub id: Text,
    /// The call.
    pub reported: CallReported,
    /// Its recording.
    pub recorded: Option<CallRecorded>,
}

/// The owner of a row: the tenant whose account it is, unless number or workspace are another tenant's.
pub(super) fn owner_of_row(context: ListContext<'_>, claims: OwnerClaims<'_>) -> Option<Owner> {
    let ListContext { tenant, directory } = context;
    let OwnerClaims { number, workspaces, agent } = claims;
    let known = number.and_then(|number| directory.number(number));
    let workspace = || workspaces.iter().find_map(|name| directory.workspace(name.as_str()));
    if known.map(|(owner, _)| owner).or_else(workspace).is_some_and(|owner| owner != tenant) {
        return None;
    }
    let agent = agent.or_else(|| known.and_then(|(_, agent)| agent.cloned()));
    let unknown_number = number.is_some() && known.is_none();
    Some(Owner { tenant: tenant.clone(), agent, unknown_number })
}

/// Second part of the keys of what a list says.
const LISTED: &str = "listed";

impl ListedReport {
    /// Whether an external id is one that [`ListedReport::facts`] makes.
    pub fn is_key(external_id: &str) -> bool {
        external_id.split(':').nth(1) == Some(LISTED)
    }

    /// The facts of what is new in it. `last` is the position of the call's last fact, 0 where nothing is known of it: then
    /// it happened when it ended, as its webhook would say; what changes a known call is dated by `observed_at`. Where
    /// the call is told already only its recording is new.
    ///
    /// # Errors
    /// Its id makes no key.
    pub fn facts(
        self,
        secret: &LogSecret,
        tenant: &TenantId,
        (last, is_told): (Position, bool),
        observed_at: Instant,
    ) -> Result<Vec<Envelope>, MappingFailure> {
        let given = self.reported.ended_at.or(self.reported.started_at).filter(|_| last == 0);
        let keys = KeyWriter { secret, tenant };
        let recorded = self.recorded.map(|recorded| Fact::Call(CallFact::Recorded(recorded)));
        let reported = Fact::Call(CallFact::Reported(self.reported));
        let content = keys.digest(&format!("{last} {}", reported.json()));
        let key = [self.id.as_str(), LISTED, &content];
        let malformed = |error: NameError| MappingFailure::new(Reason::MalformedField, error.to_string());
        let envelope = |key: &[&str], fact: Fact| -> Result<Envelope, MappingFailure> {
            Ok(Envelope {
                tenant: tenant.clone(),
                provider: Provider::new(self.provider).map_err(malformed)?,
                external_id: ExternalId::new(&keys.joined(key)).map_err(malformed)?,
                occurred_at: given.unwrap_or(observed_at),
                time_received: given.is_none(),
                fact,
                mapping: self.mapping,
            })
        };
        let mut facts = Vec::new();
        if !is_told {
            facts.push(envelope(&key, reported)?);
        }
        if let Some(recorded) = recorded {
            facts.push(envelope(&[&key[..], &["recording"]].concat(), recorded)?);
        }
        Ok(facts)
    }
}
