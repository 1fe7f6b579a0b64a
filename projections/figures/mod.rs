//! Figures: cells that are sums of the rows' contributions (I10), and the formulas over them.

pub mod agents;
pub mod cells;
pub mod crm_stages;
pub mod lead_summary;
pub mod month;
pub mod pipeline;

pub use agents::{CallMetrics, CallSums};
pub use cells::{Cell, Cells, Measure, Share, When};
