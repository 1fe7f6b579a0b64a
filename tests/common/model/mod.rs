//! An independent model of the four systems: every answer computed naively from all facts at once, by the text of the
//! product's rules. It shares no code with the product.

mod accounts;
pub mod answers;
mod board;
mod calls;
mod crm;
mod dialer;
mod figures;
mod notes;
mod outreach;
mod reports;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// A rule bent on purpose: with it the model must disagree with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bend {
    /// No rule: the model as it is meant.
    Straight,
    /// A call qualifies from 31 s instead of 30.
    Threshold31,
    /// Days are cut in UTC, whatever the tenant's zone.
    DaysOfUtc,
    /// What is delivered again counts again.
    RedeliveryCounts,
    /// A lead's interest is that of its latest event.
    LatestInterest,
    /// A call stands where its latest report says, forward or back.
    StatusMovesBack,
    /// The last configuration holds for all of the past.
    RulesForThePast,
    /// A run that failed is read like one that succeeded.
    FailedRunsCount,
    /// The days without a poll are 0, and the next day has it all.
    GapsAreZero,
    /// The first read of a day's spend stands.
    FirstSpendStands,
    /// The first disposition counts.
    FirstDisposition,
}

/// A parsed fact.
#[derive(Clone, Copy)]
pub struct Fact<'a> {
    pub kind: &'a str,
    pub at: DateTime<Utc>,
    pub body: &'a Value,
}

impl<'a> Fact<'a> {
    fn text(self, member: &str) -> Option<&'a str> {
        self.body[member].as_str().filter(|text| !text.trim().is_empty())
    }

    fn is(self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind)
    }
}

/// One `tenant_configured`.
pub struct Config<'a> {
    from: Option<NaiveDate>,
    zone: Tz,
    body: &'a Value,
    bend: Bend,
}

impl Config<'_> {
    fn rule(&self, name: &str) -> Option<i64> {
        self.body["rules"][name].as_i64()
    }

    fn names(&self, rule: &str) -> Vec<String> {
        let names = self.body["rules"][rule].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(folded)).collect()
    }

    fn currency(&self) -> Option<&str> {
        self.body["currency"].as_str()
    }

    fn qualified_from(&self) -> i64 {
        let seconds = self.rule("qualified_min_seconds").unwrap_or(30);
        if self.bend == Bend::Threshold31 { seconds + 1 } else { seconds }
    }

    fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        let zone = if self.bend == Bend::DaysOfUtc { Tz::UTC } else { self.zone };
        at.with_timezone(&zone).date_naive()
    }
}

/// All facts of a tenant and what it was configured to be, as they stood in the log.
pub struct Model<'a> {
    facts: Vec<Fact<'a>>,
    configs: Vec<Config<'a>>,
    bend: Bend,
    /// The time at which what depends on the clock is told.
    at: DateTime<Utc>,
    /// What is asked for again and again.
    calls: OnceCell<Vec<calls::Call<'a>>>,
    leads: OnceCell<BTreeMap<outreach::Name, Vec<Fact<'a>>>>,
}

impl<'a> Model<'a> {
    /// From the bodies of the configurations in the log's order, and the facts in any order.
    pub fn new(configs: &'a [Value], facts: &'a [Value], at: DateTime<Utc>, bend: Bend) -> Self {
        let mut keys = BTreeSet::new();
        let mut parsed = Vec::new();
        for fact in facts {
            let key = (fact["provider"].to_string(), fact["external_id"].to_string());
            if keys.insert(key) || bend == Bend::RedeliveryCounts {
                let at = instant(&fact["occurred_at"]).expect("each fact has a time");
                parsed.push(Fact { kind: fact["kind"].as_str().expect("a kind"), at, body: &fact["body"] });
            }
        }
        parsed.sort_by_key(|fact| fact.at);
        let config = |body: &'a Value| Config {
            from: body["effective_from"].as_str().and_then(|day| day.parse().ok()),
            zone: body["timezone"].as_str().and_then(|name| name.parse().ok()).expect("a zone"),
            body,
            bend,
        };
        let mut configs: Vec<Config<'_>> = configs.iter().map(config).collect();
        configs[0].from = None;
        if bend == Bend::RulesForThePast {
            configs.drain(..configs.len() - 1);
            configs[0].from = None;
        }
        Self { facts: parsed, configs, bend, at, calls: OnceCell::new(), leads: OnceCell::new() }
    }

    /// The facts of these kinds, earliest first.
    fn of<'m>(&'m self, kinds: &'m [&'m str]) -> impl DoubleEndedIterator<Item = Fact<'a>> + 'm {
        self.facts.iter().copied().filter(|fact| fact.is(kinds))
    }

    /// The configuration that holds for what happened then: the last that is effective on its day there.
    fn config_at(&self, at: DateTime<Utc>) -> &Config<'a> {
        let holds = |config: &&Config<'a>| config.from.is_none_or(|from| from <= config.day(at));
        self.configs.iter().rev().find(holds).expect("the first always holds")
    }

    /// The configuration of a day that is no instant's.
    fn config_on(&self, day: NaiveDate) -> &Config<'a> {
        let holds = |config: &&Config<'a>| config.from.is_none_or(|from| from <= day);
        self.configs.iter().rev().find(holds).expect("the first always holds")
    }

    fn latest_config(&self) -> &Config<'a> {
        self.configs.last().expect("the first always holds")
    }

    fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        self.config_at(at).day(at)
    }

    /// The local day on which it is asked.
    fn today(&self) -> NaiveDate {
        self.latest_config().day(self.at)
    }
}

pub fn instant(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// An instant as it is served.
fn shown(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// A name as names are compared.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// `part / whole`, half away from zero; none of nothing.
fn ratio(part: i128, whole: i128) -> Option<i128> {
    let half = (2 * part.abs() + whole.abs()) / (2 * whole.abs()).max(1);
    (whole != 0).then_some(half * part.signum() * whole.signum())
}

/// `part / whole` with two decimals.
fn quotient(part: i64, whole: i64) -> Value {
    ratio(i128::from(part) * 100, i128::from(whole))
        .map_or(Value::Null, |hundredths| json!(hundredths as f64 / 100.0))
}

/// A percentage with two decimals.
fn percent(part: i64, whole: i64) -> Value {
    quotient(part.saturating_mul(100), whole)
}

/// The first and last day of the month of a day.
fn month_of(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    use chrono::{Datelike, Months};
    let first = day.with_day(1).expect("each month has a first");
    (first, (first + Months::new(1)).pred_opt().expect("a day before"))
}

/// Each day from the first to the last.
fn days(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    from.iter_days().take_while(move |day| *day <= to)
}
