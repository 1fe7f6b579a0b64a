//! A month's figures by name, to be compared one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::figures::month::Figures;

/// A figure where it is given. A count that is left out is 0; what is observed is null until it is.
pub(super) fn value(name: &str, given: Option<&Value>, other: Option<&Value>) -> Value {
    match given {
        Some(value) => value.clone(),
        None if is_count(name) && other.is_some_and(Value::is_i64) => 0.into(),
        None => Value::Null,
    }
}

fn is_count(name: &str) -> bool {
    name.starts_with("outcomes.") || name.starts_with("by_agent[")
}

/// The figures by name, those of agents under the agent's.
pub(super) fn flat(figures: &Figures) -> BTreeMap<Arc<str>, Value> {
    let mut found = BTreeMap::new();
    if let Ok(value) = serde_json::to_value(figures) {
        flatten(String::new(), value, &mut found);
    }
    found
}

fn flatten(name: String, value: Value, found: &mut BTreeMap<Arc<str>, Value>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member } else { format!("{name}.{member}") };
                flatten(name, value, found);
            }
        }
        Value::Array(rows) => {
            for mut row in rows {
                let agent = row.as_object_mut().and_then(|row| row.remove("agent"));
                let agent = agent.as_ref().and_then(Value::as_str).unwrap_or_default();
                flatten(format!("{name}[{agent}]"), row, found);
            }
        }
        Value::Null | Value::Number(_) => {
            found.insert(name.into(), value);
        }
        // Dates and spans that stand beside a figure are no figures.
        Value::Bool(_) | Value::String(_) => {}
    }
}
