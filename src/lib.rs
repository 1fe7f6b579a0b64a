//! Factfold: an event-sourced CQRS engine with projection-built read models.

pub mod ingest;
pub mod log;
pub mod store;
