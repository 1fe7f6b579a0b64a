//! The rules: pure functions over facts and configuration, each with its cases under it.

pub mod calendar;
pub mod configuration;
pub mod decision;
pub mod outcomes;
pub mod qualification;
pub mod rates;
pub mod reports;
pub mod session;
pub mod stages;
