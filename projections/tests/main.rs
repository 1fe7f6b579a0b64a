//! The laws and models of the folds in one binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod claims;
mod common;
mod contributions;
mod crm;
mod dialer;
mod evidence;
mod explain;
mod heap;
mod laws;
mod naive;
mod naive_accounts;
mod restatements;
mod watch;
mod worked;
