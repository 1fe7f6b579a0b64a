//! The vocabulary of Factfold: keys, records, facts and rules. No IO, no clock, no environment.

pub mod body;
pub mod codec;
pub mod description;
pub mod envelope;
pub mod facts;
pub mod json;
pub mod keys;
pub mod members;
pub mod record;
pub mod rules;
