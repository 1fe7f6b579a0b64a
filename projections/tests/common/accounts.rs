//! Random facts of sender accounts, ad spend and targets, and what is served of them.

use domain::members::Day;
use projections::entities::sender_accounts::list::AccountFilter;
use projections::entities::sender_accounts::period::AccountPeriod;
use projections::tenant::Tenant;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Given, all_pages, given, instant, maybe, one};

fn observed() -> impl Strategy<Value = Given> {
    let names = (one(&["17", "18"]), one(&["1", "2", "3"]), one(&["A@s.example", "b@s.example"]));
    let totals = (maybe(&[0, 40, 100, 150]), maybe(&[0, 3, 9]), maybe(&[0, 1]));
    let told = (maybe(&["Gmail", "Gmail", "Outlook"]), maybe(&["Inboxly"]), 0usize..3);
    (names, one(&["connected", "disconnected"]), totals, told, instant()).prop_map(
        |((workspace, id, email), status, totals, (provider, reseller, tags), when)| {
            let tags = &["x", "y"][..tags];
            let body = json!({"instance": "i.example", "workspace": workspace, "account_id": id, "email": email,
                "status": status, "sends": totals.0, "replies": totals.1, "bounces": totals.2,
                "email_provider": provider, "reseller": reseller, "tags": tags});
            given("sender_account_observed", when, body)
        },
    )
}

fn event() -> impl Strategy<Value = Given> {
    let kinds = prop::sample::select(vec![
        "sender_account_added",
        "sender_account_disconnected",
        "sender_account_reconnected",
        "sender_account_removed",
    ]);
    let names = (one(&["17", "18"]), maybe(&["1", "2", "3"]), one(&["a@s.example", "b@s.example"]));
    (kinds, names, instant()).prop_map(|(kind, (workspace, id, email), when)| {
        let body = json!({"instance": "i.example", "workspace": workspace, "account_id": id, "email": email});
        given(kind, when, body)
    })
}

pub fn sender_account() -> impl Strategy<Value = Given> {
    prop_oneof![3 => observed(), 1 => event()]
}

const DAYS: [&str; 6] = ["2025-09-30", "2025-10-01", "2025-10-02", "2025-10-31", "2025-11-01", "2025-11-02"];

pub fn spend() -> impl Strategy<Value = Given> {
    let of = (one(&["google_ads", "meta"]), one(&["1", "2"]), one(&DAYS));
    let amount = prop::sample::select(vec![0i64, 1, 25_000, 40_000, -100]);
    let currency = one(&["USD", "usd", "EUR"]);
    (of, amount, currency, instant()).prop_map(|((source, account, date), amount, currency, when)| {
        let body = json!({"source": source, "account_id": account, "date": date, "amount_minor": amount,
            "currency": currency});
        given("ad_spend_observed", when, body)
    })
}

pub fn target() -> impl Strategy<Value = Given> {
    let of =
        (one(&["2025-10", "2025-11", "2025-12"]), one(&["positive_replies", "emails_sent", "qualified"]));
    let value = prop::sample::select(vec![0u64, 1, 2, 31, 1_000]);
    (of, value, instant()).prop_map(|((month, metric), value, when)| {
        given("target_set", when, json!({"month": month, "metric": metric, "value": value}))
    })
}

/// What is served of accounts, beside the months.
pub fn served(tenant: &Tenant) -> Value {
    let day = |text| Day::parse(text).unwrap();
    let accounts = tenant.sender_accounts.rows.clone();
    let listed = |status| {
        let filter = AccountFilter { status, ..AccountFilter::default() };
        let timeline = tenant.profile.timeline.clone();
        let period = AccountPeriod { from: day("2025-10-01"), to: day("2025-11-15"), timeline };
        all_pages(|after| accounts.page(0, &filter, Some(&period), after, 3))
    };
    let removed = projections::entities::sender_accounts::told::AccountState::Removed;
    json!({
        "accounts": listed(None),
        "removed": listed(Some(removed)),
        "status": accounts.status(0),
        "performance": tenant.performance().answer(0, day("2025-01-30"), day("2025-12-02")),
    })
}
