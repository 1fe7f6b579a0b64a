//! Email Bison, Google Ads and Meta of one tenant, played by stand-ins that the server reads every minute. They go on from
//! where the tenant's history ends.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::started;
use super::story::spend::{GOOGLE_ACCOUNT, META_ACCOUNT};
use super::traffic::{Expected, Request, TENANTS, Tenant};
use crate::cli::Failure;
use crate::config::{Config, EmailBison, GoogleAds, MetaAds};
use crate::directory::Secret;
use crate::standins::StandIn;
use crate::standins::emailbison::BisonInstance;
use crate::standins::google_ads::{GoogleAccount, GoogleSecrets};
use crate::standins::meta_ads::MetaAccount;

const BISON_KEY: &str = "17|demo-bison-key";
const META_TOKEN: &str = "demo-meta-token";
/// What errors call the stand-ins.
const WHAT: &str = "a provider's stand-in";
const PAUSE: Duration = Duration::from_secs(60);
/// Replies that only the list has: nobody delivered them.
const LOST: i64 = 2;

/// The tenant whose sources they are: its workspace is the stand-in's.
const TENANT: &Tenant = &TENANTS[0];

/// The host of a tenant's instance of Email Bison.
pub fn instance(tenant: &Tenant) -> &'static str {
    if tenant.id == TENANT.id { "127.0.0.1" } else { "dedi.emailbison.com" }
}

/// The stand-ins, until they are dropped.
pub struct PlayedFeeds {
    mailboxes: BisonInstance,
    google: GoogleAccount,
    meta: MetaAccount,
    stand_ins: [(&'static str, StandIn); 3],
}

/// Starts the stand-ins, and has the server read them.
pub async fn play(config: &mut Config) -> Result<PlayedFeeds, Failure> {
    let secrets = || GoogleSecrets {
        developer_token: "demo-developer".to_owned(),
        client_secret: "demo-client-secret".to_owned(),
        refresh_token: "demo-refresh".to_owned(),
        access_token: "demo-access".to_owned(),
    };
    let mailboxes = BisonInstance::with_accounts(BISON_KEY, 0);
    let google = GoogleAccount::new(GOOGLE_ACCOUNT, TENANT.currency, TENANT.zone, secrets()).lively();
    let meta = MetaAccount::new(META_ACCOUNT, TENANT.currency, TENANT.zone, META_TOKEN);
    let stand_ins = [
        ("Email Bison", started(WHAT, mailboxes.clone()).await?),
        ("Google Ads", started(WHAT, google.clone()).await?),
        ("Meta", started(WHAT, meta.clone()).await?),
    ];
    let [bison_url, google_url, meta_url] = [0, 1, 2].map(|at: usize| stand_ins[at].1.url());
    let asked = secrets();
    for of in config.tenants.iter_mut().filter(|of| of.id.as_str() == TENANT.id) {
        of.sources.emailbison = Some(EmailBison {
            base_url: format!("{bison_url}/"),
            api_key: Secret::new(BISON_KEY),
            poll: PAUSE,
            workspaces: vec![TENANT.workspace.0.to_string()],
        });
        of.sources.google_ads = Some(GoogleAds {
            base_url: format!("{google_url}/v26/"),
            token_url: format!("{google_url}/token"),
            customer_id: GOOGLE_ACCOUNT.to_owned(),
            login_customer_id: None,
            developer_token: Secret::new(&asked.developer_token),
            client_id: "demo-client".to_owned(),
            client_secret: Secret::new(&asked.client_secret),
            refresh_token: Secret::new(&asked.refresh_token),
            refresh: PAUSE,
        });
        of.sources.meta_ads = Some(MetaAds {
            base_url: format!("{meta_url}/v25.0/"),
            account_id: META_ACCOUNT.to_owned(),
            access_token: Secret::new(META_TOKEN),
            refresh: PAUSE,
        });
    }
    Ok(PlayedFeeds { mailboxes, google, meta, stand_ins })
}

impl PlayedFeeds {
    /// Holds what the history of the tenant ends with: the facts of its systems, the replies among its deliveries, and some
    /// that nobody delivers.
    pub fn list(&self, requests: &[Request], facts: &[Value], now: i64) {
        for fact in facts {
            let body = &fact["body"];
            match fact["kind"].as_str() {
                Some("sender_account_observed") => self.list_account(body),
                Some("ad_spend_observed") => self.list_spend(body),
                Some(_) | None => {}
            }
        }
        replies(requests).into_iter().chain((1..=LOST).map(|number| lost(number, now))).for_each(|row| {
            self.mailboxes.add_reply(row);
        });
    }

    /// A later reading of an account stands for it.
    fn list_account(&self, body: &Value) {
        let Some(id) = body["account_id"].as_str().and_then(|id| id.parse().ok()) else { return };
        let is_outlook = body["email_provider"] == "Outlook";
        let status = if body["status"] == "connected" { "Connected" } else { "Not connected" };
        let named = |(at, name): (usize, &Value)| json!({"id": at, "name": name, "default": false});
        let tags: Vec<Value> = body["tags"].as_array().into_iter().flatten().enumerate().map(named).collect();
        self.mailboxes.remove(id);
        self.mailboxes.add(id);
        for (member, value) in [
            ("email", body["email"].clone()),
            ("status", status.into()),
            ("type", if is_outlook { "microsoft_oauth" } else { "google_workspace_oauth" }.into()),
            ("emails_sent_count", body["sends"].clone()),
            ("total_replied_count", body["replies"].clone()),
            ("bounced_count", body["bounces"].clone()),
            ("tags", tags.into()),
        ] {
            self.mailboxes.set(id, member, value);
        }
    }

    /// A later reading of a day stands for it.
    fn list_spend(&self, body: &Value) {
        let (Some(date), Some(minor)) = (body["date"].as_str(), body["amount_minor"].as_i64()) else {
            return;
        };
        match body["account_id"].as_str() {
            Some(GOOGLE_ACCOUNT) => self.google.spend(date, minor * 10_000),
            Some(META_ACCOUNT) => self.meta.spend(date, &format!("{}.{:02}", minor / 100, minor % 100)),
            Some(_) | None => {}
        }
    }

    /// How the stand-ins are stopped and started again.
    pub fn told(&self) -> String {
        let places = self.stand_ins.iter().map(|(name, stand_in)| format!("{name} at {}", stand_in.url()));
        format!(
            "The sources of {}, each a stand-in that is read every minute and stopped alike: {}. A sync of the replies of \
             the last days finds {LOST} that were never delivered",
            TENANT.id,
            places.collect::<Vec<_>>().join(", ")
        )
    }
}

/// The rows of the replies that were delivered to the tenant.
fn replies(requests: &[Request]) -> Vec<Value> {
    let path = format!("/hooks/emailbison/{}", TENANT.emailbison);
    let told =
        requests.iter().filter(|request| request.path == path && request.expected == Expected::Recorded);
    let bodies = told.filter_map(|request| serde_json::from_str::<Value>(&request.body).ok());
    let replied = bodies.filter(|body| body["event"]["type"] == "LEAD_REPLIED");
    replied
        .map(|body| {
            let data = &body["data"];
            let mut row = data["reply"].clone();
            row["lead_id"] = data["lead"]["id"].clone();
            row["campaign_id"] = data["campaign"]["id"].clone();
            row["scheduled_email_id"] = data["scheduled_email"]["id"].clone();
            row["sender_email_id"] = data["sender_email"]["id"].clone();
            row["primary_to_email_address"] = data["sender_email"]["email"].clone();
            row
        })
        .collect()
}

fn lost(number: i64, now: i64) -> Value {
    let at = DateTime::from_timestamp(now - number * 5 * 3_600, 0).unwrap_or_default();
    json!({"id": 990_000_000_000_i64 + number, "type": "Tracked Reply", "folder": "Inbox", "automated_reply": false,
        "text_body": "Call me next week", "date_received": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "from_email_address": format!("quiet.{number}@prospects.example"), "lead_id": 179_000_000 + number,
        "campaign_id": 2, "scheduled_email_id": 4, "sender_email_id": 3,
        "primary_to_email_address": format!("hello@{}.example", TENANT.id)})
}
