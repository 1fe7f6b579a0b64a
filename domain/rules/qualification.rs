//! Which calls are qualified, and why not (A4).

use crate::words;

words! {
    /// A call's verdict.
    Verdict { Qualified = "qualified", Unqualified = "unqualified" }
}

words! {
    /// Why a call is counted as qualified or is not.
    Reason {
        RulesSatisfied = "rules_satisfied",
        NotAnswered = "not_answered",
        ShortDuration = "short_duration",
        /// The call qualifies, and its direction is one that the tenant's figures do not count (RULINGS).
        DirectionNotCounted = "direction_not_counted",
    }
}

/// Qualified ⇔ answered and at least `min_seconds`; answered without a duration is `short_duration`.
pub fn qualify(answered: bool, duration_seconds: Option<u32>, min_seconds: u32) -> (Verdict, Reason) {
    match (answered, duration_seconds) {
        (false, _) => (Verdict::Unqualified, Reason::NotAnswered),
        (true, Some(seconds)) if seconds >= min_seconds => (Verdict::Qualified, Reason::RulesSatisfied),
        (true, _) => (Verdict::Unqualified, Reason::ShortDuration),
    }
}

impl Reason {
    /// The reason as served: of a qualified call whose direction is not counted, that.
    pub fn of_figure(self, counts_direction: bool) -> Self {
        match self {
            Self::RulesSatisfied if !counts_direction => Self::DirectionNotCounted,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_calls_around_the_threshold_when_judged_then_the_threshold_itself_qualifies() {
        let verdicts = [
            ((true, Some(45)), (Verdict::Qualified, Reason::RulesSatisfied)),
            ((true, Some(30)), (Verdict::Qualified, Reason::RulesSatisfied)),
            ((true, Some(29)), (Verdict::Unqualified, Reason::ShortDuration)),
            ((true, None), (Verdict::Unqualified, Reason::ShortDuration)),
            ((false, Some(45)), (Verdict::Unqualified, Reason::NotAnswered)),
            ((false, None), (Verdict::Unqualified, Reason::NotAnswered)),
        ];
        for ((answered, duration), verdict) in verdicts {
            assert_eq!(qualify(answered, duration, 30), verdict, "{answered} {duration:?}");
        }
        assert_eq!(qualify(true, Some(0), 0).0, Verdict::Qualified);
    }
}
