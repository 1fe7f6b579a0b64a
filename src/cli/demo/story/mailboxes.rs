//! Sender accounts: lifetime totals read once a day, one mailbox that was not read for a while, one that is gone.

use serde_json::{Value, json};

use super::{DAY, date, fact};
use crate::cli::demo::feeds;
use crate::cli::demo::random::Random;
use crate::cli::demo::traffic::{DAYS, Tenant};

const ACCOUNTS: u64 = 8;

/// What a mailbox has sent, and had back, since it was made.
#[derive(Default)]
struct Totals {
    sends: u64,
    replies: u64,
    bounces: u64,
}

/// Every mailbox, every day.
pub fn facts(tenant: &Tenant, now: i64, random: &mut Random) -> Vec<Value> {
    let workspace = tenant.workspace.0.to_string();
    let instance = feeds::instance(tenant);
    let mut facts = Vec::new();
    for account in 0..ACCOUNTS {
        let (email, id) = (format!("hello{account}@{}.example", tenant.id), format!("{workspace}0{account}"));
        let (provider, reseller) =
            if account % 3 == 2 { ("Outlook", "Hypertide") } else { ("Gmail", "Premium Inboxes") };
        let mut totals = Totals::default();
        for ago in (0..DAYS).rev() {
            let sent = 18 + random.below(14);
            totals.sends += sent;
            totals.replies += u64::from(random.percent(45)) + u64::from(random.percent(20));
            totals.bounces += u64::from(random.percent(12));
            // Nobody read the first mailbox for five days: those are a gap, not zeros.
            if account == 0 && (20..25).contains(&ago) {
                continue;
            }
            let day = now - ago * DAY - 120;
            let is_last = account == ACCOUNTS - 1;
            let status = if is_last && ago < 6 { "disconnected" } else { "connected" };
            let body = json!({
                "instance": instance, "workspace": workspace, "account_id": id, "email": email, "status": status,
                "sends": totals.sends, "replies": totals.replies, "bounces": totals.bounces,
                "email_provider": provider, "reseller": reseller, "tags": [provider, reseller],
            });
            let name = format!("account/{id}/{}", date(day));
            facts.push(fact("emailbison", &name, "sender_account_observed", day, body));
        }
    }
    facts
}
