//! Tickets for one stream each: a page that can send no header, as `EventSource` cannot, shows one in the URL.
//!
//! A ticket opens one path, once, within a minute, for whoever asked for it; so little of a right may stand in a URL.
//! Tickets live in the memory of this process alone.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::members::Instant;
use sha2::{Digest, Sha256};

use super::{AccessError, Credential};

/// A ticket is good for this long, µs.
const LIFETIME: i64 = 60_000_000;
/// Tickets at once; beyond, the oldest is forgotten.
const TICKETS_MAX: usize = 4_096;
/// Of them for one credential; beyond, its oldest is forgotten.
const OWN_MAX: usize = 64;

type TicketDigest = [u8; 32];

#[derive(Debug)]
struct Ticket {
    credential: Credential,
    path: String,
    until: Instant,
}

/// Tickets by their digests.
#[derive(Debug, Default)]
pub struct Tickets {
    tickets: BTreeMap<TicketDigest, Ticket>,
    /// The oldest at the front; some are used.
    order: VecDeque<TicketDigest>,
}

impl Tickets {
    /// A new ticket that opens `path`, and until when.
    pub fn issue(
        &mut self,
        credential: Credential,
        path: String,
        now: Instant,
    ) -> Result<(String, Instant), AccessError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        self.make_room(&credential, now);
        let (digest, until) = (digest(&text), Instant(now.0 + LIFETIME));
        self.order.push_back(digest);
        self.tickets.insert(digest, Ticket { credential, path, until });
        Ok((text, until))
    }

    fn make_room(&mut self, credential: &Credential, now: Instant) {
        let tickets = &mut self.tickets;
        // All live equally long, so that the oldest is the first to expire.
        while let Some(oldest) = self.order.front()
            && tickets.get(oldest).is_none_or(|ticket| ticket.until <= now)
        {
            tickets.remove(oldest);
            self.order.pop_front();
        }
        if self.order.len() >= 2 * TICKETS_MAX {
            self.order.retain(|digest| tickets.contains_key(digest));
        }
        let own = tickets.iter().filter(|(_, ticket)| ticket.credential == *credential);
        let (count, oldest) =
            own.fold((0, None::<(Instant, TicketDigest)>), |(count, oldest), (digest, ticket)| {
                let this = (ticket.until, *digest);
                (count + 1, Some(oldest.map_or(this, |oldest| oldest.min(this))))
            });
        let oldest_own = oldest.filter(|_| count >= OWN_MAX).map(|(_, digest)| digest);
        let oldest = self.order.front().copied().filter(|_| tickets.len() >= TICKETS_MAX);
        if let Some(gone) = oldest_own.or(oldest) {
            tickets.remove(&gone);
        }
    }

    /// Whose ticket this is, where it opens `path`; `uses` it up.
    pub fn show(&mut self, text: &str, path: &str, uses: bool, now: Instant) -> Option<Credential> {
        let digest = digest(text);
        let ticket = self.tickets.get(&digest).filter(|ticket| ticket.until > now && ticket.path == path)?;
        let credential = ticket.credential.clone();
        if uses {
            self.tickets.remove(&digest);
        }
        Some(credential)
    }
}

fn digest(text: &str) -> TicketDigest {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = "/api/v1/tenants/acme/facts/stream";
    const NOW: Instant = Instant(0);

    fn issue(tickets: &mut Tickets, credential: Credential) -> String {
        tickets.issue(credential, FACTS.to_owned(), NOW).expect("random").0
    }

    fn login(id: &str) -> Credential {
        Credential::Login(domain::members::Text::new(id).expect("text"))
    }

    #[test]
    fn a_ticket_opens_its_path_once_within_a_minute() {
        let mut tickets = Tickets::default();
        let (text, until) = tickets.issue(Credential::Admin, FACTS.to_owned(), NOW).expect("random");
        assert_eq!((text.len(), until), (43, Instant(LIFETIME)));
        assert_eq!(tickets.show(&text, "/api/v1/tenants/acme/changes/stream", true, NOW), None);
        assert_eq!(tickets.show("", FACTS, true, NOW), None);
        assert_eq!(tickets.show(&text, FACTS, true, until), None, "expired");
        let late = Instant(LIFETIME - 1);
        assert_eq!(tickets.show(&text, FACTS, false, late), Some(Credential::Admin), "looked at");
        assert_eq!(tickets.show(&text, FACTS, true, late), Some(Credential::Admin));
        assert_eq!(tickets.show(&text, FACTS, true, late), None, "used");
    }

    #[test]
    fn a_caller_who_asks_for_ever_pushes_out_his_own_and_no_other() {
        let mut tickets = Tickets::default();
        let other = issue(&mut tickets, login("other"));
        let texts: Vec<String> = (0..OWN_MAX + 10).map(|_| issue(&mut tickets, login("greedy"))).collect();
        assert_eq!(tickets.tickets.len(), OWN_MAX + 1);
        let good = texts.iter().filter(|text| tickets.show(text, FACTS, true, NOW).is_some()).count();
        assert_eq!(good, OWN_MAX);
        assert!(tickets.show(&other, FACTS, true, NOW).is_some());
    }

    #[test]
    fn tickets_are_bounded_over_all_and_forgotten() {
        let mut tickets = Tickets::default();
        for n in 0..TICKETS_MAX + 5 {
            issue(&mut tickets, login(&(n / OWN_MAX).to_string()));
        }
        assert_eq!(tickets.tickets.len(), TICKETS_MAX);
        tickets.issue(Credential::Admin, FACTS.to_owned(), Instant(LIFETIME)).expect("random");
        assert_eq!((tickets.tickets.len(), tickets.order.len()), (1, 1));
        // One that is kept, and others that are used at once.
        for _ in 0..3 * TICKETS_MAX {
            let text = issue(&mut tickets, login("quick"));
            assert!(tickets.show(&text, FACTS, true, NOW).is_some());
        }
        assert!(tickets.order.len() <= 2 * TICKETS_MAX, "{}", tickets.order.len());
    }
}
