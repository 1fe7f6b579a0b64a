//! The rows of erasures.

use domain::keys::TenantId;
use domain::members::Text;
use domain::rules::persons::{PersonName, PersonNames};

use super::prepared::{acme, nothing, result};
use super::rows::{Again, Row, Two, row};
use crate::commands::Forget;
use crate::ingest::error::IngestError;
use crate::log::erasures::Erasure;

fn text(text: &str) -> Text {
    Text::new(text).expect("a text")
}

/// Holds nothing of a person: the log is looked at by tests of its own.
struct NothingElse;

impl Forget for NothingElse {
    fn pages(&self, _names: &PersonNames) -> Result<(), IngestError> {
        Ok(())
    }

    fn all_pages(&self) -> Result<(), IngestError> {
        Ok(())
    }

    fn facts(&self, _tenant: &TenantId, _erasure: &Erasure) -> Result<(), IngestError> {
        Ok(())
    }
}

pub fn rows() -> Vec<Row> {
    vec![
        row(
            "erase_person",
            nothing,
            |c, _| {
                let jo = PersonName::Lead(text("L7"));
                result(c.erase_person((&acme(), &jo), &text("tests"), None, &NothingElse))
            },
            Again::Another,
            Two::Each,
        ),
        // There is nothing to go on with.
        Row {
            facts: 0,
            ..row("resume_erasures", nothing, |c, _| result(c.resume_erasures()), Again::Stands, Two::One)
        },
        Row {
            facts: 0,
            ..row(
                "carry_out_ordered",
                nothing,
                |c, _| result(c.carry_out_ordered(0, &NothingElse)),
                Again::Stands,
                Two::One,
            )
        },
    ]
}
