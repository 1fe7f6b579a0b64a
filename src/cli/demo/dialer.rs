//! Twilio of one tenant, played by a stand-in that rings when a call is placed and has the list of the tenant's calls.

use domain::members::Phone;

use super::started;
use super::traffic::{Request, TENANTS, TWILIO_TOKEN};
use super::twilio::{ACCOUNT, listed};
use crate::cli::Failure;
use crate::config::Config;
use crate::directory::{Secret, TwilioAccount};
use crate::standins::StandIn;
use crate::standins::calls::CallAccount;
use crate::standins::twilio::TwilioLine;

/// The stand-in, until it is dropped.
pub struct PlayedDialer {
    stand_in: StandIn,
    calls: CallAccount,
}

/// Starts the stand-in, and has the server place the calls of the first tenant by it.
pub async fn play(config: &mut Config) -> Result<PlayedDialer, Failure> {
    let calls = CallAccount::twilio(ACCOUNT, TWILIO_TOKEN);
    let line = TwilioLine::new(ACCOUNT, TWILIO_TOKEN, calls.clone());
    let stand_in = started("Twilio's stand-in", line).await?;
    let tenant = &TENANTS[0];
    for of in config.tenants.iter_mut().filter(|of| of.id.as_str() == tenant.id) {
        of.twilio = Phone::new(tenant.numbers[0].0).map(|from| TwilioAccount {
            base_url: stand_in.url(),
            account_sid: ACCOUNT.to_owned(),
            auth_token: Secret::new(TWILIO_TOKEN),
            from,
            endpoint: tenant.twilio.to_owned(),
        });
    }
    Ok(PlayedDialer { stand_in, calls })
}

impl PlayedDialer {
    /// Lists the calls that these callbacks tell of, and some that nobody delivers.
    pub fn list(&self, requests: &[Request], now: i64) {
        let tenant = &TENANTS[0];
        listed(requests, tenant.twilio, tenant, now).into_iter().for_each(|row| self.calls.put(row));
    }

    /// What can be tried.
    pub fn told(&self) -> String {
        format!(
            "The telephone of {} is a stand-in at {}: place a call on the page Dialer, and it rings; three of its calls \
             were never delivered, and the list that is read every 15 minutes has them",
            TENANTS[0].id,
            self.stand_in.url()
        )
    }
}
