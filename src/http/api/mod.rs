//! What routes are made of: needs and the gate, parameters and bodies, answers, problems, the API document.

pub mod answer;
pub mod auth;
pub mod body;
pub mod command;
pub mod csv_rows;
pub mod cursor;
pub mod document;
pub mod needs;
pub mod problem;
pub mod query;
pub mod read;
pub mod refusals;
pub mod routes;
pub mod tenant_access;
