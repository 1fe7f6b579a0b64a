//! What `[[mapping]]` takes, and what it refuses and where.

use crate::config::{Config, ConfigError, Overrides};
use crate::ingest::providers::generic::field::ReadAs;
use crate::ingest::signature::Scheme;

const MAPPING: &str = r#"[[mapping]]
name = "tracker"
signature = "github"
event = "type"
external_id = ["data.id", "type"]
occurred_at = { path = "data.at", format = "epoch_ms" }
[[mapping.on]]
event = ["call.finished"]
kind = "call_reported"
[mapping.on.body]
call_id = "data.id"
status = { path = "data.status", table = { done = "completed" } }
duration_seconds = "data.seconds"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    let path = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(path.path(), text).expect("written");
    let file = Some(path.path().to_owned());
    Config::load(&Overrides { file, ..Overrides::default() })
}

fn refused(text: &str) -> String {
    match parse(text) {
        Ok(config) => panic!("taken: {:?}\n{text}", config.mappings),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_mapping_is_read_with_what_members_usually_are() {
    let config = parse(MAPPING).expect("taken");
    let mapping = &config.mappings[0];
    assert_eq!((mapping.name.as_str(), mapping.version), ("tracker", 1));
    assert_eq!(mapping.signature, Scheme::named("github").expect("scheme"));
    let body = &mapping.rules[0].body;
    let shown: Vec<_> = body
        .fields
        .iter()
        .map(|(path, field)| (path.join("."), &field.read_as, field.prefix.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("call_id".to_owned(), &ReadAs::Text, "tracker:"),
            ("duration_seconds".to_owned(), &ReadAs::Seconds, ""),
            ("status".to_owned(), &ReadAs::Text, ""),
        ]
    );
}

#[test]
fn endpoints_may_be_of_a_mapping_and_need_what_it_needs() {
    let endpoint = "[[endpoint]]\nid = \"tr-5b0f0d7e\"\nprovider = \"tracker\"\n";
    assert!(parse(&format!("{MAPPING}{endpoint}secrets = [\"sesame\"]\n")).is_ok());
    let told = refused(&format!("{MAPPING}{endpoint}"));
    assert!(told.contains(":15: endpoint.secrets: tracker signs"), "{told}");
    let told = refused(&format!("{MAPPING}{endpoint}secrets = [\"sesame\"]\nevent = \"call.began\"\n"));
    assert!(told.contains(":18: endpoint.event: the mapping tracker has no event"), "{told}");
    let standard = MAPPING.replace("\"github\"", "\"standard_webhooks\"");
    let told = refused(&format!("{standard}{endpoint}secrets = [\"whsec_\"]\n"));
    assert!(told.contains("endpoint.secrets: the signature scheme cannot sign"), "{told}");
}

#[test]
fn wrong_mappings_are_refused_by_line_and_key() {
    let with = |from: &str, to: &str| {
        assert!(MAPPING.contains(from), "{from}");
        MAPPING.replace(from, to)
    };
    for (text, told) in [
        (with("\"tracker\"", "\"Tracker!\""), ":2: mapping.name: a provider is"),
        (with("\"tracker\"", "\"twilio\""), ":2: mapping.name: twilio is a provider that needs no mapping"),
        (format!("{MAPPING}{MAPPING}"), ":15: mapping.name: \"tracker\" is given twice"),
        (with("\"github\"", "\"gitlab\""), ":3: mapping.signature: \"gitlab\" must be one of callrail"),
        (with("\"github\"", "{ scheme = \"hmac\" }"), ":3: mapping.signature: header must be"),
        (
            with("\"github\"", "{ scheme = \"hmac\", header = \"x\", hash = \"md5\" }"),
            ":3: mapping.signature: hash",
        ),
        (
            with("\"github\"", "{ scheme = \"hmac\", header = \"x\", signed = \"{time}\" }"),
            ":3: mapping.signature: signed",
        ),
        (
            with("\"github\"", "{ scheme = \"hmac\", header = \"x\", time = \"{x-time}\" }"),
            ":3: mapping.signature: time must be part of signed",
        ),
        (
            with("\"github\"", "{ scheme = \"hmac\", head = \"x\" }"),
            ":3: mapping.signature: unknown field `head`",
        ),
        (with("event = \"type\"", "event = \"a..b\""), ":4: mapping.event: \"a..b\" is not a path"),
        (with("epoch_ms", "epoch_ns"), ":6: mapping.occurred_at: format \"epoch_ns\" must be"),
        (with("epoch_ms", "%Q"), ":6: mapping.occurred_at: format \"%Q\" must be"),
        (
            with("format = \"epoch_ms\"", "format = \"%Y\", zone = \"Mars/Phobos\""),
            ":6: mapping.occurred_at: zone \"Mars/Phobos\" is not an IANA",
        ),
        (
            with("format = \"epoch_ms\"", "as = \"text\""),
            ":2: mapping.occurred_at: must be read as an instant",
        ),
        (with("\"call_reported\"", "\"call_dreamt\""), ":9: mapping.on.kind: \"call_dreamt\" is not a kind"),
        (
            with("\"call_reported\"", "\"tenant_configured\""),
            ":9: mapping.on.kind: \"tenant_configured\" is not a kind",
        ),
        (
            with("\"call_reported\"", "\"conflict_observed\""),
            ":9: mapping.on.kind: \"conflict_observed\" is not a kind",
        ),
        (with("\"call_reported\"", "\"ignored\""), ":9: mapping.on.kind: ignored has no body"),
        (with("call_id =", "call ="), ":11: mapping.on.body.call: call_reported is not a member"),
        (with("call_id = \"data.id\"\n", ""), ":9: mapping.on.body.call_id: call_reported: is required"),
        (
            with("\"completed\"", "\"done\""),
            ":12: mapping.on.body.status: call_reported must be one of initiated",
        ),
        (
            with("duration_seconds = \"data.seconds\"", "duration_seconds = { path = \"s\", as = \"text\" }"),
            ":13: mapping.on.body.duration_seconds: call_reported must be an integer",
        ),
        (
            with("{ path = \"data.status\",", "{"),
            ":12: mapping.on.body.status.table.done: call_reported must be one of",
        ),
        (
            with("{ path = \"data.status\",", "{ path = \"x\", word = 1,"),
            ":12: mapping.on.body.status: unknown field",
        ),
        (
            with("{ path = \"data.status\",", "{ path = \"x\", value = 1,"),
            ":12: mapping.on.body.status: must have either",
        ),
        (
            format!(
                "{MAPPING}[[mapping.on]]\nkind = \"call_reported\"\n[mapping.on.body]\ncall_id = \"i\"\nstatus = \"s\"\n"
            ),
            ":15: mapping.on.kind: an event is given the kind call_reported twice",
        ),
        (with("external_id = [\"data.id\", \"type\"]\n", ""), ":1"),
        (with("[[mapping.on]]", "[[mapping.of]]"), ":7: unknown field `of`"),
    ] {
        let refused = refused(&text);
        assert!(refused.contains(told), "{refused}\nshould say\n{told}");
    }
}
