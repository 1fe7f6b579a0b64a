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
    /// A person's claim (`lead_staged`) rather than an event's.
    pub by_hand: bool,
    /// When it happened, µs.
    pub occurred_at: i64,
    /// The fact's content digest, to break ties.
    pub content: [u8; 16],
}

impl Claim {
    /// Whether `self` stands when both are known.
    ///
    /// The latest claim by hand stands against events of equal or lower rank; among events the highest rank
    /// stands, and of equal ranks the earliest (an event never moves a lead back or sideways).
    pub fn stands_against(&self, other: &Self) -> bool {
        let time = |claim: &Self| (claim.occurred_at, claim.content);
        match (self.by_hand, other.by_hand) {
            (true, true) => time(self) > time(other),
            (true, false) => self.stage.rank() >= other.stage.rank(),
            (false, true) => self.stage.rank() > other.stage.rank(),
            (false, false) => {
                (self.stage.rank(), std::cmp::Reverse(time(self)))
                    > (other.stage.rank(), std::cmp::Reverse(time(other)))
            }
        }
    }
}

/// The stage of a lead with its best event claim and its latest claim by hand.
pub fn settle(event: Option<Claim>, by_hand: Option<Claim>) -> Stage {
    match (event, by_hand) {
        (None, None) => Stage::New,
        (Some(claim), None) | (None, Some(claim)) => claim.stage,
        (Some(event), Some(hand)) if event.stands_against(&hand) => event.stage,
        (Some(_), Some(hand)) => hand.stage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stage: Stage, at: i64) -> Claim {
        Claim { stage, by_hand: false, occurred_at: at, content: [0; 16] }
    }

    fn hand(stage: Stage, at: i64) -> Claim {
        Claim { by_hand: true, ..event(stage, at) }
    }

    #[test]
    fn given_events_of_equal_rank_when_both_known_then_the_earlier_stands() {
        let (bounced, unsubscribed) = (event(Stage::Bounced, 1), event(Stage::Unsubscribed, 2));
        assert!(bounced.stands_against(&unsubscribed) && !unsubscribed.stands_against(&bounced));
    }

    #[test]
    fn given_a_persons_stage_when_an_event_of_lower_or_equal_rank_comes_then_it_holds() {
        assert_eq!(
            settle(Some(event(Stage::Interested, 9)), Some(hand(Stage::Interested, 1))),
            Stage::Interested
        );
        assert_eq!(settle(Some(event(Stage::Replied, 9)), Some(hand(Stage::Quoting, 1))), Stage::Quoting);
        assert_eq!(settle(Some(event(Stage::Bounced, 9)), Some(hand(Stage::Quoting, 1))), Stage::Bounced);
        assert_eq!(settle(Some(event(Stage::Bounced, 9)), Some(hand(Stage::Won, 1))), Stage::Won);
    }

    #[test]
    fn given_two_claims_by_hand_when_both_known_then_the_later_stands_even_backwards() {
        assert!(hand(Stage::Quoting, 2).stands_against(&hand(Stage::Won, 1)));
    }
}
