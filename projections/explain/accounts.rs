//! Sender accounts that a figure counts or sums: what their counters gained, and where mailboxes stand.

use domain::members::Day;
use domain::rules::configuration::Timeline;

use crate::entities::sender_accounts::list::{Mailbox, mailboxes};
use crate::entities::sender_accounts::row::{AccountMember, AccountRow};
use crate::entities::sender_accounts::told::{AccountState, Counter};
use crate::figures::gains::Counters;
use crate::store::Symbol;
use crate::tenant::Tenant;

/// What of gains is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GainSum {
    /// How much a counter gained.
    Gained(Counter),
    /// Accounts whose sends are known.
    Measured,
    /// How often sends had begun anew.
    Resets,
}

/// A figure over what accounts at one email provider gained on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GainTally {
    /// What.
    pub sum: GainSum,
    /// The day.
    pub day: Day,
    /// The email provider; none: accounts of which it was not told.
    pub provider: Option<String>,
    /// Over spans of several days that cannot be told apart, and not over the day alone.
    pub over_spans: bool,
}

impl GainTally {
    fn of(&self, counters: &Counters) -> i128 {
        match self.sum {
            GainSum::Gained(counter) => counters[counter as usize].amount,
            GainSum::Measured => counters[Counter::Sends as usize].accounts.into(),
            GainSum::Resets => counters[Counter::Sends as usize].resets.into(),
        }
    }

    /// The tally with its email provider looked up among the accounts of `tenant`.
    pub fn bind(&self, tenant: &Tenant) -> BoundGains<'_> {
        let strings = tenant.sender_accounts.rows.strings();
        let provider = self.provider.as_deref().map(|provider| strings.find(provider));
        BoundGains { tally: self, provider }
    }

    /// What it comes to.
    pub fn value(&self, tenant: &Tenant) -> i128 {
        let (accounts, gains) = (&tenant.sender_accounts.rows, &tenant.sender_accounts.figures);
        let wanted = |provider: Option<Symbol>| accounts.texts().maybe(provider) == self.provider.as_deref();
        if self.over_spans {
            let spans = gains.spans(self.day, self.day).filter(|(_, _, provider, _)| wanted(*provider));
            return spans.map(|(_, _, _, counters)| self.of(counters)).sum();
        }
        let days = gains.days(self.day, self.day).filter(|(_, provider, _)| wanted(*provider));
        days.map(|(_, _, counters)| self.of(counters)).sum()
    }
}

/// A tally and the symbol of its email provider: none where it is over accounts of which none was told, and within it none
/// where no account is at it.
#[derive(Debug)]
pub struct BoundGains<'q> {
    tally: &'q GainTally,
    provider: Option<Option<Symbol>>,
}

impl BoundGains<'_> {
    /// Whether an account is at the email provider.
    pub fn is_of(&self, account: &AccountRow) -> bool {
        match self.provider {
            None => account.email_provider().is_none(),
            Some(wanted) => wanted.is_some() && account.email_provider() == wanted,
        }
    }

    /// What an account adds: of its readings, only those around the day are looked at.
    pub fn amount(&self, account: &AccountRow, timeline: &Timeline) -> i128 {
        if !self.is_of(account) {
            return 0;
        }
        let GainTally { sum, day, over_spans, .. } = *self.tally;
        let at = timeline.latest().zone.range(day, day).start;
        let mut amount = 0;
        account.gains_around(at, timeline, |gain| {
            let is_single = gain.from == gain.to;
            if is_single == over_spans || day < gain.from || gain.to < day {
                return;
            }
            amount += match sum {
                GainSum::Gained(counter) if gain.counter == counter => gain.amount.into(),
                GainSum::Measured if gain.counter == Counter::Sends => 1,
                GainSum::Resets if gain.counter == Counter::Sends => gain.resets.into(),
                GainSum::Gained(_) | GainSum::Measured | GainSum::Resets => 0,
            };
        });
        amount
    }
}

/// A figure over mailboxes: one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxTally {
    /// Those that stand so now; any that are not removed where none is given.
    Standing(Option<AccountState>),
    /// Those at an email provider that there were on a day.
    There {
        /// The day.
        day: Day,
        /// The email provider; none: mailboxes of which it was not told.
        provider: Option<String>,
    },
}

impl MailboxTally {
    /// What a mailbox adds.
    pub fn amount(&self, tenant: &Tenant, mailbox: &Mailbox<'_>) -> i128 {
        let (order, state) = mailbox.state();
        match self {
            Self::Standing(Some(wanted)) => i128::from(state == *wanted),
            Self::Standing(None) => i128::from(state != AccountState::Removed),
            Self::There { day, provider } => {
                let told = mailbox.member(AccountMember::EmailProvider);
                if tenant.sender_accounts.rows.texts().maybe(told) != provider.as_deref() {
                    return 0;
                }
                let timeline = &tenant.profile.timeline;
                let came = timeline.at(mailbox.first_at()).1 <= *day;
                let is_removed = state == AccountState::Removed;
                let went = is_removed && timeline.at(order.occurred_at()).1 <= *day;
                i128::from(came) - i128::from(went)
            }
        }
    }

    /// What it comes to.
    pub fn value(&self, tenant: &Tenant) -> i128 {
        mailboxes(&tenant.sender_accounts.rows).map(|(_, mailbox)| self.amount(tenant, &mailbox)).sum()
    }
}
