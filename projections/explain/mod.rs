//! Explaining figures (E2): which facts move a figure, by how much, and why others do not.
//!
//! A [`question::Question`] names a figure as its route serves it. A counted or summed one has a [`tally::FigureTally`]: the
//! shares that it sums. Each [`subjects::CountedSubject`] of its span adds an amount, read from the rows in memory, and
//! the amounts sum to the figure. [`refold::Refold`] folds a subject's facts again, one after the other in the order of
//! the log, and tells what each did; those deltas sum to the subject's amount.

pub mod accounts;
pub mod fields;
pub mod model;
pub mod moves;
pub mod question;
pub mod reasons;
pub mod records;
pub mod refold;
pub mod served;
pub mod subjects;
pub mod tally;
pub mod verdict;
pub mod voided;
pub mod what_if;
