//! Figures: cells that are sums of the rows' contributions (I10), and the formulas over them.

pub mod agent_metrics;
pub mod agents;
pub mod cells;
pub mod compare;
pub mod crm_stages;
pub mod directions;
pub mod gains;
pub mod lead_summary;
pub mod leaderboard;
pub mod measure;
pub mod money;
pub mod month;
pub mod pace;
pub mod pipeline;
pub mod provider_performance;
pub mod report;
pub mod restatements;
pub mod share;
pub mod sources;
pub mod watch;

pub use agents::{CallMetrics, CallSums};
pub use cells::{Cell, Cells};
pub use measure::Measure;
pub use share::{Amount, CellSpan, Share, Sums};
