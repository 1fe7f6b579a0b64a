//! Spend, sender accounts and targets computed a second time, naively, from all facts at once: no rows, no windows.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Given, at, given, history, live, recorded};
use domain::facts::Fact;
use domain::facts::tenant::TenantFact;
use domain::members::{Day, Instant, Month};
use domain::rules::configuration::Timeline;
use projections::entities::sender_accounts::list::AccountFilter;
use proptest::prelude::*;
use serde_json::{Value, json};

const COUNTERS: [&str; 3] = ["sends", "replies", "bounces"];
const NOW: &str = "2025-11-01T12:00:00Z";

fn text(body: &Value, member: &str) -> Option<String> {
    body[member].as_str().map(str::to_owned)
}

fn timeline(facts: &[Given]) -> Timeline {
    let mut timeline = Timeline::default();
    for fact in recorded(facts) {
        if let Fact::Tenant(TenantFact::Configured(body)) = fact.fact {
            timeline.push(fact.position, fact.recorded_at, body);
        }
    }
    timeline
}

/// The last configuration that is effective on `day`: its job value.
fn job_value(facts: &[Given], day: Day) -> Option<i64> {
    let configured: Vec<_> = facts.iter().filter(|fact| fact.kind == "tenant_configured").collect();
    let is_effective = |(n, fact): &(usize, &&Given)| {
        let zone = domain::rules::calendar::ZoneName::parse(fact.body["timezone"].as_str().unwrap()).unwrap();
        let default = zone.day(at("2025-12-24T12:00:00Z"));
        let from = text(&fact.body, "effective_from").map_or(default, |day| Day::parse(&day).unwrap());
        *n == 0 || from <= day
    };
    let (_, fact) = configured.iter().enumerate().rfind(is_effective)?;
    fact.body["rules"]["job_value_minor"].as_i64()
}

fn digest(fact: &Given) -> Vec<u8> {
    fact.content[..8].to_vec()
}

/// Half away from zero.
fn rounded(part: i128, whole: i128) -> i128 {
    let (magnitude, whole) = (part.abs(), whole.abs());
    (magnitude / whole + i128::from(2 * (magnitude % whole) >= whole)) * part.signum()
}

/// The newest observation of each account and day within `from..=to`, and what follows from it.
fn money(facts: &[Given], from: Day, to: Day, qualified: &BTreeMap<Day, i64>) -> Value {
    let mut newest: BTreeMap<(String, String), &Given> = BTreeMap::new();
    let mut observed: Vec<&Given> = facts.iter().filter(|fact| fact.kind == "ad_spend_observed").collect();
    observed.sort_by_key(|fact| (fact.occurred_at, digest(fact)));
    for fact in observed {
        let account = format!("{}/{}", fact.body["source"], fact.body["account_id"]);
        newest.insert((account, text(&fact.body, "date").unwrap()), fact);
    }
    newest.retain(|(_, date), _| (from..=to).contains(&Day::parse(date).unwrap()));
    let none = [
        "ad_spend_minor",
        "ad_spend_span",
        "ad_spend_observed_at",
        "cost_per_qualified_call_minor",
        "estimated_roi_minor",
    ];
    if newest.is_empty() {
        let mut all: BTreeMap<&str, Value> = none.iter().map(|name| (*name, Value::Null)).collect();
        all.insert("estimated_roi_percent", Value::Null);
        return json!(all);
    }
    let mut spend: BTreeMap<String, i128> = BTreeMap::new();
    let mut accounts: BTreeMap<&String, Instant> = BTreeMap::new();
    for ((account, _), fact) in &newest {
        let currency = text(&fact.body, "currency").unwrap().to_uppercase();
        *spend.entry(currency).or_default() += i128::from(fact.body["amount_minor"].as_i64().unwrap());
        let at = accounts.entry(account).or_insert(fact.occurred_at);
        *at = fact.occurred_at.max(*at);
    }
    let dates: BTreeSet<&String> = newest.keys().map(|(_, date)| date).collect();
    let calls: i64 = qualified.range(from..=to).map(|(_, count)| count).sum();
    let cost = |(currency, minor): (&String, &i128)| (currency.clone(), rounded(*minor, calls.into()) as i64);
    let worth =
        qualified.range(from..=to).filter(|(_, count)| **count > 0).try_fold(0, |sum, (day, count)| {
            Some(sum + i128::from(*count) * i128::from(job_value(facts, *day)?))
        });
    // No configuration of these histories names a currency: what calls are worth is in that of the spend, if it is one.
    let roi: Option<BTreeMap<String, i64>> = match worth {
        Some(worth) if calls == 0 || spend.len() == 1 => {
            Some(spend.iter().map(|(currency, minor)| (currency.clone(), (worth - minor) as i64)).collect())
        }
        _ => None,
    };
    let percent = roi.as_ref().filter(|_| spend.len() == 1).and_then(|roi| {
        let (roi, spend) = (roi.values().next()?, spend.values().next()?);
        (*spend != 0).then(|| rounded(i128::from(*roi) * 10_000, *spend) * spend.signum())
    });
    json!({
        "ad_spend_minor": spend.iter().map(|(currency, minor)| (currency.clone(), *minor as i64)).collect::<BTreeMap<_, _>>(),
        "ad_spend_span": {"from": dates.first(), "to": dates.last()},
        "ad_spend_observed_at": accounts.values().min().unwrap().to_string(),
        "cost_per_qualified_call_minor": (calls > 0).then(|| spend.iter().map(cost).collect::<BTreeMap<_, _>>()),
        "estimated_roi_minor": roi,
        "estimated_roi_percent": percent.map(|hundredths| hundredths as f64 / 100.0),
    })
}

fn rank(fact: &Given) -> u8 {
    match (fact.kind, fact.body["status"].as_str()) {
        ("sender_account_removed", _) => 2,
        ("sender_account_disconnected", _) | (_, Some("disconnected")) => 1,
        _ => 0,
    }
}

type AccountKey = (String, String);

/// Account facts by workspace and id, `@` and the address where there is none; in the order that decides.
fn by_account(facts: &[Given]) -> BTreeMap<AccountKey, Vec<&Given>> {
    let mut accounts: BTreeMap<AccountKey, Vec<&Given>> = BTreeMap::new();
    let mut sorted: Vec<_> = facts.iter().filter(|fact| fact.kind.starts_with("sender_account_")).collect();
    sorted.sort_by_key(|fact| (fact.occurred_at, rank(fact), digest(fact)));
    for fact in sorted {
        let email = || format!("@{}", text(&fact.body, "email").unwrap().to_lowercase());
        let id = text(&fact.body, "account_id").unwrap_or_else(email);
        accounts.entry((text(&fact.body, "workspace").unwrap(), id)).or_default().push(fact);
    }
    accounts
}

fn last(facts: &[&Given], member: &str) -> Option<String> {
    facts.iter().rev().find_map(|fact| text(&fact.body, member))
}

/// First day, last day, counter, amount, falls.
type NaiveGain = (Day, Day, usize, i64, i64);

fn gains(facts: &[&Given], timeline: &Timeline) -> Vec<NaiveGain> {
    let mut all = Vec::new();
    for (counter, name) in COUNTERS.iter().enumerate() {
        let mut days: BTreeMap<Day, Vec<i64>> = BTreeMap::new();
        for fact in facts {
            if let Some(total) = fact.body[*name].as_i64() {
                days.entry(timeline.at(fact.occurred_at).1).or_default().push(total);
            }
        }
        let mut before: Option<(Day, i64)> = None;
        for (day, totals) in days {
            if let Some((last_day, mut total)) = before {
                let (mut amount, mut falls) = (0, 0);
                for next in &totals {
                    amount += if *next < total { *next } else { next - total };
                    falls += i64::from(*next < total);
                    total = *next;
                }
                all.push((Day(last_day.0 + 1), day, counter, amount, falls));
            }
            before = totals.last().map(|total| (day, *total));
        }
    }
    all
}

/// What `/provider-performance` must say, by day and provider.
fn performance(facts: &[Given], timeline: &Timeline, from: Day, to: Day) -> BTreeMap<String, Value> {
    let accounts = by_account(facts);
    let mut all: Vec<(Option<String>, NaiveGain)> = Vec::new();
    for facts in accounts.values() {
        let provider = last(facts, "email_provider");
        all.extend(gains(facts, timeline).into_iter().map(|gain| (provider.clone(), gain)));
    }
    let boxes = mailboxes(&accounts);
    let mut expected = BTreeMap::new();
    for day in from.0..=to.0 {
        let day = Day(day);
        let there = |(_, mailbox): &(&AccountKey, &Mailbox)| {
            let first = timeline.at(mailbox.first_at).1;
            let gone = (mailbox.status == "removed").then(|| timeline.at(mailbox.status_at).1);
            first <= day && gone.is_none_or(|gone| day < gone)
        };
        let present: Vec<Option<String>> =
            boxes.iter().filter(there).map(|(_, mailbox)| mailbox.provider.clone()).collect();
        let touching = all.iter().filter(|(_, (from, to, ..))| (*from..=*to).contains(&day));
        let providers: BTreeSet<_> =
            present.iter().cloned().chain(touching.map(|(provider, _)| provider.clone())).collect();
        for provider in providers {
            let own = || all.iter().filter(|(of, _)| *of == provider).map(|(_, gain)| gain);
            let exact = |counter| own().filter(move |g| g.0 == day && g.1 == day && g.2 == counter);
            let spans: Vec<_> = own().filter(|g| g.0 != g.1 && (g.0..=g.1).contains(&day)).collect();
            let sum =
                |gains: Vec<&NaiveGain>| (!gains.is_empty()).then(|| gains.iter().map(|g| g.3).sum::<i64>());
            let of = |counter| sum(exact(counter).collect());
            let rate = match (of(0), of(1)) {
                (Some(sends), Some(replies)) if sends != 0 => {
                    Some(rounded(i128::from(replies) * 10_000, sends.into()) as f64 / 100.0)
                }
                _ => None,
            };
            let in_span = |counter| sum(spans.iter().copied().filter(|g| g.2 == counter).collect());
            let span =
                spans.iter().map(|g| g.0).min().zip(spans.iter().map(|g| g.1).max()).map(|(from, to)| {
                    json!({"from": from.to_string(), "to": to.to_string(), "sends": in_span(0),
                    "replies": in_span(1), "bounces": in_span(2)})
                });
            let item = json!({
                "date": day.to_string(),
                "email_provider": provider,
                "accounts": present.iter().filter(|of| **of == provider).count(),
                "measured_accounts": exact(0).count(),
                "sends": of(0), "replies": of(1), "bounces": of(2), "reply_rate": rate,
                "resets": exact(0).map(|g| g.4).sum::<i64>(),
                "span": span,
            });
            expected.insert(format!("{day} {provider:?}"), item);
        }
    }
    expected
}

struct Mailbox {
    status: &'static str,
    status_at: Instant,
    first_at: Instant,
    provider: Option<String>,
}

fn mailboxes(accounts: &BTreeMap<AccountKey, Vec<&Given>>) -> BTreeMap<AccountKey, Mailbox> {
    let address = |facts: &[&Given]| last(facts, "email").unwrap().to_lowercase();
    let mut grouped: BTreeMap<AccountKey, Vec<(&AccountKey, &Vec<&Given>)>> = BTreeMap::new();
    for (key, facts) in accounts {
        grouped.entry((key.0.clone(), address(facts))).or_default().push((key, facts));
    }
    let make = |(key, rows): (AccountKey, Vec<(&AccountKey, &Vec<&Given>)>)| {
        let order = |fact: &&Given| (fact.occurred_at, rank(fact), digest(fact));
        let told = rows.iter().find(|(key, _)| key.1.starts_with('@')).and_then(|(_, facts)| facts.last());
        let own = rows.iter().filter(|(key, _)| !key.1.starts_with('@'));
        let each: Vec<&Given> = own
            .map(|(_, facts)| facts.last().into_iter().chain(told).copied().max_by_key(order).unwrap())
            .collect();
        let stands = each.iter().copied().max_by_key(|fact| (rank(fact) != 2, order(fact)));
        let stands = stands.or(told.copied()).unwrap();
        let mut all: Vec<&Given> = rows.iter().flat_map(|(_, facts)| facts.iter().copied()).collect();
        all.sort_by_key(order);
        let mailbox = Mailbox {
            status: ["connected", "disconnected", "removed"][usize::from(rank(stands))],
            status_at: stands.occurred_at,
            first_at: all[0].occurred_at,
            provider: last(&all, "email_provider"),
        };
        (key, mailbox)
    };
    grouped.into_iter().map(make).collect()
}

fn targets(facts: &[Given], month: &str) -> BTreeMap<String, u64> {
    let of = |fact: &&Given| fact.kind == "target_set" && fact.body["month"] == month;
    let mut sorted: Vec<&Given> = facts.iter().filter(of).collect();
    sorted.sort_by_key(|fact| (fact.occurred_at, digest(fact)));
    sorted
        .iter()
        .map(|fact| (text(&fact.body, "metric").unwrap(), fact.body["value"].as_u64().unwrap()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_history_when_counted_by_hand_then_money_accounts_and_targets_agree(facts in history()) {
        let timeline = timeline(&facts);
        let tenant = live(&recorded(&facts));
        let day = |text: &str| Day::parse(text).unwrap();
        let (from, to) = (day("2025-09-29"), day("2025-12-02"));
        let days = tenant.days(from, to).answer(0).items;
        let qualified: BTreeMap<Day, i64> =
            days.iter().map(|item| (day(&item.date), item.figures.qualified)).collect();
        for item in &days {
            let date = day(&item.date);
            let served = serde_json::to_value(&item.figures.money).unwrap();
            prop_assert_eq!(served, money(&facts, date, date, &qualified), "{}", item.date);
        }
        for name in ["2025-10", "2025-11"] {
            let month = Month::parse(name).unwrap();
            let answer = tenant.month(0, month, at(NOW));
            let served = serde_json::to_value(&answer.figures.money).unwrap();
            prop_assert_eq!(served, money(&facts, month.first(), month.last(), &qualified), "{}", name);
            let set: BTreeMap<String, u64> =
                answer.targets.iter().map(|(metric, of)| ((*metric).to_owned(), of.target)).collect();
            prop_assert_eq!(set, targets(&facts, name));
        }

        let served = tenant.performance().answer(0, from, to).items;
        let mut expected = performance(&facts, &timeline, from, to);
        for item in served {
            let key = format!("{} {:?}", item.date, item.email_provider);
            prop_assert_eq!(Some(serde_json::to_value(&item).unwrap()), expected.remove(&key), "{}", key);
        }
        prop_assert!(expected.is_empty(), "{:?}", expected);

        let boxes = mailboxes(&by_account(&facts));
        let status = tenant.sender_accounts.rows.status(0);
        let count = |word| boxes.values().filter(|mailbox| mailbox.status == word).count() as i64;
        prop_assert_eq!((status.connected, status.disconnected), (count("connected"), count("disconnected")));
    }
}

#[test]
fn null_control_the_model_sees_a_missing_observation() {
    let poll = |day: u32, sends: u64| {
        let body = json!({"instance": "i.example", "workspace": "17", "account_id": "1", "email": "a@s.example",
            "status": "connected", "sends": sends});
        crate::common::given("sender_account_observed", at(&format!("2025-10-{day:02}T12:00:00Z")), body)
    };
    let facts = [poll(1, 10), poll(2, 30), poll(3, 70)];
    let of = |facts: &[Given]| {
        performance(
            facts,
            &timeline(facts),
            Day::parse("2025-10-02").unwrap(),
            Day::parse("2025-10-03").unwrap(),
        )
    };
    let whole = of(&facts);
    assert_eq!(whole["2025-10-03 None"]["sends"], 40);
    let gap = of(&[facts[0].clone(), facts[2].clone()]);
    assert_eq!(
        (&gap["2025-10-03 None"]["sends"], &gap["2025-10-02 None"]["span"]["sends"]),
        (&json!(null), &json!(60))
    );
}

#[test]
fn d6_given_totals_that_fall_at_two_readings_then_two_resets_whichever_fell() {
    let read = |day: u32, totals: [Option<u64>; 3]| {
        let body = json!({"instance": "i.example", "workspace": "17", "account_id": "1", "email": "a@s.example",
            "status": "connected", "sends": totals[0], "replies": totals[1], "bounces": totals[2]});
        given("sender_account_observed", at(&format!("2025-10-{day:02}T12:00:00Z")), body)
    };
    let facts = [
        read(1, [Some(576), Some(13), Some(1)]),
        read(2, [Some(26), Some(1), None]),
        read(3, [Some(30), Some(1), Some(0)]),
    ];
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let facts = order.map(|at| facts[at].clone());
        let page =
            live(&recorded(&facts)).sender_accounts.rows.page(0, &AccountFilter::default(), None, None, 50);
        assert_eq!(page.items[0].resets, 2, "in order {order:?}");
    }
}
