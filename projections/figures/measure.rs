//! What the cells of days and months count or sum: one line each.

use domain::rules::outcomes::Outcome;

/// Makes the measures out of one table. A line's place in it is part of the digest of the model `month`: another
/// place is another version.
macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What a cell counts or sums.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Measure {
            $($(#[$doc])* $name,)+
            /// Calls by outcome.
            Outcome(Outcome),
        }

        /// Places of the measures in a cell, the outcomes last.
        enum Slot { $($name,)+ Outcomes }

        impl Measure {
            /// How many sums a cell has.
            pub const COUNT: usize = Slot::Outcomes as usize + Outcome::ALL.len();

            /// The measure's place among a cell's sums.
            pub fn slot(self) -> usize {
                match self {
                    $(Self::$name => Slot::$name as usize,)+
                    Self::Outcome(outcome) => Slot::Outcomes as usize + outcome as usize,
                }
            }
        }
    };
}

measures! {
    /// Calls, reported or disposed.
    Calls,
    /// Answered calls of counted directions.
    Answered,
    /// Qualified calls of counted directions.
    Qualified,
    /// Seconds of answered calls, whatever their direction.
    TalkSeconds,
    /// `email_sent` events.
    EmailsSent,
    /// `lead_replied` events.
    Replies,
    /// Distinct leads that replied.
    UniqueReplies,
    /// `lead_interested` events.
    Interested,
    /// Distinct leads, once for ever, when they were first interested.
    PositiveReplies,
    /// `email_bounced` events.
    Bounces,
    /// `lead_unsubscribed` events.
    Unsubscribes,
    /// Seconds of calls with a known duration, answered or not.
    KnownSeconds,
    /// Calls with a known duration.
    KnownDurations,
    /// Calls of counted directions.
    CountedCalls,
    /// Answered calls of any direction.
    AnsweredOfAll,
    /// Qualified calls of any direction.
    QualifiedOfAll,
}
