//! What routes are made of: needs and the gate, extractors, rendered answers, problems, the API document.

pub mod admission;
pub mod auth;
pub mod blocking;
pub mod body;
pub mod cluster_nodes;
pub mod common_responses;
pub mod csv;
pub mod cursor;
pub mod day_range;
pub mod decompression;
pub mod engine_problems;
pub mod explain_query;
pub mod extractors;
pub mod json_body;
mod kinds;
pub mod needs;
pub mod negotiation;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod rendered;
pub mod representation;
pub mod right;
pub mod routes;
pub mod unassigned;
pub mod unkept;
pub mod whole_list;
