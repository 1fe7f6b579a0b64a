//! `factfold verify`: a proof bundle, without a data directory and without a server.

use std::fs;
use std::path::PathBuf;

use domain::keys::TenantId;
use domain::members::Instant;
use projections::explain::model::FigureSelection;
use projections::explain::question::Question;
use serde_json::{Value, json};

use super::{Failure, Settings, expect, output};
use crate::proof::{BundleError, OpenedCheckpoint, ProofBundle, VerifierKey};
use crate::views::explain::proven::{ProofMoment, fold_proven, model_versions, rules_of};

/// Verify a figure's proof: signature, hashes, and the figure folded again from its facts; exit 3 names what does not hold
///
/// Needs no data directory. What a bundle does not prove is that no contributing fact was left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    curl … 'http://127.0.0.1:8080/api/v1/tenants/acme/proof?model=month&field=qualified&month=2025-10' > qualified.proof\n  \
    factfold verify qualified.proof --key log.key")]
pub struct Args {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Verifier key of the log, or a file with one [default: the bundle's own, which proves nothing of who made it]
    #[arg(long, value_name = "KEY", value_parser = expect::key)]
    key: Option<VerifierKey>,
    /// A checkpoint that the bundle must stand on
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

fn wrong(member: &str, why: impl Into<String>) -> Failure {
    Failure::Integrity(BundleError::new(member, why).to_string())
}

/// Verifies.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
    };
    let bundle: ProofBundle = serde_json::from_slice(&read(&args.bundle)?)
        .map_err(|error| Failure::Integrity(format!("not a proof bundle: {error}")))?;
    let integrity = |error: BundleError| Failure::Integrity(error.to_string());
    let key = args.key.clone().map_or_else(|| bundle.own_key().map_err(integrity), Ok)?;
    let given = match &args.checkpoint {
        None => None,
        Some(path) => {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            let opened = OpenedCheckpoint::verified(&text, &key);
            Some(opened.map_err(|error| Failure::Integrity(format!("{}: {error}", path.display())))?)
        }
    };
    let records = bundle.check(&key, given.as_ref()).map_err(integrity)?;
    if bundle.model_version != model_versions() {
        return Err(wrong(
            "model_version",
            "it was folded by other versions of the models than this release has",
        ));
    }
    if bundle.rules != rules_of(&records) {
        return Err(wrong("rules", "they are not those of the facts"));
    }
    let tenant = TenantId::new(&bundle.tenant).map_err(|error| wrong("tenant", error.to_string()))?;
    let explained = fold_proven(&tenant, &records, bundle.position, &question(&bundle)?, moment(&bundle)?);
    let explained = explained.map_err(|error| wrong("facts", error.to_string()))?;
    let explained = explained.ok_or_else(|| wrong("figure", "the facts have no such row"))?;
    let again = serde_json::to_value(&explained).map_err(|error| Failure::Failed(error.to_string()))?;
    for (member, shown) in [
        ("figure", &bundle.figure),
        ("value", &bundle.value),
        ("unit", &bundle.unit),
        ("rule", &bundle.rule),
        ("formula", &bundle.formula),
        ("contributions", &bundle.contributions),
        ("total", &bundle.total),
        ("contributing_subjects", &bundle.contributing_subjects),
    ] {
        if again[member] != *shown {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            let why =
                format!("the facts give {}, and the bundle has {}", short(&again[member]), short(shown));
            return Err(wrong(member, why));
        }
    }
    bundle.check_signed(&key).map_err(integrity)?;
    if args.key.is_none() {
        output::note("the key is the bundle's own: compare it with one that was kept elsewhere (--key)");
    }
    output::note(&format!("not proven: {}", bundle.not_proven));
    let facts = bundle.facts.len();
    if settings.json {
        return output::json_line(&json!({
            "figure": bundle.figure, "value": bundle.value, "position": bundle.position, "facts": facts, "key": key.to_string(),
        }));
    }
    let rows = vec![
        vec!["figure".to_owned(), format!("{} {}", bundle.tenant, bundle.figure)],
        vec!["value".to_owned(), bundle.value.to_string()],
        vec!["facts".to_owned(), output::grouped(facts as u64)],
        vec!["log".to_owned(), key.origin().to_owned()],
    ];
    output::table(&["what", "verified"], rows)
}

fn question(bundle: &ProofBundle) -> Result<Question, Failure> {
    let text = |member: &str| bundle.figure[member].as_str().unwrap_or_default().to_owned();
    let selects = bundle.figure["selection"].as_object().cloned().unwrap_or_default();
    let selects: Vec<(String, String)> = selects
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let selection =
        FigureSelection::parse(selects.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let asked = selection.and_then(|selection| Question::new(&text("model"), &text("field"), selection));
    asked.map_err(|faults| {
        let faults: Vec<String> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect();
        wrong("figure", faults.join(", "))
    })
}

fn moment(bundle: &ProofBundle) -> Result<ProofMoment, Failure> {
    let instant = |member: &str, text: &str| {
        let found = Instant::parse(text).filter(|instant| instant.to_string() == text);
        found.ok_or_else(|| wrong(member, Instant::RULE))
    };
    let until = bundle.occurred_until.as_deref().map(|text| instant("occurred_until", text));
    Ok(ProofMoment { at: instant("at", &bundle.at)?, occurred_until: until.transpose()? })
}
