//! Every kind of fact in the API document: schemas and examples, made from the kinds' own descriptions.

use std::collections::{BTreeMap, BTreeSet};

use domain::description::{
    BodyDescription, KindDescription, MemberDescription, MemberShape, ValueDescription, ValueType,
};
use domain::facts::{Fact, LIST_MAX};
use serde_json::{Map, Value, json};

use crate::ingest::post::posting_roles;

/// The schema of a fact to be posted, by kind.
pub const NEW_FACT: &str = "NewFact";
/// The schema of the body of any fact that is read.
pub const FACT_BODY: &str = "FactBody";

/// Adds the kinds to an API document: schemas by name, and an example of each kind that can be posted.
pub fn describe(document: &mut Value) {
    let kinds = Fact::describe();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(self::schemas(&kinds));
    }
    let path = "/api/v1/tenants/{tenant}/facts";
    if let Some(content) = document["paths"][path]["post"]["requestBody"]["content"].as_object_mut() {
        let postable: Vec<&KindDescription> = kinds.iter().filter(|kind| is_postable(kind)).collect();
        let examples = postable.iter().map(|kind| {
            (kind.kind.to_owned(), json!({"summary": kind.about, "value": new_fact_example(kind)}))
        });
        content["application/json"]["examples"] = Value::Object(examples.collect());
        let lines = postable.iter().take(2).map(|kind| format!("{}\n", new_fact_example(kind)));
        content["application/x-ndjson"]["example"] = lines.collect::<String>().into();
    }
}

fn is_postable(kind: &KindDescription) -> bool {
    !posting_roles(kind.kind).is_empty()
}

/// The schemas by name.
fn schemas(kinds: &[KindDescription]) -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    kinds.iter().for_each(|kind| add_body(&mut schemas, &kind.body));
    let bodies: BTreeSet<String> = kinds.iter().map(|kind| body_name(&kind.body)).collect();
    schemas.insert(
        FACT_BODY.to_owned(),
        json!({
            "description": "The members of the fact's kind, in canonical form. Those that were absent are left out, and so \
                are those that an erasure took away (`x-personal`), even required ones.",
            "anyOf": bodies.iter().map(|name| reference(name)).collect::<Vec<_>>(),
        }),
    );
    let postable = kinds.iter().filter(|kind| is_postable(kind));
    let names: Vec<(&str, String)> = postable
        .map(|kind| {
            let name = format!("New{}", camel_case(kind.kind));
            schemas.insert(name.clone(), new_fact(kind));
            (kind.kind, name)
        })
        .collect();
    let mapping = names.iter().map(|(kind, name)| ((*kind).to_owned(), path_of(name).into()));
    let mapping: Map<String, Value> = mapping.collect();
    schemas.insert(
        NEW_FACT.to_owned(),
        json!({
            "description": "A fact to be posted, by its kind. Unknown members are refused. Null, blank texts, `[]` and `{}` \
                are as if absent.",
            "oneOf": names.iter().map(|(_, name)| reference(name)).collect::<Vec<_>>(),
            "discriminator": {"propertyName": "kind", "mapping": mapping},
        }),
    );
    schemas
}

fn path_of(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn reference(name: &str) -> Value {
    json!({"$ref": path_of(name)})
}

fn camel_case(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('_').map(part).collect()
}

fn body_name(body: &BodyDescription) -> String {
    format!("{}Members", body.name)
}

/// What is posted of a kind.
fn new_fact(kind: &KindDescription) -> Value {
    let mut body = reference(&body_name(&kind.body));
    // Where it is read, an erasure may have taken them away.
    let personal = kind.body.members.iter().filter(|member| member.is_required && member.is_personal);
    let personal: Vec<&str> = personal.map(|member| member.name).collect();
    if !personal.is_empty() {
        body["required"] = json!(personal);
    }
    json!({
        "type": "object",
        "description": kind.about,
        "properties": {
            "provider": {
                "type": "string",
                "pattern": "^[a-z0-9_]{1,32}$",
                "description": "The source of the fact.",
            },
            "external_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 512,
                "description": "The fact's id at the provider. A key of tenant, provider and id is recorded once, for ever.",
            },
            "kind": {"type": "string", "enum": [kind.kind]},
            "occurred_at": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened: RFC 3339 with any offset, at most 24 hours in the future.",
            },
            "body": body,
        },
        "required": ["provider", "external_id", "kind", "occurred_at", "body"],
        "additionalProperties": false,
        "x-posted-by": posting_roles(kind.kind),
        "examples": [new_fact_example(kind)],
    })
}

/// A fact that is accepted, with every member of its kind.
fn new_fact_example(kind: &KindDescription) -> Value {
    json!({
        "provider": "desk",
        "external_id": format!("example/{}", kind.kind),
        "kind": kind.kind,
        "occurred_at": "2025-10-09T14:00:54Z",
        "body": kind.body.example(),
    })
}

/// Adds a body and the objects within it.
fn add_body(schemas: &mut BTreeMap<String, Value>, body: &BodyDescription) {
    for member in &body.members {
        if let MemberShape::Object(inner) | MemberShape::Objects(inner) = &member.shape {
            add_body(schemas, inner);
        }
    }
    let properties = body.members.iter().map(|member| (member.name.to_owned(), member_schema(member)));
    let required = body.members.iter().filter(|member| member.is_required && !member.is_personal);
    let described = format!("{} {}", body.about, body.rule);
    let mut schema = json!({
        "type": "object",
        "description": described.trim(),
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": false,
        "examples": [body.example()],
    });
    let required: Vec<&str> = required.map(|member| member.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schemas.insert(body_name(body), schema);
}

fn member_schema(member: &MemberDescription) -> Value {
    let list = |items: Value| json!({"type": "array", "items": items, "maxItems": LIST_MAX});
    let (mut schema, rule) = match &member.shape {
        MemberShape::Value(value) => (value_schema(value), value.rule),
        MemberShape::Values { item, .. } => (list(value_schema(item)), item.rule),
        MemberShape::Object(body) => (reference(&body_name(body)), ""),
        MemberShape::Objects(body) => (list(reference(&body_name(body))), ""),
        MemberShape::AnyBody => (reference(FACT_BODY), ""),
    };
    let told = if rule.is_empty() { String::new() } else { format!(" Given as: {rule}.") };
    schema["description"] = format!("{}{}", member.about, told.replace("..", ".")).into();
    if member.is_required {
        match (schema["type"].as_str(), schema.get("enum")) {
            (Some("array"), _) => schema["minItems"] = 1.into(),
            (Some("string"), None) if schema.get("maxLength").is_some() => schema["minLength"] = 1.into(),
            _ => {}
        }
    }
    if member.is_personal {
        schema["x-personal"] = true.into();
    }
    schema
}

fn value_schema(value: &ValueDescription) -> Value {
    let mut schema = match &value.value_type {
        ValueType::Text { bytes_max } => json!({"type": "string", "maxLength": bytes_max}),
        ValueType::Formatted { format, pattern } => {
            let limits = [("format", format), ("pattern", pattern)].into_iter();
            let limits = limits.filter_map(|(name, limit)| Some((name.to_owned(), Value::from((*limit)?))));
            let mut schema = json!({"type": "string"});
            limits.for_each(|(name, limit)| schema[name] = limit);
            schema
        }
        ValueType::Word(words) => json!({"type": "string", "enum": words}),
        ValueType::Integer { min, max } => {
            json!({"type": "integer", "format": "int64", "minimum": min, "maximum": max})
        }
        ValueType::Boolean => json!({"type": "boolean"}),
    };
    schema["examples"] = json!([value.example]);
    schema
}
