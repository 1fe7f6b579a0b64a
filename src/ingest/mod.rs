//! The one way in: bytes → envelopes → log. No web server and no index in here.

pub mod delivery;
pub mod directory;
pub mod provider;
pub mod providers;
