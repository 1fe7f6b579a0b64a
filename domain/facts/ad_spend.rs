//! Facts of ad spend: what an account had spent on a day, when it was read.

use crate::codec::PersonHasher;
use crate::facts::{Subject, part};
use crate::members::{Currency, Day, Text};
use crate::{body, group};

body! {
    /// `ad_spend_observed`: a newer one of the same account and date replaces it (A6).
    AdSpendObserved {
        public {
            /// `google_ads`, `meta`, ….
            required source: Text;
            /// The source's account.
            required account_id: Text;
            /// The day in the account's zone.
            required date: Day;
            /// Spent, minor units.
            required amount_minor: i64;
            /// Of the account.
            required currency: Currency;
        }
    }
}

group! {
    /// Facts of ad spend.
    AdSpendFact = 6 {
        1 "ad_spend_observed" Observed(AdSpendObserved),
    }
}

impl Subject for AdSpendFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let Self::Observed(body) = self;
        format!("spend/{}/{}/{}", part(body.source.as_str()), part(body.account_id.as_str()), body.date)
    }
}
