//! Where an outreach lead stands (D3): stages have ranks, and nothing but a higher rank moves a lead.

use crate::facts::outreach::LeadStage;
use crate::words;

words! {
    /// A lead's stage.
    Stage {
        New = "new",
        Replied = "replied",
        Interested = "interested",
        Quoting = "quoting",
        FollowUp = "follow_up",
        Won = "won",
        Lost = "lost",
        Unsubscribed = "unsubscribed",
        Bounced = "bounced",
    }
}

impl Stage {
    /// new 0, replied 1, interested 2, quoting = follow_up 3, the ends 4.
    pub fn rank(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Replied => 1,
            Self::Interested => 2,
            Self::Quoting | Self::FollowUp => 3,
            Self::Won | Self::Lost | Self::Unsubscribed | Self::Bounced => 4,
        }
    }
}

impl From<LeadStage> for Stage {
    fn from(stage: LeadStage) -> Self {
        match stage {
            LeadStage::Interested => Self::Interested,
            LeadStage::Quoting => Self::Quoting,
            LeadStage::FollowUp => Self::FollowUp,
            LeadStage::Won => Self::Won,
            LeadStage::Lost => Self::Lost,
        }
    }
}

/// One claim on a lead's stage, with what orders claims whatever way they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The stage claimed.
    pub stage: Stage,
    /// When it happened, µs.
    pub occurred_at: i64,
    /// The fact's content digest, to break ties.
    pub content: [u8; 16],
}

impl Claim {
    /// Whether `self` moves a lead further than `other`, both of events: the highest rank stands, and of equal
    /// ranks the earliest, for an event never moves a lead back or sideways.
    pub fn moves_past(&self, other: &Self) -> bool {
        let earliest = |claim: &Self| std::cmp::Reverse((claim.occurred_at, claim.content));
        (self.stage.rank(), earliest(self)) > (other.stage.rank(), earliest(other))
    }

    /// Whether `self` is a person's later word than `other`.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let time = |claim: &Self| (claim.occurred_at, claim.stage.rank(), claim.content);
        time(self) > time(other)
    }

    /// Whether `self`, of an event, moves a lead on from where a person put it: a later one of higher rank does.
    /// What happened before, the person knew.
    pub fn moves_on_from(&self, by_hand: &Self) -> bool {
        self.stage.rank() > by_hand.stage.rank() && self.occurred_at >= by_hand.occurred_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(stage: Stage, at: i64) -> Claim {
        Claim { stage, occurred_at: at, content: [0; 16] }
    }

    #[test]
    fn d3_given_events_when_both_known_then_the_higher_rank_and_of_equal_ones_the_earlier_stands() {
        let (bounced, unsubscribed) = (claim(Stage::Bounced, 1), claim(Stage::Unsubscribed, 2));
        assert!(bounced.moves_past(&unsubscribed) && !unsubscribed.moves_past(&bounced));
        assert!(claim(Stage::Interested, 9).moves_past(&claim(Stage::Replied, 1)));
    }

    #[test]
    fn d3_given_a_persons_stage_when_an_event_of_lower_or_equal_rank_comes_then_it_holds() {
        let moves = |event, by_hand| claim(event, 9).moves_on_from(&claim(by_hand, 1));
        assert!(!moves(Stage::Interested, Stage::Interested) && !moves(Stage::Replied, Stage::Quoting));
        assert!(moves(Stage::Bounced, Stage::Quoting) && !moves(Stage::Bounced, Stage::Won));
    }

    #[test]
    fn d3_given_an_event_before_a_persons_stage_then_the_person_knew_and_it_holds() {
        assert!(!claim(Stage::Bounced, 1).moves_on_from(&claim(Stage::Quoting, 2)));
        assert!(claim(Stage::Bounced, 2).moves_on_from(&claim(Stage::Quoting, 2)), "at once: by rank");
    }

    #[test]
    fn d3_given_two_claims_by_hand_when_both_known_then_the_later_stands_even_backwards() {
        assert!(claim(Stage::Quoting, 2).is_later_than(&claim(Stage::Won, 1)));
        assert!(claim(Stage::Won, 2).is_later_than(&claim(Stage::Quoting, 2)), "at once: by rank");
    }
}
