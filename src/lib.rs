//! Factfold: an event-sourced CQRS engine with projection-built read models.

pub mod log;
pub mod store;
pub mod views;
