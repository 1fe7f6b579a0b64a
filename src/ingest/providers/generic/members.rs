//! The members of a mapped body: plain ones, those of objects within it, lists of objects, and money.

use domain::members::Currency;
use domain::rules::minor_units::minor_units;
use serde_json::{Map, Value};

use super::field::{EventContext, Field, Path, ReadAs};
use crate::ingest::error::{MappingFailure, Reason};

/// The members of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    /// Each with its way into the object.
    pub fields: Vec<(Vec<String>, Field)>,
    /// Lists of objects.
    pub rows: Vec<Rows>,
}

/// A member that is a list of objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Its way into the object.
    pub path: Vec<String>,
    /// The list in the event.
    pub each: Path,
    /// The members of each object, read from one item of the list.
    pub members: Members,
}

/// The name of the member that says in which currency the amounts beside it are.
pub const CURRENCY: &str = "currency";

impl Members {
    /// Every field, those of objects in lists too.
    pub fn all_fields(&self) -> Box<dyn Iterator<Item = &Field> + '_> {
        let inner = self.rows.iter().flat_map(|rows| rows.members.all_fields());
        Box::new(self.fields.iter().map(|(_, field)| field).chain(inner))
    }

    /// Reads them from an event.
    ///
    /// # Errors
    /// One is there and cannot be read, or a list is not there: an absent one is no empty one (L8).
    pub fn read(&self, source: &EventContext<'_>) -> Result<Map<String, Value>, MappingFailure> {
        let mut object = Map::new();
        for (path, field) in &self.fields {
            if let Some(value) = field.read(source)? {
                put(&mut object, path, value);
            }
        }
        for (path, _) in self.fields.iter().filter(|(_, field)| field.read_as == ReadAs::Decimal) {
            amount(&mut object, path)?;
        }
        for rows in &self.rows {
            let Some(found) = rows.each.find(source).filter(|found| !found.is_null()) else {
                let told = format!("{}: the list is not there", rows.each);
                return Err(MappingFailure::new(Reason::MissingField, told));
            };
            let Value::Array(items) = found else {
                let told = format!("{}: must be a list", rows.each);
                return Err(MappingFailure::new(Reason::MalformedField, told));
            };
            let read = |item| rows.members.read(&EventContext { item, ..*source }).map(Value::Object);
            put(&mut object, &rows.path, items.iter().map(read).collect::<Result<_, _>>()?);
        }
        Ok(object)
    }
}

/// Makes minor units of the amount at `path`, by the currency beside it.
fn amount(object: &mut Map<String, Value>, path: &[String]) -> Result<(), MappingFailure> {
    let [within @ .., name] = path else { return Ok(()) };
    let mut members = object;
    for name in within {
        match members.get_mut(name) {
            Some(Value::Object(inner)) => members = inner,
            Some(_) | None => return Ok(()),
        }
    }
    // What a table or a default gives as a number is in minor units already.
    let Some(Value::String(given)) = members.get(name) else { return Ok(()) };
    let failed = |reason, told: String| MappingFailure::new(reason, format!("/{}: {told}", path.join("/")));
    let Some(code) = members.get(CURRENCY).and_then(Value::as_str) else {
        return Err(failed(Reason::MissingField, "its currency is not given".into()));
    };
    let currency = Currency::parse(code)
        .ok_or_else(|| failed(Reason::MalformedField, format!("{code:?} is not a currency such as USD")))?;
    let minor = minor_units(given, currency).ok_or_else(|| {
        failed(Reason::MalformedField, format!("{given:?} is not an amount such as 1234.50"))
    })?;
    members.insert(name.clone(), minor.into());
    Ok(())
}

/// Puts a value at its place among objects within objects.
pub(crate) fn put(members: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(members.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
