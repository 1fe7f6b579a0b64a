//! Reports (B14): the figures of a week or month beside those of the one before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::figures::{answered_rate, directions};
use super::{Model, month_of, percent};

/// First and last day of a report's period: a month, or the week of a Monday.
fn period(text: &str) -> (NaiveDate, NaiveDate) {
    match text.parse::<NaiveDate>() {
        Ok(monday) => (monday, monday + Days::new(6)),
        Err(_) => month_of(format!("{text}-01").parse().expect("a month")),
    }
}

/// A count beside the one before; the change in percent of its size.
fn beside(value: Option<i64>, before: Option<i64>) -> Value {
    let both = value.zip(before);
    json!({"value": value, "before": before, "change": both.map(|(value, before)| value - before),
        "change_percent": both.map(|(value, before)| percent(value - before, before.abs()))})
}

/// Two decimals, as hundredths.
fn hundredths(rate: &Value) -> Option<i64> {
    rate.as_f64().map(|rate| (rate * 100.0).round() as i64)
}

fn rates_beside(value: &Value, before: &Value) -> Value {
    let change =
        hundredths(value).zip(hundredths(before)).map(|(value, before)| (value - before) as f64 / 100.0);
    json!({"value": value, "before": before, "change": change})
}

/// Every sum and rate beside the one before, those of a direction within it.
fn all_beside(now: &Map<String, Value>, before: &Map<String, Value>) -> Map<String, Value> {
    let of = |(name, value): (&String, &Value)| {
        let beside = match (value.as_object(), before[name].as_object()) {
            (Some(now), Some(before)) => Value::Object(all_beside(now, before)),
            _ if name.ends_with("_rate") => rates_beside(value, &before[name]),
            _ => beside(value.as_i64(), before[name].as_i64()),
        };
        (name.clone(), beside)
    };
    now.iter().map(of).collect()
}

impl Model<'_> {
    /// The first instant after a local day.
    fn end_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let zone = self.config_on(day).zone;
        let midnight = (day + Days::new(1)).and_hms_opt(0, 0, 0).expect("midnight");
        midnight.and_local_timezone(zone).earliest().expect("no zone of the tests skips midnight").to_utc()
    }

    fn sums(&self, (from, to): (NaiveDate, NaiveDate)) -> (Map<String, Value>, BTreeMap<String, i64>) {
        let counts = self.counts(&|day| from <= day && day <= to);
        let event = |kind: &str| counts.event(kind);
        let (sent, replies) = (event("email_sent"), event("lead_replied"));
        let end = Some(self.end_of(to));
        let (leads, pipeline) = (self.lead_summary(end), self.pipeline(end));
        let observed = |answer: &Value, member: &str| match answer["observed_at"].is_null() {
            true => Value::Null,
            false => answer[member].clone(),
        };
        let sums = json!({"calls": counts.calls.len(), "answered": counts.answered(), "qualified": counts.qualified(),
            "talk_seconds": counts.talk(), "emails_sent": sent, "replies": replies,
            "interested": event("lead_interested"), "positive_replies": counts.positive,
            "bounces": event("email_bounced"), "unsubscribes": event("lead_unsubscribed"),
            "total_leads": observed(&leads, "total_leads"), "qualified_leads": observed(&leads, "qualified_leads"),
            "pipeline_value_minor": observed(&pipeline, "total_value_minor"),
            "weighted_value_minor": observed(&pipeline, "weighted_value_minor"),
            "reply_rate": percent(replies, sent), "interest_rate": percent(event("lead_interested"), replies),
            "bounce_rate": percent(event("email_bounced"), sent),
            "unsubscribe_rate": percent(event("lead_unsubscribed"), sent)});
        let mut sums = sums.as_object().expect("an object").clone();
        sums.insert("answered_rate".to_owned(), answered_rate(&counts.calls));
        sums.extend(directions(&counts.calls));
        (sums, counts.spent().unwrap_or_default())
    }

    /// The figures of a draft of this period.
    pub fn report_figures(&self, text: &str) -> Value {
        let (from, to) = period(text);
        let last = from.pred_opt().expect("a day before");
        let earlier = match text.len() {
            7 => month_of(last),
            _ => (from - Days::new(7), last),
        };
        let ((now, spent), (before, spent_before)) = (self.sums((from, to)), self.sums(earlier));
        let mut figures = all_beside(&now, &before);
        let currencies: BTreeSet<&String> = spent.keys().chain(spent_before.keys()).collect();
        let of =
            |currency: &&String| beside(spent.get(*currency).copied(), spent_before.get(*currency).copied());
        let money: BTreeMap<&String, Value> =
            currencies.iter().map(|currency| (*currency, of(currency))).collect();
        figures.insert("ad_spend_minor".to_owned(), json!(money));
        let currency =
            |day: NaiveDate| self.pipeline(Some(self.end_of(day)))["currency"].as_str().map(str::to_owned);
        figures.insert("currency".to_owned(), json!(currency(to).or_else(|| currency(earlier.1))));
        Value::Object(figures)
    }
}
