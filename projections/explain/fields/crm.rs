//! Fields of the CRM's leads and pipeline.

use domain::facts::sync::Resource;
use domain::members::Currency;

use super::FieldKind;
use crate::explain::model::FigureSelection;
use crate::explain::records::{RecordSum, RecordTally};
use crate::explain::tally::{FigureTally, TallyOf, TallySpan};

fn sum(resource: Resource, sum: RecordSum, stage: &Option<String>, source: &Option<String>) -> FieldKind {
    let (stage, source) = (stage.clone(), source.clone());
    let tally = TallyOf::Records(RecordTally { resource, sum, stage, source });
    FieldKind::Sum(FigureTally::new(tally, TallySpan::Ever))
}

const PIPELINE: [&str; 8] = [
    "total_value_minor",
    "deals",
    "valued_deals",
    "stage_count",
    "average_deal_minor",
    "weighted_value_minor",
    "currency",
    "observed_at",
];

/// A field of `/pipeline`, or of one of its stages.
pub fn pipeline(field: &str, FigureSelection { stage, .. }: &FigureSelection) -> Option<FieldKind> {
    let deals = |of| sum(Resource::Opportunities, of, stage, &None);
    if stage.is_some() {
        return match field {
            "count" => Some(deals(RecordSum::Count)),
            "value_minor" => Some(deals(RecordSum::Value)),
            "likelihood_percent" => Some(FieldKind::derived(
                "the stage's, by the configuration, else by the sales cycles",
                &[],
                "percent",
            )),
            _ => None,
        };
    }
    let values = &["total_value_minor"];
    Some(match field {
        "total_value_minor" => deals(RecordSum::Value),
        "deals" => deals(RecordSum::Count),
        "valued_deals" => deals(RecordSum::Valued),
        "stage_count" => FieldKind::derived("stages with a deal", &["deals"], "count"),
        "average_deal_minor" => FieldKind::derived(
            "total_value_minor / valued_deals",
            &["total_value_minor", "valued_deals"],
            "minor units",
        ),
        "weighted_value_minor" => {
            FieldKind::derived("Σ value_minor × likelihood_percent of the stage", values, "minor units")
        }
        "currency" => FieldKind::derived("the tenant's, else that of most values", values, "currency"),
        "observed_at" => {
            FieldKind::derived("when the source was last read whole and well", values, "instant")
        }
        _ => {
            let currency = Currency::parse(field.strip_prefix("other_value_minor.")?)?;
            deals(RecordSum::ValueIn(currency))
        }
    })
}

/// Names of those fields.
pub fn names_of_pipeline(selection: &FigureSelection) -> Vec<String> {
    let names: &[&str] = match selection.stage {
        Some(_) => &["count", "value_minor", "likelihood_percent"],
        None => &PIPELINE,
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A field of `/leads/summary`, or of one of its sources or statuses.
pub fn leads(field: &str, FigureSelection { source, status, .. }: &FigureSelection) -> Option<FieldKind> {
    let leads = |of| sum(Resource::Leads, of, status, source);
    if source.is_some() || status.is_some() {
        return (field == "leads").then(|| leads(RecordSum::Count));
    }
    Some(match field {
        "total_leads" => leads(RecordSum::Count),
        "qualified_leads" => leads(RecordSum::Qualified),
        "source_count" => FieldKind::derived("sources with a lead", &["total_leads"], "count"),
        "observed_at" => {
            FieldKind::derived("when the source was last read whole and well", &["total_leads"], "instant")
        }
        _ => return None,
    })
}

/// Names of those fields.
pub fn names_of_leads(selection: &FigureSelection) -> Vec<String> {
    let names: &[&str] = match (&selection.source, &selection.status) {
        (None, None) => &["total_leads", "qualified_leads", "source_count", "observed_at"],
        _ => &["leads"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}
