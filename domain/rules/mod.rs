//! The rules: pure functions over facts and configuration, each with its cases under it.

pub mod alerts;
pub mod calendar;
pub mod call_requests;
pub mod configuration;
pub mod decision;
pub mod minor_units;
pub mod money;
pub mod outcomes;
pub mod pace;
pub mod persons;
pub mod qualification;
pub mod quarantine;
pub mod rates;
pub mod reply_rate;
pub mod reports;
pub mod session;
pub mod stages;
