//! One alert, folded from its facts in any order.

use std::sync::Arc;

use domain::facts::alert::AlertRaised;
use domain::keys::Position;
use domain::members::Instant;
use domain::words;

use crate::store::{Chain, heap_size};

words! {
    /// Where an alert stands.
    AlertState {
        /// What it speaks of goes on.
        Open = "open",
        /// It is over.
        Cleared = "cleared",
    }
}

#[derive(Debug, Clone)]
pub(super) struct Raised {
    pub(super) position: Position,
    pub(super) at: Instant,
    pub(super) rule: Box<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) window: Option<Box<str>>,
    pub(super) title: Box<str>,
    pub(super) figures: Box<[(Box<str>, Box<str>)]>,
}

heap_size!(Raised { rule, subject, window, title, figures; position, at });

#[derive(Debug, Clone)]
pub(super) struct Cleared {
    pub(super) position: Position,
    pub(super) at: Instant,
    pub(super) reason: Option<Box<str>>,
}

heap_size!(Cleared { reason; position, at });

/// An attempt to tell a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAttempt {
    /// Where its fact stands.
    pub position: Position,
    /// To whom.
    pub target_id: Box<str>,
    /// From 1.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// HTTP or SMTP status of the answer.
    pub status: Option<u32>,
    /// Why it failed; none where it was taken.
    pub error: Option<Box<str>>,
}

heap_size!(SendAttempt { target_id, error; position, attempt, at, status });

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: Box<str>,
    pub(super) raised: Option<Arc<Raised>>,
    pub(super) cleared: Option<Arc<Cleared>>,
    pub(super) attempts: Arc<Vec<SendAttempt>>,
    pub(super) facts: Chain,
}

heap_size!(Row { id, raised, cleared, attempts, facts });

impl Row {
    pub(super) fn state(&self) -> AlertState {
        if self.cleared.is_some() { AlertState::Cleared } else { AlertState::Open }
    }
}

pub(super) fn raised(body: &AlertRaised, position: Position, at: Instant) -> Raised {
    let text = |text: &Option<domain::members::Text>| text.as_ref().map(|text| text.as_str().into());
    Raised {
        position,
        at,
        rule: body.rule.as_str().into(),
        subject: text(&body.subject),
        window: text(&body.window),
        title: body.title.as_str().into(),
        figures: body.figures.iter().map(|f| (f.name.as_str().into(), f.value.as_str().into())).collect(),
    }
}
