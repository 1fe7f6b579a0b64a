//! Outcomes of calls and attempts (C2, C4), and what counts as a pickup (C5).

use crate::words;

words! {
    /// What came of a call or attempt; stored with hyphens, underscores understood (RULINGS, Outcomes).
    Outcome {
        Connected = "connected",
        Voicemail = "voicemail",
        NoAnswer = "no-answer",
        Busy = "busy",
        Callback = "callback",
        NotInterested = "not-interested",
        WrongNumber = "wrong-number",
        Dnc = "dnc",
        Failed = "failed",
        AppointmentSet = "appointment-set",
        Skipped = "skipped",
    }
}

impl Outcome {
    /// `appointment-set` counts as connected.
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Connected | Self::AppointmentSet)
    }

    /// Somebody or something picked up.
    pub fn is_pickup(self) -> bool {
        self.is_connected() || self == Self::Voicemail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_any_spelling_when_read_then_hyphens() {
        for given in ["no-answer", "no_answer", "No Answer", " NO_ANSWER "] {
            assert_eq!(Outcome::parse(given).map(Outcome::as_str), Some("no-answer"), "{given:?}");
        }
        assert_eq!(Outcome::parse("answered"), None);
    }

    #[test]
    fn given_voicemail_when_counted_then_a_pickup_but_not_connected() {
        assert!(Outcome::Voicemail.is_pickup() && !Outcome::Voicemail.is_connected());
        assert!(Outcome::AppointmentSet.is_pickup() && Outcome::AppointmentSet.is_connected());
        assert!(!Outcome::Busy.is_pickup());
    }
}
