//! Sessions that were left time out (C1).

use domain::rules::decision::NewFact;

use crate::ticker::Situation;

/// One time-out for each session whose last activity is too long ago.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    situation.view.session_time_outs(situation.now)
}
