//! Providers by name: the presets, one line each, and the mappings that the configuration describes.

pub mod callrail;
pub mod ctm;
pub mod emailbison;
mod facts;
pub mod generic;
pub mod listed;
pub mod twilio;

use std::collections::HashMap;

use serde_json::Value;

use self::generic::Mapping;
use self::listed::{ListContext, ListedRow};
use super::error::MappingFailure;
use super::provider::ProviderAdapter;

/// The providers whose dialect is built in.
pub const PRESETS: &[&dyn ProviderAdapter] =
    &[&twilio::PRESET, &callrail::PRESET, &ctm::PRESET, &emailbison::PRESET];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static dyn ProviderAdapter> {
    PRESETS.iter().copied().find(|provider| provider.name() == name)
}

/// Maps a row of the list of calls of the provider of that name; none where it has no such list.
pub fn map_row(
    provider: &str,
    row: &Value,
    context: ListContext<'_>,
) -> Option<Result<ListedRow, MappingFailure>> {
    Some(match provider {
        "callrail" => callrail::listed(row, context),
        "ctm" => ctm::listed(row, context),
        "twilio" => twilio::listed(row, context),
        _ => return None,
    })
}

/// Providers by name: presets, and mappings of the configuration beside them. A reload builds another one.
#[derive(Debug, Default)]
pub struct Registry {
    mappings: HashMap<String, Mapping>,
}

impl Registry {
    /// A registry of the presets and these mappings.
    pub fn new(mappings: Vec<Mapping>) -> Self {
        Self { mappings: mappings.into_iter().map(|mapping| (mapping.name.clone(), mapping)).collect() }
    }

    /// The name of every provider.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        PRESETS.iter().map(|preset| preset.name()).chain(self.mappings.keys().map(String::as_str))
    }

    /// The provider of that name; a preset comes before a mapping.
    pub fn provider(&self, name: &str) -> Option<&dyn ProviderAdapter> {
        match preset(name) {
            Some(provider) => Some(provider),
            None => self.mappings.get(name).map(|mapping| mapping as &dyn ProviderAdapter),
        }
    }
}
