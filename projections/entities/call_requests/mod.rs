//! Requests of one tenant to place calls, and what became of each (C7).

pub mod list;
pub mod row;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::call_request::{CallRequestFact, CallRequested};

use self::row::{Refusal, Row, Wish};
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Buckets, Index, Pages, heap_size};
use crate::{Order, Recorded};

/// Requests of one tenant.
#[derive(Debug, Clone, Default)]
pub struct CallRequests {
    rows: Pages<Row>,
    index: Index,
    order: Buckets,
    /// Those that are neither taken nor failed.
    open: Arc<BTreeSet<u32>>,
}

heap_size!(CallRequests { rows, index, order, open });

impl Entity for CallRequests {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "call_requests";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[CallRequestFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::CallRequest(fact) = recorded.fact else { return };
        let at = self.row_of(fact.request_id().as_str());
        let row = self.rows.get_mut(at);
        let (order, begun) = (Order::new(recorded.occurred_at, 0, &recorded.content), row.wish.at());
        row.facts.push(recorded.position);
        match fact {
            CallRequestFact::Requested(body) => row.wish.say(order, Arc::new(wish(body, recorded))),
            CallRequestFact::Sent(_) => row.sent.say(order, ()),
            CallRequestFact::Accepted(body) => row.accepted.say(order, body.call_id.as_str().into()),
            CallRequestFact::Confirmed(body) => row.confirmed.say(order, body.call_id.as_str().into()),
            CallRequestFact::Failed(body) => {
                let (reason, status, code) = (body.reason, body.status, body.code);
                row.failed.say(order, Refusal { reason, status, code });
            }
            CallRequestFact::Unknown(body) => row.doubt.say(order, body.reason),
        }
        let (is_open, now) = (row.is_open(), row.wish.at());
        self.order.place(at, begun, now);
        if is_open != self.open.contains(&at) {
            let open = Arc::make_mut(&mut self.open);
            if is_open {
                open.insert(at)
            } else {
                open.remove(&at)
            };
        }
    }

    paged_rows!();

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        for row in self.rows.iter() {
            out.start(tenant);
            out.text(Some(&row.id));
            if let Some(wish) = row.wish.get() {
                out.number(wish.position as i64);
                out.text(Some(&wish.agent));
                out.text(wish.lead_id.as_deref());
                out.text(wish.session_id.as_deref());
                out.number(i64::from(wish.recording));
            }
            out.maybe(row.sent.at().map(|at| at.0));
            out.text(row.accepted.get().map(AsRef::as_ref));
            out.text(row.confirmed.get().map(AsRef::as_ref));
            out.text(row.failed.get().map(|failed| failed.reason.as_str()));
            out.maybe(row.failed.get().and_then(|failed| failed.code).map(i64::from));
            out.text(row.doubt.get().map(|doubt| doubt.as_str()));
            out.positions(&row.facts);
            digest.add(out.bytes());
        }
        digest
    }
}

fn wish(body: &CallRequested, recorded: &Recorded<'_>) -> Wish {
    let text = |text: &Option<domain::members::Text>| text.as_ref().map(|text| text.as_str().into());
    Wish {
        position: recorded.position,
        content_at: recorded.content_at,
        at: recorded.occurred_at,
        agent: body.agent.as_str().into(),
        lead_id: text(&body.lead_id),
        session_id: text(&body.session_id),
        recording: body.recording == Some(true),
    }
}

impl CallRequests {
    fn row_of(&mut self, id: &str) -> u32 {
        self.find(id).unwrap_or_else(|| {
            let at = self.rows.push(Row { id: id.into(), ..Row::default() });
            self.index.insert(Index::hash(id), at);
            at
        })
    }

    fn find(&self, id: &str) -> Option<u32> {
        self.index.find(Index::hash(id), |row| &*self.rows.get(row).id == id)
    }
}
