//! Rows of a list as CSV (F4): a column for each member of the JSON rows, nested members too; lists are JSON text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{RefOr, Schema};

use crate::spreadsheet;

/// A column: the names that lead to its member, and whether the member is a map whose keys only the rows know.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    path: Vec<String>,
    is_map: bool,
}

impl Column {
    fn name(&self) -> String {
        self.path.join(".")
    }

    fn of<'v>(&self, row: &'v Value) -> Option<&'v Value> {
        self.path.iter().try_fold(row, |value, name| value.get(name))
    }

    fn under(&self, key: &str) -> Self {
        let path = self.path.iter().map(String::as_str).chain([key]).map(str::to_owned).collect();
        Self { path, is_map: false }
    }
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// Of a row type, in the order of its members, `date` first; a nested member is `parent.member`.
    pub fn of<T: ToSchema>() -> Self {
        let mut named = Vec::new();
        T::schemas(&mut named);
        let named = named.into_iter().collect();
        let mut found = Vec::new();
        walk(&T::schema(), &[], &named, &mut found);
        found.sort_by_key(|column| column.path != ["date"]);
        Self(found)
    }

    /// With a column for each key that a map has in any of the rows, which are all there are.
    pub fn with_keys_of(self, rows: &[Value]) -> Self {
        let widen = |column: Column| {
            let maps = rows.iter().filter(|_| column.is_map).filter_map(|row| column.of(row)?.as_object());
            let keys: BTreeSet<&String> = maps.flat_map(|map| map.keys()).collect();
            if keys.is_empty() {
                vec![column]
            } else {
                keys.into_iter().map(|key| column.under(key)).collect()
            }
        };
        Self(self.0.into_iter().flat_map(widen).collect())
    }
}

fn walk(
    schema: &RefOr<Schema>,
    path: &[String],
    named: &BTreeMap<String, RefOr<Schema>>,
    found: &mut Vec<Column>,
) {
    let leaf = |is_map| Column { path: path.to_vec(), is_map };
    let under = |name: &str| [path, &[name.to_owned()]].concat();
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(to) => {
            match to.ref_location.rsplit('/').next().and_then(|to| named.get(to)) {
                Some(to) => walk(to, path, named, found),
                None => found.push(leaf(false)),
            }
            return;
        }
    };
    match schema {
        Schema::Object(object) if !object.properties.is_empty() => {
            for (member, schema) in &object.properties {
                walk(schema, &under(member), named, found);
            }
        }
        Schema::Object(object) => match object.additional_properties.as_deref() {
            Some(AdditionalProperties::RefOr(values)) => {
                let keys = object.property_names.as_deref().map(words).unwrap_or_default();
                if keys.is_empty() {
                    found.push(leaf(true));
                }
                keys.iter().for_each(|key| walk(values, &under(key), named, found));
            }
            Some(AdditionalProperties::FreeForm(_)) | None => found.push(leaf(false)),
        },
        // Flattened members stand in front there, and behind the row's own in the row.
        Schema::AllOf(all) => {
            let (own, flat): (Vec<_>, Vec<_>) =
                all.items.iter().partition(|part| matches!(part, RefOr::T(_)));
            own.into_iter().chain(flat).for_each(|part| walk(part, path, named, found));
        }
        // A nullable member is one of null and its type.
        Schema::OneOf(one) => match one.items.iter().find(|item| matches!(item, RefOr::Ref(_))) {
            Some(something) => walk(something, path, named, found),
            None => found.push(leaf(false)),
        },
        _ => found.push(leaf(false)),
    }
}

/// The words of a closed set.
fn words(names: &Schema) -> Vec<String> {
    let Schema::Object(names) = names else { return Vec::new() };
    let words = names.enum_values.iter().flatten().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}

/// The rows, under a header line where `header` is: an empty list has one too.
pub fn write(columns: &Columns, rows: &[Value], header: bool) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if header {
        out.write_record(columns.0.iter().map(|column| spreadsheet::cell(&column.name()).into_owned()))?;
    }
    for row in rows {
        out.write_record(columns.0.iter().map(|column| cell(column.of(row))))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => spreadsheet::cell(text).into_owned(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Row {
        name: String,
        #[schema(required)]
        lead: Option<Lead>,
        seconds: Option<u32>,
        tags: Vec<String>,
        spent: Option<BTreeMap<String, i64>>,
        date: String,
    }

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Lead {
        id: u64,
        email: String,
    }

    fn text(columns: &Columns, rows: &[Value], header: bool) -> String {
        String::from_utf8(write(columns, rows, header).expect("csv")).expect("utf-8")
    }

    #[test]
    fn f4_nested_members_have_dots_and_the_order_is_that_of_the_row_but_the_date_comes_first() {
        let names = "date,name,lead.id,lead.email,seconds,tags,spent\n";
        assert_eq!(text(&Columns::of::<Row>(), &[], true), names);
    }

    #[test]
    fn f4_formulas_are_texts_and_the_header_stands_alone() {
        let columns = Columns::of::<Row>();
        let rows = [
            json!({"name": "=1+1", "lead": {"id": -7, "email": "@a"}, "seconds": 5, "tags": ["a,b", "c"]}),
            json!({"name": "a\nb", "lead": null, "seconds": null, "tags": []}),
        ];
        assert_eq!(
            text(&columns, &rows, false),
            ",'=1+1,-7,'@a,5,\"[\"\"a,b\"\",\"\"c\"\"]\",\n,\"a\nb\",,,,[],\n"
        );
    }

    #[test]
    fn f4_a_map_has_a_column_for_each_key_of_any_row() {
        let rows =
            [json!({"spent": {"USD": 5}}), json!({"spent": {"EUR": -7, "USD": 0}}), json!({"spent": null})];
        let columns = Columns::of::<Row>().with_keys_of(&rows);
        let table = text(&columns, &rows, true);
        assert_eq!(
            table,
            "date,name,lead.id,lead.email,seconds,tags,spent.EUR,spent.USD\n,,,,,,,5\n,,,,,,-7,0\n,,,,,,,\n"
        );
    }
}
