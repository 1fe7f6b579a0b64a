//! Of whom facts speak, as a list of facts names them.

use super::Fact;
use super::call::{CallFact, CallReported, Direction};
use super::call_request::CallRequestFact;
use super::note::NoteFact;
use super::outreach::OutreachLead;
use super::sender_account::SenderAccountFact;
use super::session::SessionFact;
use super::sync::{CrmRecord, SyncFact};

fn text(given: &Option<impl ToString>) -> Option<String> {
    given.as_ref().map(ToString::to_string)
}

impl Fact {
    /// The other party of a call, the lead, contact or mailbox; where none is named or the name was erased, the tenant's own
    /// who acted. `place` is that of a record in its part of a snapshot, from 0.
    pub fn who(&self, place: usize) -> Option<String> {
        match self {
            Self::Call(fact) => match fact {
                CallFact::Reported(body) => body.other_party().or_else(|| text(&body.agent)),
                CallFact::Disposed(body) => text(&body.agent),
                CallFact::Recorded(body) => text(&body.agent),
                CallFact::Placed(body) => text(&body.to).or_else(|| text(&body.agent)),
            },
            Self::CallRequest(CallRequestFact::Requested(body)) => {
                text(&body.to).or_else(|| Some(body.agent.to_string()))
            }
            Self::Session(SessionFact::Started(body)) => Some(body.agent.to_string()),
            Self::Outreach(fact) => fact.lead().and_then(OutreachLead::who),
            Self::SenderAccount(fact) => Some(match fact {
                SenderAccountFact::Observed(body) => body.email.to_string(),
                SenderAccountFact::Added(body)
                | SenderAccountFact::Disconnected(body)
                | SenderAccountFact::Reconnected(body)
                | SenderAccountFact::Removed(body) => body.email.to_string(),
            }),
            Self::Sync(SyncFact::Snapshot(body)) => body.records.get(place).and_then(CrmRecord::who),
            Self::Note(NoteFact::Written(body) | NoteFact::Removed(body)) => text(&body.author),
            Self::CallRequest(_)
            | Self::Session(_)
            | Self::Sync(_)
            | Self::AdSpend(_)
            | Self::Report(_)
            | Self::Tenant(_)
            | Self::Control(_)
            | Self::Access(_)
            | Self::Alert(_)
            | Self::Setting(_)
            | Self::Import(_) => None,
        }
    }
}

impl CallReported {
    fn other_party(&self) -> Option<String> {
        match self.direction {
            Some(Direction::Outbound) => text(&self.to),
            Some(Direction::Inbound) => text(&self.from),
            None => text(&self.from).or_else(|| text(&self.to)),
        }
    }
}

impl OutreachLead {
    fn who(&self) -> Option<String> {
        let names: Vec<_> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(|name| name.as_str()).collect();
        let name = Some(names.join(" ")).filter(|name| !name.is_empty());
        name.or_else(|| text(&self.email)).or_else(|| text(&self.id))
    }
}

impl CrmRecord {
    fn who(&self) -> Option<String> {
        let name = text(&self.contact_name).or_else(|| text(&self.company));
        name.or_else(|| text(&self.email)).or_else(|| text(&self.author))
    }
}
