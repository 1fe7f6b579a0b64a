//! What routes are made of: needs and the gate, parameters and bodies, answers, problems, the API document.

pub mod auth;
pub mod body;
pub mod command;
pub mod common_responses;
pub mod csv;
pub mod cursor;
pub mod needs;
pub mod negotiation;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod read;
pub mod routes;
pub mod tenant_access;
