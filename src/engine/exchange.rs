//! The exchange of deliveries over what the log's engine keeps beside the log.

use bytes::Bytes;

use super::shared_log::shared_log;
use crate::config::LogSettings;
use crate::deliveries::{ConnectExchange, Exchange};
use crate::log::engines::{SharedLogError, SideLog};

struct SideExchange(Box<dyn SideLog>);

fn told(error: SharedLogError) -> String {
    error.to_string()
}

impl Exchange for SideExchange {
    fn publish(&mut self, message: &[u8]) -> Result<(), String> {
        self.0.publish(message).map_err(told)
    }

    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, String> {
        self.0.after(cursor).map_err(told)
    }

    fn end(&mut self) -> Result<u64, String> {
        self.0.end().map_err(told)
    }
}

/// How deliveries reach the other nodes; none where the log is this node's alone.
pub(super) fn exchange(settings: &LogSettings) -> Option<ConnectExchange> {
    let engine = shared_log(settings, settings.engine)?;
    Some(Box::new(move || match engine.side_log() {
        Ok(side) => Ok(Box::new(SideExchange(side)) as Box<dyn Exchange>),
        Err(error) => Err(told(error)),
    }))
}
