//! The CRM of one tenant, played by a stand-in that the server reads every minute.

use domain::keys::TenantId;

use super::started;
use super::traffic::TENANTS;
use crate::cli::Failure;
use crate::config::{ActivityFields, ActivityList, ClientTether, Config, CronSchedule};
use crate::directory::Secret;
use crate::standins::StandIn;
use crate::standins::clienttether::CtAccount;

const KEY: &str = "demo-web-key";
const LEADS: usize = 260;
const ACTIVITIES: usize = 12;

/// The tenant whose CRM it is: the last, so that the others keep the history that is told of them.
fn tenant() -> Option<TenantId> {
    TENANTS.last().and_then(|tenant| TenantId::new(tenant.id).ok())
}

/// Whether a tenant's CRM is read and not told.
pub fn is_read(id: &str) -> bool {
    tenant().is_some_and(|tenant| tenant.as_str() == id)
}

/// Starts the stand-in, and has the server read it.
pub async fn play(config: &mut Config) -> Result<StandIn, Failure> {
    let account = CtAccount::with_leads(KEY, LEADS).peopled().lively();
    for number in 0..ACTIVITIES {
        let due = chrono::Utc::now() + chrono::TimeDelta::hours(5 * (number as i64 + 1));
        account.put_activity(&format!("A{number}"), &due.to_rfc3339(), "Call");
    }
    let stand_in = started("the CRM's stand-in", account).await?;
    config.outbound.allow.push("127.0.0.1".to_owned());
    let wanted = tenant();
    for of in config.tenants.iter_mut().filter(|of| Some(&of.id) == wanted.as_ref()) {
        of.sources.schedule = CronSchedule::parse("* * * * *").unwrap_or_default();
        of.sources.clienttether = Some(ClientTether {
            base_url: format!("{}/v2/api/", stand_in.url()),
            web_key: Secret::new(KEY),
            access_token: None,
            activities: Some(ActivityList { path: "read_my_activities".to_owned(), fields: fields() }),
        });
    }
    Ok(stand_in)
}

fn fields() -> ActivityFields {
    ActivityFields {
        id: "activity_id".to_owned(),
        scheduled_at: "due".to_owned(),
        activity_type: Some("kind".to_owned()),
        status: Some("state".to_owned()),
        description: None,
        contact: None,
        contact_name: None,
    }
}

/// How the stand-in is stopped and started again.
pub fn told(stand_in: &StandIn) -> String {
    let (name, url) = (TENANTS.last().map_or("", |tenant| tenant.id), stand_in.url());
    format!(
        "\nThe CRM of {name} is a stand-in at {url}, read every minute: POST /stand-in/stop to it, and the sync fails; \
         POST /stand-in/start, and it is well again"
    )
}
