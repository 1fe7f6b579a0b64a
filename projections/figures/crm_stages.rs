//! The pipeline's stages: their order, spelling and likelihood, and which records count (B6, B7, RULINGS CRM).

use std::collections::BTreeMap;

use domain::facts::sync::Resource;
use domain::members::Percent;
use domain::rules::configuration::{Configuration, DEFAULT_STAGES, folded};

use crate::entities::crm::Crm;

/// The stage of a record that has none.
const NEW_LEAD: &str = "New Lead";

/// The stage of a record.
pub fn or_new_lead(stage: Option<&str>) -> &str {
    stage.unwrap_or(NEW_LEAD)
}

/// Whether records of this contact type count. A source without contact types has nothing to be left out.
pub fn counts(rules: &Configuration, contact_type: Option<&str>) -> bool {
    contact_type.is_none_or(|contact_type| rules.counted_contact_types.contains(&folded(contact_type)))
}

/// One sales cycle as its source lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cycle {
    order: u32,
    name: String,
    likelihood: Option<Percent>,
    contact_type: Option<String>,
}

/// What sources say of stages, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Stages(Vec<Cycle>);

impl Stages {
    /// Takes the sales cycles in use, in their order.
    pub fn taken(crm: &Crm) -> Self {
        let text = |symbol| crm.texts().maybe(symbol).map(str::to_owned);
        let tables = crm.tables(Resource::SalesCycles);
        let rows = tables.iter().flat_map(|(_, table)| table.records());
        let used = rows.filter(|row| row.active != Some(false));
        let cycle = used.filter_map(|row| {
            Some(Cycle {
                order: row.order.unwrap_or(u32::MAX),
                name: text(row.stage)?,
                likelihood: row.likelihood,
                contact_type: text(row.contact_type),
            })
        });
        let mut cycles: Vec<Cycle> = cycle.collect();
        cycles.sort_unstable();
        Self(cycles)
    }

    /// The tenant's order: its configuration's, else the sales cycles', else the product's.
    pub fn of(&self, rules: &Configuration) -> StageOrder {
        let cycles = || self.0.iter().filter(|cycle| counts(rules, cycle.contact_type.as_deref()));
        let mut order = StageOrder::default();
        rules.stages.iter().for_each(|stage| order.add(stage.name.as_str(), stage.likelihood_percent));
        if order.places.is_empty() {
            cycles().for_each(|cycle| order.add(&cycle.name, cycle.likelihood));
        } else {
            cycles().for_each(|cycle| order.also(&cycle.name, cycle.likelihood));
        }
        if order.places.is_empty() {
            DEFAULT_STAGES.iter().for_each(|name| order.add(name, None));
        }
        order
    }
}

/// What is known of one stage.
#[derive(Debug, Clone)]
struct Known {
    /// None of a stage that the order does not name.
    place: Option<usize>,
    name: String,
    likelihood: Option<u8>,
}

/// Stages by their folded names.
#[derive(Debug, Clone, Default)]
pub struct StageOrder {
    places: BTreeMap<String, Known>,
}

impl StageOrder {
    fn add(&mut self, name: &str, likelihood: Option<Percent>) {
        let known = Known {
            place: Some(self.places.len()),
            name: name.to_owned(),
            likelihood: likelihood.map(Percent::get),
        };
        self.places.entry(folded(name)).or_insert(known);
    }

    /// What a sales cycle says beside the configuration: a likelihood where that has none.
    fn also(&mut self, name: &str, likelihood: Option<Percent>) {
        let likelihood = likelihood.map(Percent::get);
        let known = Known { place: None, name: name.to_owned(), likelihood };
        let known = self.places.entry(folded(name)).or_insert(known);
        known.likelihood = known.likelihood.or(likelihood);
    }

    /// The spelling of a stage, and how likely a deal in it closes, percent.
    pub fn look_up(&self, stage: &str) -> (String, Option<u8>) {
        match self.places.get(&folded(stage)) {
            Some(known) => (known.name.clone(), known.likelihood),
            None => (stage.to_owned(), None),
        }
    }

    /// What sorts stages: those of the order by their place, the others behind them by name.
    pub fn place(&self, folded: &str) -> (usize, String) {
        let place = self.places.get(folded).and_then(|known| known.place);
        (place.unwrap_or(usize::MAX), folded.to_owned())
    }

    /// Whether the order or a sales cycle spells the stage.
    pub fn knows(&self, folded: &str) -> bool {
        self.places.contains_key(folded)
    }
}

/// Counts under names that are compared without case; served as most of them were spelt.
#[derive(Debug, Clone, Default)]
pub struct Spellings(BTreeMap<String, i64>);

impl Spellings {
    /// So many more are spelt like this.
    pub fn add(&mut self, spelling: &str, count: i64) {
        *self.0.entry(spelling.to_owned()).or_default() += count;
    }

    /// The usual spelling; of two equally usual ones the first by name.
    pub fn usual(&self) -> &str {
        let usual = self.0.iter().max_by_key(|(spelling, count)| (**count, std::cmp::Reverse(*spelling)));
        usual.map_or("", |(spelling, _)| spelling)
    }

    /// How many, however spelt.
    pub fn count(&self) -> i64 {
        self.0.values().sum()
    }
}
