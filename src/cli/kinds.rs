//! `factfold kinds`: the contract of facts as the binary reads them.

use domain::description::{BodyDescription, KindDescription, MemberDescription, MemberShape, ValueType};
use domain::facts::Fact;
use domain::json::did_you_mean;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Failure, Settings, output};
use crate::ingest::post::posting_roles;

/// Print the kinds of facts and who may post them; of one kind its members and an example
///
/// A member is text, integer, boolean, object or a list of these. Members that are not required may be absent, which null,
/// "", [] and {} are the same as.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    factfold kinds\n  \
    factfold kinds call_reported\n  \
    factfold kinds call_reported --json | jq .example")]
pub struct Args {
    /// The kind to explain
    kind: Option<String>,
}

/// Prints the kinds, or one of them.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let kinds = Fact::describe();
    let Some(wanted) = &args.kind else { return list(settings, &kinds) };
    let found = kinds.iter().find(|kind| kind.kind == wanted);
    let found = found.ok_or_else(|| {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.kind).collect();
        let near = did_you_mean(wanted, &names);
        Failure::Usage(format!("no kind {wanted:?}{near} (factfold kinds lists them)"))
    })?;
    if settings.json { output::json_line(&contract(found)) } else { explain(found) }
}

fn in_words(roles: &[&str]) -> String {
    if roles.is_empty() { "the engine alone".to_owned() } else { roles.join(", ") }
}

fn list(settings: &Settings, kinds: &[KindDescription]) -> Result<(), Failure> {
    if settings.json {
        return kinds.iter().try_for_each(|kind| {
            output::json_line(
                &json!({"kind": kind.kind, "posted_by": posting_roles(kind.kind), "about": kind.about}),
            )
        });
    }
    let row = |kind: &KindDescription| {
        vec![kind.kind.to_owned(), in_words(posting_roles(kind.kind)), kind.about.clone()]
    };
    output::table(&["kind", "posted by", "what it says"], kinds.iter().map(row))
}

/// A kind as JSON.
#[derive(Serialize)]
struct KindContract {
    kind: &'static str,
    posted_by: &'static [&'static str],
    about: String,
    /// What the members must be to each other.
    #[serde(skip_serializing_if = "String::is_empty")]
    rule: String,
    members: Vec<MemberLine>,
    /// A body with every member.
    example: Map<String, Value>,
}

/// A member with the members of objects within as `lead.email`, of lists of objects as `records[].id`.
#[derive(Serialize)]
struct MemberLine {
    member: String,
    #[serde(rename = "type")]
    member_type: String,
    required: bool,
    /// Whether an erasure takes it away.
    personal: bool,
    rule: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    words: Vec<&'static str>,
    #[serde(skip_serializing_if = "Value::is_null")]
    example: Value,
    about: String,
}

fn contract(kind: &KindDescription) -> KindContract {
    let mut members = Vec::new();
    lines("", &kind.body, &mut members);
    KindContract {
        kind: kind.kind,
        posted_by: posting_roles(kind.kind),
        about: kind.about.clone(),
        rule: kind.body.rule.clone(),
        members,
        example: kind.body.example(),
    }
}

fn lines(prefix: &str, body: &BodyDescription, found: &mut Vec<MemberLine>) {
    for member in &body.members {
        let path = format!("{prefix}{}", member.name);
        found.push(line(path.clone(), member));
        match &member.shape {
            MemberShape::Object(inner) => lines(&format!("{path}."), inner, found),
            MemberShape::Objects(inner) => lines(&format!("{path}[]."), inner, found),
            MemberShape::Value(_) | MemberShape::Values { .. } | MemberShape::AnyBody => {}
        }
    }
}

fn line(path: String, member: &MemberDescription) -> MemberLine {
    let (value, is_list) = match &member.shape {
        MemberShape::Value(value) => (Some(value), false),
        MemberShape::Values { item, .. } => (Some(item), true),
        MemberShape::Object(_) | MemberShape::AnyBody => (None, false),
        MemberShape::Objects(_) => (None, true),
    };
    let single = match value.map(|value| &value.value_type) {
        Some(ValueType::Text { .. } | ValueType::Formatted { .. } | ValueType::Word(_)) => "text",
        Some(ValueType::Integer { .. }) => "integer",
        Some(ValueType::Boolean) => "boolean",
        None => "object",
    };
    let words = match value.map(|value| &value.value_type) {
        Some(ValueType::Word(words)) => words.clone(),
        _ => Vec::new(),
    };
    MemberLine {
        member: path,
        member_type: if is_list { format!("list of {single}") } else { single.to_owned() },
        required: member.is_required,
        personal: member.is_personal,
        rule: value.map(|value| value.rule.to_owned()).unwrap_or_default(),
        words,
        example: value.map(|value| value.example.clone()).unwrap_or_default(),
        about: member.about.clone(),
    }
}

fn explain(kind: &KindDescription) -> Result<(), Failure> {
    let contract = contract(kind);
    output::line(&format!("{}: {}", contract.kind, contract.about))?;
    output::line(&format!("Posted by: {}.", in_words(contract.posted_by)))?;
    if !contract.rule.is_empty() {
        output::line(&format!("Rule: {}", contract.rule))?;
    }
    output::line("")?;
    let row = |line: MemberLine| {
        let example = if line.example.is_null() { String::new() } else { line.example.to_string() };
        let required = if line.required { "required" } else { "" };
        vec![line.member, line.member_type, required.to_owned(), line.rule, example, line.about]
    };
    let headings = ["member", "type", "", "rule", "example", "meaning"];
    output::table(&headings, contract.members.into_iter().map(row))?;
    output::line("\nA body with every member:")?;
    let example = serde_json::to_string_pretty(&contract.example);
    output::line(&example.map_err(|error| Failure::Failed(error.to_string()))?)
}
