//! What of a configuration can be right and mostly is not: told by file and line at a start, and refused nowhere.

use std::net::SocketAddr;

use domain::members::{Email, Phone};

use super::grammar::{EndpointTable, Grammar};
use super::own_url::local_url;
use super::source::Source;
use crate::ingest::providers::Registry;

/// Every piece of advice, in the order of the file. `public_url` tells whether one is given beside the file.
pub fn of(
    source: &Source<'_>,
    file: &Grammar,
    registry: &Registry,
    public_url: bool,
    listen: SocketAddr,
) -> Vec<String> {
    let mut told = Vec::new();
    let mut say = |at: usize, key: &str, message: String| {
        told.push((at, format!("{}: {key}: {message}", source.place(at))));
    };
    for tracking in file.tenant.iter().flat_map(|tenant| &tenant.tracking_number) {
        if !can_match(tracking.number.get_ref()) {
            let message = format!(
                "{:?} is no number such as +15550199 (E.164), as providers name the number that was called: no call \
                 will be found by it",
                tracking.number.get_ref()
            );
            say(tracking.number.span().start, "tenant.tracking_number.number", message);
        }
        if let Some(agent) = tracking.agent.as_ref().filter(|agent| !is_address(agent.get_ref())) {
            let message = format!(
                "{:?} is no email address, by which dialer and users name an agent: the calls of this number will stand \
                 apart from theirs",
                agent.get_ref()
            );
            say(agent.span().start, "tenant.tracking_number.agent", message);
        }
    }
    let signs_url = |entry: &&EndpointTable| {
        registry.provider(entry.provider.get_ref()).is_some_and(|provider| provider.signs_url())
    };
    let unknown_url =
        file.endpoint.iter().filter(signs_url).filter(|_| !public_url && file.public_url.is_none());
    for entry in unknown_url {
        let message = format!(
            "{} signs the URL that it calls, and public_url is not set: only deliveries to {} will be found \
             authentic",
            entry.provider.get_ref(),
            local_url(listen)
        );
        say(entry.provider.span().start, "endpoint.provider", message);
    }
    for twilio in file.tenant.iter().filter_map(|tenant| tenant.twilio.as_ref()) {
        let is_checked = |entry: &&EndpointTable| {
            entry.secrets.iter().any(|secret| secret.get_ref() == twilio.auth_token.get_ref())
        };
        let endpoint = file.endpoint.iter().find(|entry| entry.id.get_ref() == twilio.endpoint.get_ref());
        if endpoint.filter(is_checked).is_none() {
            let message = format!(
                "callbacks of placed calls are signed with auth_token, which is none of the secrets of {:?}: unless they \
                 are equal, every callback is refused",
                twilio.endpoint.get_ref()
            );
            say(twilio.endpoint.span().start, "tenant.twilio.endpoint", message);
        }
    }
    told.sort_by_key(|(at, _)| *at);
    told.into_iter().map(|(_, message)| message).collect()
}

/// Whether a provider could name a number so: E.164, a short code, or what calls without one (`client:ann`, SIP).
fn can_match(number: &str) -> bool {
    let Some(phone) = Phone::new(number) else { return true };
    let phone = phone.to_string();
    let digits = phone.strip_prefix('+').unwrap_or(&phone);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match phone.starts_with('+') {
        true => is_number && (7..=15).contains(&digits.len()) && !digits.starts_with('0'),
        false => (is_number && digits.len() <= 6) || phone.contains(':') || phone.contains('@'),
    }
}

fn is_address(agent: &str) -> bool {
    let agent = Email::new(agent).map(|agent| agent.to_string()).unwrap_or_default();
    let parts = agent.split_once('@');
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.contains('@') && !agent.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_provider_names_is_told_from_what_one_may() {
        for number in ["+15550199", "+1 415 867 5309", "client:ann", "sip:desk@example.com", "73824"] {
            assert!(can_match(number), "{number}");
        }
        for number in ["4158675309", "(415) 867-5309", "+0123456789", "+12", "front desk", "555-0199"] {
            assert!(!can_match(number), "{number}");
        }
        assert!(is_address("Ann@Example.com"));
        for agent in ["ann", "ann@", "@example.com", "ann @example.com", "a@b@c.d", "ann@localhost"] {
            assert!(!is_address(agent), "{agent}");
        }
    }
}
