//! Fields of sender accounts and of email providers' performance.

use super::FieldKind;
use crate::entities::sender_accounts::told::{AccountState, Counter};
use crate::explain::accounts::{GainSum, GainTally, MailboxTally};
use crate::explain::model::FigureSelection;
use crate::explain::tally::{FigureTally, TallyOf, TallySpan};

fn mailboxes(tally: MailboxTally) -> FieldKind {
    FieldKind::Sum(FigureTally::new(TallyOf::Mailboxes(tally), TallySpan::Ever))
}

/// A field of `/sender-accounts/status`.
pub fn standing(field: &str) -> Option<FieldKind> {
    let standing = |state| mailboxes(MailboxTally::Standing(state));
    Some(match field {
        "accounts" => standing(None),
        "connected" => standing(Some(AccountState::Connected)),
        "disconnected" => standing(Some(AccountState::Disconnected)),
        "disconnect_rate" => {
            FieldKind::derived("disconnected / accounts, percent", &["disconnected", "accounts"], "percent")
        }
        _ => return None,
    })
}

/// Names of those fields.
pub fn names_of_standing() -> Vec<String> {
    ["accounts", "connected", "disconnected", "disconnect_rate"].map(str::to_owned).to_vec()
}

/// A field of a row of `/provider-performance`.
pub fn performance(field: &str, selection: &FigureSelection) -> Option<FieldKind> {
    let day = selection.day?;
    let provider = selection.email_provider.clone();
    let gains = |sum, over_spans| {
        let tally = GainTally { sum, day, provider: provider.clone(), over_spans };
        FieldKind::Sum(FigureTally::new(TallyOf::Gains(tally), TallySpan::Days(day, day)))
    };
    Some(match field {
        "accounts" => mailboxes(MailboxTally::There { day, provider: provider.clone() }),
        "measured_accounts" => gains(GainSum::Measured, false),
        "sends" => gains(GainSum::Gained(Counter::Sends), false),
        "replies" => gains(GainSum::Gained(Counter::Replies), false),
        "bounces" => gains(GainSum::Gained(Counter::Bounces), false),
        "resets" => gains(GainSum::Resets, false),
        "reply_rate" => FieldKind::derived("replies / sends, percent", &["replies", "sends"], "percent"),
        "span" | "span.from" | "span.to" => FieldKind::derived(
            "the days between readings that are more than a day apart",
            &["span.sends", "span.replies", "span.bounces"],
            "days",
        ),
        "span.sends" => gains(GainSum::Gained(Counter::Sends), true),
        "span.replies" => gains(GainSum::Gained(Counter::Replies), true),
        "span.bounces" => gains(GainSum::Gained(Counter::Bounces), true),
        _ => return None,
    })
}

/// Names of those fields.
pub fn names_of_performance() -> Vec<String> {
    let names = ["accounts", "measured_accounts", "sends", "replies", "bounces", "resets", "reply_rate"];
    let spans = ["span", "span.sends", "span.replies", "span.bounces"];
    names.into_iter().chain(spans).map(str::to_owned).collect()
}
