//! Ad spend: each account's day as it was read that evening, and closed days once more, a little corrected.

use serde_json::{Value, json};

use super::{DAY, date, fact};
use crate::cli::demo::random::Random;
use crate::cli::demo::traffic::{DAYS, Tenant};

/// Id of the account at Google, as its facts name it.
pub const GOOGLE_ACCOUNT: &str = "3141592653";
/// Id of the account at Meta.
pub const META_ACCOUNT: &str = "2718281828";
/// Days after which the provider corrects a day once.
const CORRECTED_AFTER: i64 = 3;

/// Two accounts, every day.
pub fn facts(tenant: &Tenant, now: i64, random: &mut Random) -> Vec<Value> {
    let mut facts = Vec::new();
    for (source, account) in [("google_ads", GOOGLE_ACCOUNT), ("meta", META_ACCOUNT)] {
        for ago in (0..DAYS).rev() {
            let day = now - ago * DAY;
            let mut observe = |read: i64, amount: u64, number: u32| {
                let id = format!("{source}/{account}/{}/{number}", date(day));
                let body = json!({"source": source, "account_id": account, "date": date(day),
                                  "amount_minor": amount, "currency": tenant.currency});
                facts.push(fact(source, &id, "ad_spend_observed", read, body));
            };
            let amount = 4_000 + random.below(9_000);
            observe(day - 60, amount, 1);
            if ago > CORRECTED_AFTER && random.percent(20) {
                observe(day + CORRECTED_AFTER * DAY - 60, amount + random.below(300), 2);
            }
        }
    }
    facts
}
