//! Rows of a list as CSV (F4): the members of the JSON rows, nested members with dots, lists as JSON text.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// The columns of a row type, in the order of its members; a nested member is `parent.member`.
pub fn columns<T: ToSchema>() -> Vec<String> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let named = named.into_iter().collect();
    let mut found = Vec::new();
    walk(&T::schema(), "", &named, &mut found);
    found
}

fn walk(
    schema: &RefOr<Schema>,
    name: &str,
    named: &BTreeMap<String, RefOr<Schema>>,
    found: &mut Vec<String>,
) {
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(to) => {
            match to.ref_location.rsplit('/').next().and_then(|to| named.get(to)) {
                Some(to) => walk(to, name, named, found),
                None => found.push(name.to_owned()),
            }
            return;
        }
    };
    match schema {
        Schema::Object(object) if !object.properties.is_empty() => {
            for (member, schema) in &object.properties {
                let member = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                walk(schema, &member, named, found);
            }
        }
        Schema::AllOf(all) => all.items.iter().for_each(|part| walk(part, name, named, found)),
        // A nullable member is one of null and its type.
        Schema::OneOf(one) => match one.items.iter().find(|item| matches!(item, RefOr::Ref(_))) {
            Some(something) => walk(something, name, named, found),
            None => found.push(name.to_owned()),
        },
        _ => found.push(name.to_owned()),
    }
}

/// The rows under a header line, which an empty list has too.
pub fn write(columns: &[String], rows: &[Value]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(columns)?;
    for row in rows {
        out.write_record(columns.iter().map(|column| cell(member(row, column))))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

fn member<'v>(row: &'v Value, column: &str) -> Option<&'v Value> {
    column.split('.').try_fold(row, |value, name| value.get(name))
}

/// A cell's text. Spreadsheets run a text that begins like a formula as one (CSV injection), unless a quote mark stands
/// before it.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Some(Value::String(text)) => text.clone(),
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
    }

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Lead {
        id: u64,
        email: String,
    }

    #[test]
    fn f4_nested_members_have_dots_and_the_order_is_that_of_the_row() {
        assert_eq!(columns::<Row>(), ["name", "lead.id", "lead.email", "seconds", "tags"]);
    }

    #[test]
    fn f4_formulas_are_texts_and_the_header_stands_alone() {
        let columns = columns::<Row>();
        let rows = [
            json!({"name": "=1+1", "lead": {"id": -7, "email": "@a"}, "seconds": 5, "tags": ["a,b", "c"]}),
            json!({"name": "a\nb", "lead": null, "seconds": null, "tags": []}),
        ];
        let text = String::from_utf8(write(&columns, &rows).expect("csv")).expect("utf-8");
        assert_eq!(
            text,
            "name,lead.id,lead.email,seconds,tags\n'=1+1,-7,'@a,5,\"[\"\"a,b\"\",\"\"c\"\"]\"\n\"a\nb\",,,,[]\n"
        );
        assert_eq!(write(&columns, &[]).expect("csv"), b"name,lead.id,lead.email,seconds,tags\n");
    }
}
