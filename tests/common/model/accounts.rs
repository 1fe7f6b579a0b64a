//! Sender accounts and their providers (D6 to D8, L3): lifetime totals, and what the days between two of them gained.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::{Bend, Fact, Model, days, folded, percent, shown};

const OBSERVED: [&str; 1] = ["sender_account_observed"];
const ALL: [&str; 5] = [
    "sender_account_observed",
    "sender_account_added",
    "sender_account_disconnected",
    "sender_account_reconnected",
    "sender_account_removed",
];
const TOTALS: [&str; 3] = ["sends", "replies", "bounces"];

fn status_of(fact: Fact<'_>) -> &str {
    match fact.kind {
        "sender_account_observed" => fact.text("status").expect("given"),
        "sender_account_removed" => "removed",
        "sender_account_disconnected" => "disconnected",
        _ => "connected",
    }
}

/// Instance, workspace and address.
type Mailbox<'a> = (&'a str, &'a str, String);

/// The last total of an account on each day.
type Readings = BTreeMap<NaiveDate, [Option<i64>; 3]>;

/// What a total gained over one reading; a total that fell has begun anew.
fn gained(before: i64, after: i64) -> i64 {
    if after < before { after } else { after - before }
}

/// Whether the provider has begun to count anew: any of the totals is less than it was.
fn fell(before: [Option<i64>; 3], after: [Option<i64>; 3]) -> bool {
    before
        .iter()
        .zip(after)
        .any(|(before, after)| before.zip(after).is_some_and(|(before, after)| after < before))
}

impl<'a> Model<'a> {
    fn mailboxes(&self) -> BTreeMap<Mailbox<'a>, Vec<Fact<'a>>> {
        let mut boxes: BTreeMap<Mailbox<'a>, Vec<Fact<'a>>> = BTreeMap::new();
        for fact in self.of(&ALL) {
            let text = |member| fact.text(member).expect("given");
            boxes.entry((text("instance"), text("workspace"), folded(text("email")))).or_default().push(fact);
        }
        boxes
    }

    /// `/sender-accounts` of all that stand so; by address.
    pub fn account_items(&self, removed: bool) -> Value {
        let item = |((instance, workspace, email), facts): (Mailbox<'a>, Vec<Fact<'a>>)| {
            let last = facts.last().expect("a mailbox has a fact");
            let status = status_of(*last);
            let id = facts.iter().rev().find_map(|fact| fact.text("account_id"));
            let observed: Vec<Fact<'a>> = facts.iter().copied().filter(|fact| fact.is(&OBSERVED)).collect();
            let of_id: Vec<Fact<'a>> =
                observed.iter().copied().filter(|fact| fact.text("account_id") == id).collect();
            let total = |member: &str| of_id.iter().rev().find_map(|fact| fact.body[member].as_i64());
            let given = |member: &str| observed.iter().rev().find_map(|fact| fact.text(member));
            let totals = |fact: &Fact<'a>| TOTALS.map(|member| fact.body[member].as_i64());
            let resets = of_id.windows(2).filter(|pair| fell(totals(&pair[0]), totals(&pair[1]))).count();
            let tags = observed.iter().rev().find_map(|fact| fact.body["tags"].as_array());
            let tags: BTreeSet<&str> = tags.into_iter().flatten().filter_map(Value::as_str).collect();
            json!({"email": email, "instance": instance, "workspace": workspace, "account_id": id, "status": status,
                "status_at": shown(last.at), "sends": total("sends"), "replies": total("replies"),
                "bounces": total("bounces"), "resets": resets,
                "reply_rate": total("replies").zip(total("sends")).map(|(replies, sends)| percent(replies, sends)),
                "observed_at": of_id.last().map(|fact| shown(fact.at)), "email_provider": given("email_provider"),
                "reseller": given("reseller"), "tags": tags})
        };
        let items = self.mailboxes().into_iter().map(item);
        items.filter(|item| (item["status"] == "removed") == removed).collect()
    }

    /// What each account that was read gained from the end of the day before `from` to that of `to`, by address.
    pub fn account_periods(&self, from: NaiveDate, to: NaiveDate) -> BTreeMap<String, Value> {
        let item = |(mailbox, readings): (Mailbox<'a>, Readings)| {
            let ends = readings.contains_key(&(from - Days::new(1))) && readings.contains_key(&to);
            let told: Vec<[Option<i64>; 3]> =
                readings.range(from - Days::new(1)..=to).map(|(_, totals)| *totals).collect();
            let sum = |n: usize| {
                let steps = told.windows(2).map(|pair| Some(gained(pair[0][n]?, pair[1][n]?)));
                steps.sum::<Option<i64>>().filter(|_| ends)
            };
            let rate = sum(1).zip(sum(0)).map(|(replies, sends)| percent(replies, sends));
            let figures = json!({"sends": sum(0), "replies": sum(1), "bounces": sum(2), "reply_rate": rate});
            (mailbox.2, figures)
        };
        // Of a mailbox that was added again the account that was read last.
        let mut accounts: Vec<_> = self.readings().into_values().collect();
        accounts.sort_by_key(|(_, readings)| readings.keys().next_back().copied());
        accounts.into_iter().map(item).collect()
    }

    /// `/sender-accounts/status`.
    pub fn account_status(&self) -> Value {
        let items = self.account_items(false);
        let items = items.as_array().expect("a list");
        let connected = items.iter().filter(|item| item["status"] == "connected").count();
        let off = items.len() - connected;
        json!({"accounts": items.len(), "connected": connected, "disconnected": off,
            "disconnect_rate": percent(off as i64, items.len() as i64)})
    }

    /// The mailbox and the readings of each account.
    fn readings(&self) -> BTreeMap<(&'a str, &'a str, &'a str), (Mailbox<'a>, Readings)> {
        let mut accounts = BTreeMap::new();
        for fact in self.of(&OBSERVED) {
            let text = |member| fact.text(member).expect("given");
            let mailbox = (text("instance"), text("workspace"), folded(text("email")));
            let key = (text("instance"), text("workspace"), text("account_id"));
            let totals = TOTALS.map(|member| fact.body[member].as_i64());
            let (_, readings): &mut (_, Readings) = accounts.entry(key).or_insert((mailbox, Readings::new()));
            readings.insert(self.day(fact.at), totals);
        }
        accounts
    }

    fn provider_of(&self, account: (&str, &str, &str)) -> Option<&'a str> {
        let is = |fact: &Fact<'a>| {
            (fact.text("instance"), fact.text("workspace"), fact.text("account_id"))
                == (Some(account.0), Some(account.1), Some(account.2))
        };
        self.of(&OBSERVED).filter(is).filter_map(|fact| fact.text("email_provider")).next_back()
    }

    /// Mailboxes of a provider that there were on a day: from the first that was told of them to the day before they
    /// were removed for good.
    fn mailboxes_on(&self, provider: Option<&str>, day: NaiveDate) -> usize {
        let there = |facts: &Vec<Fact<'a>>| {
            let of = facts
                .iter()
                .filter(|fact| fact.is(&OBSERVED))
                .rev()
                .find_map(|fact| fact.text("email_provider"));
            let last = facts.last().expect("a mailbox has a fact");
            let is_gone = status_of(*last) == "removed" && self.day(last.at) <= day;
            of == provider && self.day(facts[0].at) <= day && !is_gone
        };
        self.mailboxes().values().filter(|facts| there(facts)).count()
    }

    /// `/provider-performance`.
    pub fn performance(&self, from: NaiveDate, to: NaiveDate) -> Value {
        let boxes = self.mailboxes();
        let of_box = |facts: &Vec<Fact<'a>>| {
            facts.iter().filter(|fact| fact.is(&OBSERVED)).rev().find_map(|fact| fact.text("email_provider"))
        };
        // What an account gained is its own provider's, also where its mailbox was added again elsewhere.
        let all: Vec<_> = self
            .readings()
            .into_iter()
            .map(|(account, (_, readings))| (self.provider_of(account), readings))
            .collect();
        // Accounts of which no provider is told come last.
        let named = boxes.values().map(of_box).chain(all.iter().map(|(provider, _)| *provider));
        let providers: BTreeSet<(bool, Option<&str>)> = named.map(|of| (of.is_none(), of)).collect();
        let mut items = Vec::new();
        for day in days(from, to) {
            for (_, provider) in &providers {
                let accounts = self.mailboxes_on(*provider, day);
                let readings = all.iter().filter(|(of, _)| of == provider).map(|(_, readings)| readings);
                let row = self.provider_day(day, &readings.collect::<Vec<_>>());
                if accounts > 0 || row["measured_accounts"] != 0 || !row["span"].is_null() {
                    let mut row = row;
                    row["date"] = json!(day);
                    row["email_provider"] = json!(provider);
                    row["accounts"] = json!(accounts);
                    items.push(row);
                }
            }
        }
        json!({"timezone": self.config_on(to).zone.name(), "items": items})
    }

    fn provider_day(&self, day: NaiveDate, accounts: &[&Readings]) -> Value {
        let (mut sums, mut measured, mut resets) = ([None; 3], 0, 0);
        let mut gap: Option<(NaiveDate, NaiveDate, [Option<i64>; 3])> = None;
        for readings in accounts {
            let before = readings.range(..day).next_back();
            let after = readings.range(day..).next();
            let (Some((last, before)), Some((next, after))) = (before, after) else { continue };
            let gains: [Option<i64>; 3] =
                std::array::from_fn(|n| before[n].zip(after[n]).map(|(before, after)| gained(before, after)));
            let whole = *next == day && (*last == day - Days::new(1) || self.bend == Bend::GapsAreZero);
            let add = |to: &mut [Option<i64>; 3]| {
                for (to, gain) in to.iter_mut().zip(gains) {
                    *to = gain.map(|gain| to.unwrap_or(0) + gain).or(*to);
                }
            };
            if whole {
                add(&mut sums);
                measured += usize::from(gains[0].is_some());
                resets += usize::from(before[0].zip(after[0]).is_some_and(|(before, after)| after < before));
            } else {
                let first = *last + Days::new(1);
                let (from, to, gains) = gap.get_or_insert((first, *next, [None; 3]));
                (*from, *to) = (first.min(*from), (*next).max(*to));
                add(gains);
            }
        }
        let rate = sums[1].zip(sums[0]).map(|(replies, sends)| percent(replies, sends));
        let span = gap.map(|(from, to, gains)| {
            json!({"from": from, "to": to, "sends": gains[0], "replies": gains[1], "bounces": gains[2]})
        });
        json!({"measured_accounts": measured, "sends": sums[0], "replies": sums[1], "bounces": sums[2],
            "reply_rate": rate, "resets": resets, "span": span})
    }
}
