//! Requests to place a call: what a provider's list says of one whose outcome nobody knows (C7).

use crate::members::Instant;

const SECOND: i64 = 1_000_000;

/// So long after it was asked for a request may still be sent, µs: nobody wants a call to ring much later.
pub const FRESH_MAX: i64 = 60 * SECOND;
/// So far the provider's clock may be from ours, µs.
const CLOCKS_MAX: i64 = 30 * SECOND;
/// So long may one request to the provider take, µs.
const CALL_MAX: i64 = 15 * SECOND;

/// A request that was sent, and of which it is not known whether it rang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest<'a> {
    /// The number that was to be called.
    pub to: &'a str,
    /// The number that was to be shown.
    pub from: &'a str,
    /// When it was about to be sent first.
    pub sent_at: Instant,
}

/// A call of the provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    /// The provider's id.
    pub call_id: String,
    /// The number called.
    pub to: String,
    /// The number shown.
    pub from: String,
    /// When the provider made it.
    pub created_at: Instant,
    /// Whether it was placed by the API, and not by a caller or from within another call.
    pub is_placed: bool,
}

impl SentRequest<'_> {
    /// The moments at which the provider may have made its call: from the first sending to the end of the last, and as
    /// much around it as two clocks may differ.
    pub fn window(&self) -> (Instant, Instant) {
        let until = self.sent_at.0 + FRESH_MAX + CALL_MAX + CLOCKS_MAX;
        (Instant((self.sent_at.0 - CLOCKS_MAX).max(0)), Instant(until))
    }

    fn may_be(&self, call: &ListedCall) -> bool {
        let (from, until) = self.window();
        call.is_placed
            && call.to == self.to
            && call.from == self.from
            && (from..=until).contains(&call.created_at)
    }
}

/// The call that the request became, by a list that is whole for its window: the only call that it may be, which is no
/// other request's (`is_taken`), and which no other unknown request may be (`rivals`). `None` where the list leaves a
/// doubt; that a call is missing proves nothing, for a list may lag.
pub fn settled_by<'c>(
    request: &SentRequest<'_>,
    rivals: &[SentRequest<'_>],
    listed: &'c [ListedCall],
    is_taken: impl Fn(&str) -> bool,
) -> Option<&'c str> {
    let mut candidates = listed.iter().filter(|call| request.may_be(call) && !is_taken(&call.call_id));
    let only = candidates.next()?;
    // A page may move while the list is read, so that a call stands on two.
    let is_alone = candidates.all(|other| other.call_id == only.call_id);
    (is_alone && !rivals.iter().any(|rival| rival.may_be(only))).then_some(&only.call_id)
}

/// What a provider's code of an error means, for the codes that a person can do something about.
pub fn code_meaning(code: u32) -> Option<&'static str> {
    Some(match code {
        10_001 | 20_005 => "the account is not active",
        10_004 => "too many calls at once for the account",
        13_224 | 21_214 => "the provider cannot reach the number",
        20_003 => "the account's credentials are not valid",
        20_404 => "the account does not exist",
        21_203 | 21_215 => "the account may not call numbers of that country",
        21_210 | 21_212 => "the number to be shown is none of the account's",
        21_211 | 21_217 | 13_223 => "the number to be called is not valid",
        21_216 => "the account may not call that number",
        21_219 => "a trial account calls only numbers that were verified",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_760_000_000 * SECOND;

    fn sent(to: &'static str, seconds: i64) -> SentRequest<'static> {
        SentRequest { to, from: "+12025550199", sent_at: Instant(AT + seconds * SECOND) }
    }

    fn listed(id: &str, to: &str, seconds: i64) -> ListedCall {
        ListedCall {
            call_id: id.to_owned(),
            to: to.to_owned(),
            from: "+12025550199".to_owned(),
            created_at: Instant(AT + seconds * SECOND),
            is_placed: true,
        }
    }

    fn settled(rivals: &[SentRequest<'_>], calls: &[ListedCall]) -> Option<String> {
        settled_by(&sent("+1", 0), rivals, calls, |id| id == "TAKEN").map(str::to_owned)
    }

    #[test]
    fn c7_the_one_call_that_it_may_be_settles_a_request() {
        let others = [
            listed("A", "+2", 1),
            listed("B", "+1", -31),
            listed("C", "+1", 106),
            listed("TAKEN", "+1", 1),
            ListedCall { is_placed: false, ..listed("D", "+1", 1) },
            ListedCall { from: "+9".to_owned(), ..listed("E", "+1", 1) },
        ];
        assert_eq!(settled(&[], &others), None, "none of them is its call");
        for seconds in [-30, 0, 2, 105] {
            let calls = [&others[..], &[listed("X", "+1", seconds)]].concat();
            assert_eq!(settled(&[], &calls).as_deref(), Some("X"), "{seconds}");
        }
        let twice = [listed("X", "+1", 1), listed("X", "+1", 1)];
        assert_eq!(settled(&[], &twice).as_deref(), Some("X"), "one call on two pages");
    }

    #[test]
    fn c7_what_leaves_a_doubt_settles_nothing() {
        assert_eq!(settled(&[], &[listed("X", "+1", 1), listed("Y", "+1", 2)]), None, "two calls");
        let call = [listed("X", "+1", 1)];
        assert_eq!(settled(&[sent("+1", 20)], &call), None, "it may be the other request's");
        for rival in [sent("+2", 0), sent("+1", 3_600)] {
            assert_eq!(settled(&[rival], &call).as_deref(), Some("X"), "null control: no rival");
        }
    }
}
