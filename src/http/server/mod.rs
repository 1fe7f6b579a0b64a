//! Connections and what holds for every request, whatever its route.

pub mod client_address;
pub mod connections;
pub mod cors;
pub mod edge;
pub mod front;
pub mod limits;
pub mod lingering_close;
pub mod observability;
pub mod places;
pub mod serve;
pub mod shares;
pub mod workers;
pub mod write_timeout;
