//! The moment that a read asks for, in the query string of every route that reads models.

use std::time::Duration;

use domain::keys::Position;
use domain::members::Instant;

use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::app::App;
use crate::views::Moment;

/// Longest wait of a reader for a position that is not folded yet.
const MIN_POSITION_WAIT: Duration = Duration::from_secs(5);

parameters! {
    /// The moment that is asked for; with no parameter: now.
    MomentQuery {
        /// Waits up to 5 s until this position is folded. With the position from the answer of a write, the read sees that write.
        min_position: u64,
        /// The state as it was when the log ended at this position; 409 `position_ahead` where it has not come so far.
        as_of_position: u64,
        /// The state as it was known at this instant: facts recorded later are left out. While the log's last fact was recorded ahead of the clock the answer says `clock_ahead: true` (CSV: header `X-Clock-Ahead`).
        known_at: Instant,
        /// Only what had happened by this instant: facts that occurred later are left out.
        occurred_until: Instant,
    }
}

impl MomentQuery {
    /// The moment, as the views take it.
    pub fn moment(&self) -> Moment {
        Moment {
            as_of_position: self.as_of_position,
            known_at: self.known_at,
            occurred_until: self.occurred_until,
        }
    }

    /// Whether it asks for another moment than the present.
    pub fn is_past(&self) -> bool {
        self.moment() != Moment::default()
    }

    /// Whether a fact belongs to the moment.
    pub fn holds(&self, position: Position, recorded_at: Instant, occurred_at: Instant) -> bool {
        self.as_of_position.is_none_or(|as_of| position <= as_of)
            && self.known_at.is_none_or(|known_at| recorded_at <= known_at)
            && self.occurred_until.is_none_or(|until| occurred_at <= until)
    }
}

/// Refuses a moment that has not come: whoever names it knows another log, or a node that is further than this one, which
/// is waited for up to 5 s.
pub async fn not_ahead(app: &App, position: Option<Position>) -> Result<(), Problem> {
    let position = position.unwrap_or_default();
    wait_for_log(app, position).await;
    Problem::unless_ahead(position, app.engine.log.head().position)
}

/// On a node of several, waits up to 5 s until its log has what a client knows from another node.
pub async fn wait_for_log(app: &App, position: Position) {
    if app.engine.log.engine_status().is_some() {
        let mut heads = app.engine.log.heads();
        let there = heads.wait_for(|head| head.position >= position);
        // Where it does not come, the caller says so.
        let _ = tokio::time::timeout(MIN_POSITION_WAIT, there).await;
    }
}

/// Waits up to 5 s until `position` is folded, then 503.
pub async fn wait_for(app: &App, position: Option<Position>) -> Result<(), Problem> {
    match position {
        Some(position) if !app.engine.views.wait_for(position, MIN_POSITION_WAIT).await => {
            let detail = format!("the read models have not reached position {position} yet; try again");
            Err(Problem::unavailable("not_folded", detail, 1))
        }
        Some(_) | None => Ok(()),
    }
}
