//! The reference and the parser know the same keys, and say the same of them.

use std::collections::BTreeSet;

use domain::rules::configuration::Configuration;
use serde_json::{Value, json};

use super::*;
use crate::config::shown::global_settings;
use crate::config::{ClientTether, Config, Overrides};
use crate::ingest::signature::TOLERANCE_SECONDS;

/// The reference with every table and key in force.
fn in_force() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    let lines = reference().lines().map(|text| line(text) + "\n").collect::<String>();
    lines + CALLBACKS
}

/// The endpoint that `[tenant.twilio]` names; the reference has one endpoint, for an event of another provider.
const CALLBACKS: &str = "
[[endpoint]]
id = \"tw-5b0f0d7e\"
provider = \"twilio\"
tenant = \"acme\"
secrets = [\"env:TWILIO_TOKEN\"]
";

fn parse(text: &str) -> Result<Config, String> {
    let overrides = Overrides { leaves_secrets: true, ..Overrides::default() };
    Config::parse("factfold.toml", text, &overrides).map_err(|error| error.to_string())
}

const STRANGE: &str = "zz_strange";

/// The file with a key in the table that no table has.
fn with_strange_key(table: &ReferenceTable) -> String {
    let text = in_force();
    if table.is_of_values() {
        let field = text.lines().find(|line| line.starts_with("tracking_number = ")).expect("a field");
        return text.replace(field, &format!("tracking_number = {{ {STRANGE} = 1 }}"));
    }
    match table.header {
        "" => format!("{STRANGE} = 1\n{text}"),
        header => text.replacen(&format!("\n{header}\n"), &format!("\n{header}\n{STRANGE} = 1\n"), 1),
    }
}

/// The keys that the parser says there are, where it refuses the strange one.
fn known_to_the_parser(table: &ReferenceTable) -> BTreeSet<String> {
    let refused = parse(&with_strange_key(table)).expect_err("a strange key is refused");
    let told = refused.lines().find(|line| line.contains(STRANGE)).expect(&refused);
    match told.split_once("(members: ") {
        Some((_, members)) => members.trim_end_matches(')').split(", ").map(str::to_owned).collect(),
        None => {
            let (_, expected) = told.split_once("expected").expect(told);
            expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        }
    }
}

/// The keys that the reference has of a table, names of tables below it among them.
fn in_the_reference(table: &ReferenceTable) -> BTreeSet<String> {
    let below = reference_tables().filter(|other| !other.header.is_empty() && !other.is_of_values());
    let below = below.filter_map(|other| match other.name().rsplit_once('.') {
        Some((parent, name)) => (parent == table.name()).then_some(name),
        None => table.header.is_empty().then_some(other.name()),
    });
    table.keys.iter().map(|key| key.name).chain(below).map(str::to_owned).collect()
}

#[test]
fn the_parser_and_the_reference_know_the_same_keys() {
    for table in reference_tables() {
        assert_eq!(known_to_the_parser(table), in_the_reference(table), "{:?}", table.header);
    }
}

#[test]
fn a_key_that_one_of_both_lacks_is_seen() {
    let table = reference_tables().find(|table| table.header == "[http]").expect("declared");
    let short = ReferenceTable { keys: &table.keys[1..], ..*table };
    assert_ne!(known_to_the_parser(&short), in_the_reference(&short));
}

#[test]
fn every_example_is_accepted_all_of_them_together() {
    let config = parse(&in_force()).expect("accepted");
    assert_eq!((config.tenants.len(), config.endpoints.len(), config.mappings.len()), (1, 2, 1));
    assert!(config.advice.is_empty(), "{:?}", config.advice);
    // Null control: as it is printed it says nothing.
    assert!(parse(&reference()).expect("accepted").tenants.is_empty());
}

#[test]
fn a_fields_keys_are_accepted_each_beside_a_path() {
    let table = reference_tables().find(|table| table.is_of_values()).expect("declared");
    for key in table.keys {
        let beside = match key.name {
            "path" | "paths" | "value" => "",
            "format" => "path = \"x\", as = \"instant\",",
            "zone" => "path = \"x\", as = \"instant\", format = \"%Y-%m-%d %H:%M\",",
            _ => "path = \"x\",",
        };
        let field = format!("{{ {beside} {} = {} }}", key.name, key.example());
        let text = in_force();
        let written = text.lines().find(|line| line.starts_with("tracking_number = ")).expect("a field");
        parse(&text.replace(written, &format!("tracking_number = {field}"))).expect(&field);
    }
}

/// A default or an example as JSON.
fn value(toml: &str) -> Value {
    let table: toml::Table = toml::from_str(&format!("it = {toml}")).expect(toml);
    serde_json::to_value(&table["it"]).expect(toml)
}

fn default_of(key: &str) -> Value {
    let line = reference_lines().find(|line| line.key == key).expect(key);
    line.default.map_or(Value::Null, value)
}

#[test]
fn the_defaults_of_the_server_are_what_holds_without_a_file() {
    let settings = global_settings(&Config::default());
    for (key, holds) in &settings {
        match *key {
            // Flag and variable alone give it.
            "admin_token" => continue,
            // Its default is what `listen` says.
            "public_url" => assert_eq!(holds, &Value::Null),
            key => assert_eq!(&default_of(key), holds, "{key}"),
        }
    }
    // What a restart takes over is what the log names at SIGHUP.
    let named = settings.iter().map(|(key, _)| (*key).to_owned()).filter(|key| key != "admin_token");
    let restart = reference_lines().filter(|line| line.taken_over == TakenOver::Restart);
    let restart: BTreeSet<String> = restart.map(|line| line.key).collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), restart);
}

#[test]
fn the_defaults_of_a_tenant_are_the_rules_own() {
    let holds = Configuration::default();
    let directions = json!(["inbound", "unknown"]);
    for (key, value) in [
        ("qualified_min_seconds", json!(holds.qualified_min_seconds)),
        ("job_value_minor", json!(holds.job_value_minor)),
        ("daily_call_goal", json!(holds.daily_call_goal)),
        ("session_timeout_seconds", json!(holds.session_timeout_seconds)),
        ("reservation_seconds", json!(holds.reservation_seconds)),
        ("reply_rate_drop_percent", json!(holds.reply_rate_drop_percent)),
        ("stale_after_seconds", json!(holds.stale_after_seconds)),
        ("counted_contact_types", json!(holds.counted_contact_types)),
        ("counted_directions", directions),
    ] {
        assert_eq!(default_of(&format!("tenant.rules.{key}")), value, "{key}");
    }
    assert!(holds.counts(None) && !holds.counts(Some(domain::facts::call::Direction::Outbound)));
    assert_eq!(default_of("tenant.recording"), json!(holds.recording));
    assert_eq!(default_of("tenant.clienttether.base_url"), json!(ClientTether::BASE_URL));
    assert_eq!(default_of("mapping.signature.tolerance_seconds"), json!(TOLERANCE_SECONDS));
}
