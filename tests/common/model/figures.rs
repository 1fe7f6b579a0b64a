//! Figures of days and months (A6, A7, D2, F1): calls, money, outreach, targets and pace.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::calls::Call;
use super::outreach::EVENTS;
use super::{Bend, Fact, Model, days, month_of, percent, quotient, ratio, shown};

/// What was spent on a day by an account.
pub struct Spend<'a> {
    pub date: NaiveDate,
    account: (&'a str, &'a str),
    pub currency: &'a str,
    pub minor: i64,
    read: DateTime<Utc>,
}

/// Minor units by currency.
pub type Money = BTreeMap<String, i64>;

/// All that is counted of some days.
pub struct Counts<'m, 'a> {
    pub calls: Vec<&'m Call<'a>>,
    pub events: BTreeMap<&'static str, i64>,
    pub repliers: i64,
    pub positive: i64,
    pub spend: Vec<Spend<'a>>,
}

/// Of calls of one direction, whatever the tenant counts.
pub fn directions(calls: &[&Call<'_>]) -> Map<String, Value> {
    let of = |direction: &str| {
        let calls: Vec<_> = calls.iter().filter(|call| call.direction == Some(direction)).collect();
        let answered = calls.iter().filter(|call| call.answered).count() as i64;
        json!({"calls": calls.len(), "answered": answered,
            "qualified": calls.iter().filter(|call| call.qualified()).count(),
            "talk_seconds": calls.iter().map(|call| call.talk()).sum::<i64>(),
            "answered_rate": percent(answered, calls.len() as i64)})
    };
    ["inbound", "outbound"].map(|direction| (direction.to_owned(), of(direction))).into_iter().collect()
}

/// Answered, of the calls of directions that the tenant counts.
pub fn answered_rate(calls: &[&Call<'_>]) -> Value {
    let counted = || calls.iter().filter(|call| call.counted);
    percent(counted().filter(|call| call.answered).count() as i64, counted().count() as i64)
}

impl Counts<'_, '_> {
    pub fn event(&self, kind: &str) -> i64 {
        self.events.get(kind).copied().unwrap_or(0)
    }

    pub fn answered(&self) -> i64 {
        self.calls.iter().filter(|call| call.counted && call.answered).count() as i64
    }

    pub fn qualified(&self) -> i64 {
        self.calls.iter().filter(|call| call.counted && call.qualified()).count() as i64
    }

    pub fn talk(&self) -> i64 {
        self.calls.iter().map(|call| call.talk()).sum()
    }

    /// What was spent, by currency; none where nothing was read.
    pub fn spent(&self) -> Option<Money> {
        let mut money = Money::new();
        for spend in &self.spend {
            *money.entry(spend.currency.to_owned()).or_default() += spend.minor;
        }
        (!money.is_empty()).then_some(money)
    }
}

impl<'a> Model<'a> {
    /// The read that stands for each account and day: the newest.
    fn spend(&self) -> Vec<Spend<'a>> {
        let mut newest: BTreeMap<(&str, &str, &str), Fact<'a>> = BTreeMap::new();
        for fact in self.of(&["ad_spend_observed"]) {
            let text = |member| fact.text(member).expect("given");
            let key = (text("source"), text("account_id"), text("date"));
            if self.bend == Bend::FirstSpendStands {
                newest.entry(key).or_insert(fact);
            } else {
                newest.insert(key, fact);
            }
        }
        let spend = |((source, account, date), fact): ((&'a str, &'a str, &'a str), Fact<'a>)| Spend {
            date: date.parse().expect("a day"),
            account: (source, account),
            currency: fact.text("currency").expect("given"),
            minor: fact.body["amount_minor"].as_i64().expect("given"),
            read: fact.at,
        };
        newest.into_iter().map(spend).collect()
    }

    /// Everything of the days that are within.
    pub fn counts(&self, within: &dyn Fn(NaiveDate) -> bool) -> Counts<'_, 'a> {
        let of_day = |fact: &Fact<'a>| within(self.day(fact.at));
        let mut events = BTreeMap::new();
        for kind in EVENTS {
            events.insert(kind, self.of(&[kind]).filter(of_day).count() as i64);
        }
        let replied =
            |facts: &Vec<Fact<'a>>| facts.iter().any(|fact| fact.kind == "lead_replied" && of_day(fact));
        let repliers = self.leads().values().filter(|facts| replied(facts)).count();
        let interest = self.first_interest();
        Counts {
            calls: self.calls().iter().filter(|call| call.counts && within(call.day)).collect(),
            events,
            repliers: repliers as i64,
            positive: interest.values().filter(|at| within(self.day(**at))).count() as i64,
            spend: self.spend().into_iter().filter(|spend| within(spend.date)).collect(),
        }
    }

    /// The figures of the days that are within.
    fn figures(&self, within: &dyn Fn(NaiveDate) -> bool) -> Map<String, Value> {
        let counts = self.counts(within);
        let event = |kind: &str| counts.event(kind);
        let (sent, replies) = (event("email_sent"), event("lead_replied"));
        let mut outcomes: BTreeMap<&str, i64> = BTreeMap::new();
        let mut agents: BTreeMap<Option<&str>, Vec<&Call<'a>>> = BTreeMap::new();
        for call in &counts.calls {
            agents.entry(call.agent.as_deref()).or_default().push(call);
            if let Some(outcome) = call.outcome.as_deref() {
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
        // By name, nobody's last.
        let nobody = agents.remove_entry(&None);
        let row = |(agent, calls): (Option<&str>, Vec<&Call<'a>>)| {
            let count = |is: &dyn Fn(&Call<'a>) -> bool| calls.iter().filter(|call| is(call)).count();
            let mut row = json!({"agent": agent, "answered_rate": answered_rate(&calls), "calls": calls.len(), "answered": count(&|call| call.counted && call.answered),
                "qualified": count(&|call| call.counted && call.qualified()),
                "talk_seconds": calls.iter().map(|call| call.talk()).sum::<i64>(),
                "pickups": count(&|call| call.pickup()), "connected": count(&|call| call.connected())});
            row.as_object_mut().expect("an object").extend(directions(&calls));
            row
        };
        let by_agent: Vec<Value> = agents.into_iter().chain(nobody).map(row).collect();
        let mut figures = json!({
            "calls": counts.calls.len(), "answered": counts.answered(), "qualified": counts.qualified(),
            "talk_seconds": counts.talk(), "answered_rate": answered_rate(&counts.calls), "outcomes": outcomes, "by_agent": by_agent,
            "emails_sent": sent, "replies": replies, "interested": event("lead_interested"),
            "bounces": event("email_bounced"), "unsubscribes": event("lead_unsubscribed"),
            "unique_replies": counts.repliers, "positive_replies": counts.positive,
            "reply_rate": percent(replies, sent), "interest_rate": percent(event("lead_interested"), replies),
            "bounce_rate": percent(event("email_bounced"), sent),
            "unsubscribe_rate": percent(event("lead_unsubscribed"), sent)});
        let figures = figures.as_object_mut().expect("an object");
        figures.extend(directions(&counts.calls));
        figures.extend(self.money(&counts));
        std::mem::take(figures)
    }

    fn money(&self, counts: &Counts<'_, 'a>) -> Map<String, Value> {
        let (spent, qualified) = (counts.spent(), counts.qualified());
        let dates = counts.spend.iter().map(|spend| spend.date);
        let mut last_read: BTreeMap<(&str, &str), DateTime<Utc>> = BTreeMap::new();
        for spend in &counts.spend {
            let read = last_read.entry(spend.account).or_insert(spend.read);
            *read = spend.read.max(*read);
        }
        let span = dates.clone().min().map(|from| json!({"from": from, "to": dates.max()}));
        let cost = spent.as_ref().filter(|_| qualified > 0).map(|spent| -> BTreeMap<&String, i64> {
            let each = |minor: i64| ratio(minor.into(), qualified.into()).expect("some are qualified") as i64;
            spent.iter().map(|(currency, minor)| (currency, each(*minor))).collect()
        });
        let roi = spent.as_ref().and_then(|spent| self.roi(counts, spent));
        let whole = |money: &Money| match (money.len(), money.values().next()) {
            (1, Some(minor)) => Some(*minor),
            _ => None,
        };
        let percent_of =
            roi.as_ref().zip(spent.as_ref()).and_then(|(roi, spent)| Some((whole(roi)?, whole(spent)?)));
        let money = json!({"ad_spend_minor": spent, "ad_spend_span": span,
            "ad_spend_observed_at": last_read.values().min().map(|at| shown(*at)),
            "cost_per_qualified_call_minor": cost, "estimated_roi_minor": roi,
            "estimated_roi_percent": percent_of.map(|(roi, spent)| percent(roi, spent))});
        money.as_object().expect("an object").clone()
    }

    /// Qualified × job value − spend; none where the worth of a call, or its currency, is not known.
    fn roi(&self, counts: &Counts<'_, 'a>, spent: &Money) -> Option<Money> {
        let mut roi: Money = spent.iter().map(|(currency, minor)| (currency.clone(), -minor)).collect();
        for call in counts.calls.iter().filter(|call| call.counted && call.qualified()) {
            let config = self.config_at(call.started);
            let worth = config.rule("job_value_minor")?;
            let only = || (spent.len() == 1).then(|| spent.keys().next().cloned()).flatten();
            let currency = config.currency().map(str::to_owned).or_else(only)?;
            *roi.entry(currency).or_default() += worth;
        }
        Some(roi)
    }

    /// `/metrics/month` of the month of a day.
    pub fn month(&self, of: NaiveDate) -> Value {
        let (first, last) = month_of(of);
        let mut month = self.figures(&|day| first <= day && day <= last);
        let targets = self.targets(&first.format("%Y-%m").to_string(), last, &month);
        let head = json!({"month": first.format("%Y-%m").to_string(), "targets": targets,
            "timezone": self.config_on(last).zone.name()});
        month.extend(head.as_object().expect("an object").clone());
        Value::Object(month)
    }

    /// `/metrics/days`.
    pub fn days(&self, from: NaiveDate, to: NaiveDate) -> Value {
        let day = |date: NaiveDate| {
            let mut day = self.figures(&|other| other == date);
            day.insert("date".to_owned(), json!(date));
            Value::Object(day)
        };
        json!({"timezone": self.config_on(to).zone.name(), "items": days(from, to).map(day).collect::<Vec<_>>()})
    }

    /// `/metrics/sources`: most calls first, then by name, those that name none last.
    pub fn sources(&self, from: NaiveDate, to: NaiveDate) -> Value {
        let counts = self.counts(&|day| from <= day && day <= to);
        let mut sources: BTreeMap<[Option<&str>; 2], Vec<&Call<'a>>> = BTreeMap::new();
        for call in &counts.calls {
            sources.entry(call.from_where).or_default().push(call);
        }
        let mut rows: Vec<_> = sources.into_iter().collect();
        rows.sort_by_key(|(names, calls)| {
            (std::cmp::Reverse(calls.len()), names.map(|name| (name.is_none(), name.map(str::to_owned))))
        });
        let row = |([source, campaign], calls): ([Option<&str>; 2], Vec<&Call<'a>>)| {
            let count = |is: &dyn Fn(&Call<'a>) -> bool| calls.iter().filter(|call| is(call)).count();
            let mut row = json!({"source": source, "campaign": campaign, "calls": calls.len(),
                "answered": count(&|call| call.counted && call.answered),
                "qualified": count(&|call| call.counted && call.qualified()),
                "talk_seconds": calls.iter().map(|call| call.talk()).sum::<i64>(),
                "answered_rate": answered_rate(&calls)});
            row.as_object_mut().expect("an object").extend(directions(&calls));
            row
        };
        json!({"from": from, "to": to, "timezone": self.config_on(to).zone.name(),
            "items": rows.into_iter().map(row).collect::<Vec<_>>()})
    }

    /// Targets of a month that ends on `last`, beside what was reached.
    fn targets(&self, month: &str, last: NaiveDate, reached: &Map<String, Value>) -> Map<String, Value> {
        let mut targets = Map::new();
        let today = self.today();
        let (length, first) = (i64::from(last.day()), month_of(last).0);
        let elapsed = ((today - first).num_days() + 1).clamp(0, length);
        for fact in self.of(&["target_set"]).filter(|fact| fact.text("month") == Some(month)) {
            let metric = fact.text("metric").expect("given");
            let (target, value) =
                (fact.body["value"].as_i64().expect("given"), reached[metric].as_i64().expect("a count"));
            let status = match elapsed {
                _ if value >= target => json!("above"),
                0 => Value::Null,
                _ if value * length >= target * elapsed => json!("on_track"),
                _ => json!("below"),
            };
            let mut figures = json!({"target": target, "value": value, "progress": percent(value, target),
                "projection": quotient(value * length, elapsed), "status": status, "today": null,
                "daily_target": quotient(target, length), "daily_status": null});
            if first <= today && today <= last {
                let now = self.figures(&|day| day == today)[metric].as_i64().expect("a count");
                // Today against the exact share of a day: now / (target / length).
                let daily = match now * length * 100 {
                    done if done >= target * 90 => "ok",
                    done if done >= target * 70 => "low",
                    _ => "critical",
                };
                figures["today"] = json!(now);
                figures["daily_status"] = json!(daily);
            }
            targets.insert(metric.to_owned(), figures);
        }
        targets
    }
}
