//! Attempts to send messages to targets: when one is due after those that were made.

use domain::facts::setting::AlertStyle;
use domain::keys::TenantId;
use domain::members::Instant;
use projections::entities::alerts::row::SendAttempt;

use super::messages::Message;
use crate::directory::AlertTarget;

/// Seconds to wait before each attempt: none before the first, three days in all before the last.
const WAITS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Alerts raised longer ago, in µs, are skipped: their last attempt is over.
pub(super) const LOOK_BACK: i64 = 7 * 86_400 * SECOND;
pub(super) const SECOND: i64 = 1_000_000;

/// One attempt to send a message, which is still to be made. Its result is a fact under its number, so two that are
/// decided on one state are recorded as one.
#[derive(Debug, Clone)]
pub struct AlertAttempt {
    /// Whose message.
    pub tenant: TenantId,
    /// What it tells.
    pub message: Message,
    /// To whom.
    pub target: AlertTarget,
    /// From 1 for each target.
    pub number: u32,
}

/// The attempts so far to send a message to a target.
pub(super) fn attempts<'a>(
    made: &'a [SendAttempt],
    target: &'a AlertTarget,
) -> impl Iterator<Item = &'a SendAttempt> {
    made.iter().filter(|sent| *sent.target_id == *target.id)
}

/// Whether a mail server refused for good: whoever asks again gets the same answer. Its refusals of a login are ours to mend.
fn is_refused(style: AlertStyle, status: Option<u32>) -> bool {
    const OF_A_LOGIN: [u32; 4] = [530, 534, 535, 538];
    let for_good = status.filter(|status| (500..600).contains(status) && !OF_A_LOGIN.contains(status));
    style == AlertStyle::Email && for_good.is_some()
}

/// Number of the attempt that is due at `now`, of a message that is to be sent from `since` on. `None`: one succeeded, all
/// failed, or the wait is not over.
pub(super) fn due_attempt(
    made: &[SendAttempt],
    target: &AlertTarget,
    since: Instant,
    now: Instant,
) -> Option<u32> {
    let is_over = |sent: &SendAttempt| sent.error.is_none() || is_refused(target.style, sent.status);
    if attempts(made, target).any(is_over) {
        return None;
    }
    let count = attempts(made, target).count();
    let last = attempts(made, target).map(|sent| sent.at).max().unwrap_or(since);
    let wait = WAITS.get(count)?;
    (last.0 + wait * SECOND <= now.0).then_some(count as u32 + 1)
}
