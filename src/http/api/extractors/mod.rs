//! What handlers take as arguments: each extractor checks its part of the request before the handler runs.

mod access;
mod command;
mod global_list;
mod list;
mod moment;
mod read;

pub use access::{GlobalAccess, TenantAccess};
pub use command::{Command, CommandResponse, GlobalCommand};
pub use global_list::GlobalList;
pub use list::List;
pub use moment::{wait_for, wait_for_log};
pub use read::Read;
