//! Factfold: an event-sourced CQRS engine with projection-built read models.

pub mod access;
pub mod auditor;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod deliveries;
pub mod directory;
pub mod engine;
pub mod follow;
pub mod http;
pub mod ingest;
pub mod log;
pub mod outbound;
pub mod proof;
mod spreadsheet;
pub mod standins;
pub mod store;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod ticker;
pub mod views;
pub mod worker;
