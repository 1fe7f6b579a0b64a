//! The vocabulary of Factfold: keys, records, facts and rules. No IO, no clock, no environment.

pub mod keys;
pub mod record;
