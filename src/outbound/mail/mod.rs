//! Mails: what targets of style email are told, handed to the SMTP server of `[email]` (F2). One attempt is one connection;
//! whoever sends decides about another.

mod build;
mod content;
mod unsubscribe;

use std::net::IpAddr;
use std::time::Duration;

use domain::keys::LogSecret;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use self::build::built;
pub use self::content::MailContent;
pub use self::unsubscribe::Unsubscribing;
use super::address::Allowed;
use super::error::OutboundError;
use super::hosts::resolved;
use crate::commands::MailSchedule;
use crate::config::{EmailSettings, EmailTls};
use crate::directory::Secret;

/// Longest wait for one answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Longest time of one mail, from the connection to its end.
const MAIL_MAX: Duration = Duration::from_secs(60);

/// Hands mails to the server of `[email]`.
pub struct Mailer {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, Secret)>,
    /// Hosts that may be private.
    allowed: Allowed,
    from: Mailbox,
    schedule: MailSchedule,
    links: MailLinks,
}

/// Where mails lead.
#[derive(Debug, Clone)]
pub struct MailLinks {
    /// Scheme and host of this server.
    pub public_url: String,
    /// Signs the links by which receivers unsubscribe.
    pub unsubscribing: Unsubscribing,
}

/// The receiver of a target's URL; none where it is no mail address.
fn receiver(url: &str) -> Option<Address> {
    url.strip_prefix("mailto:")?.parse().ok()
}

impl Mailer {
    /// Mails by these settings. Connects to nobody yet.
    ///
    /// # Errors
    /// What of the settings TLS cannot be made of.
    pub fn new(
        settings: &EmailSettings,
        allowed: Allowed,
        public_url: &str,
        secret: &LogSecret,
    ) -> std::io::Result<Self> {
        let parameters = || TlsParameters::new(settings.host.clone()).map_err(std::io::Error::other);
        let tls = match settings.tls {
            EmailTls::Starttls => Tls::Required(parameters()?),
            EmailTls::Tls => Tls::Wrapper(parameters()?),
            EmailTls::None => Tls::None,
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            tls,
            login: settings.login.clone(),
            allowed,
            from: settings.from.clone(),
            schedule: MailSchedule { digest_hour: settings.digest_hour },
            links: MailLinks {
                public_url: public_url.to_owned(),
                unsubscribing: Unsubscribing::new(secret.clone()),
            },
        })
    }

    /// When mails go out that have their own time.
    pub fn schedule(&self) -> MailSchedule {
        self.schedule
    }

    /// Scheme and host of this server.
    pub fn public_url(&self) -> &str {
        &self.links.public_url
    }

    /// Hands over one mail, once: the server's status, and why it was not taken. Neither names an address or a secret.
    pub async fn send(
        &self,
        message_id: &str,
        (target_id, url): (&str, &str),
        content: &MailContent,
    ) -> (Option<u32>, Option<String>) {
        let Some(to) = receiver(url) else { return (None, Some("its address is none".into())) };
        let mail = match built(&self.from, &self.links, (message_id, target_id), to, content) {
            Ok(mail) => mail,
            Err(error) => return (None, Some(format!("the mail cannot be made: {error}"))),
        };
        // By the rules of every other target, at each attempt: a name may lead elsewhere by now.
        let addresses = match resolved(&self.allowed, &self.host, self.port).await {
            Ok(addresses) => addresses,
            Err(error) => return (None, Some(format!("[email] host: {error}"))),
        };
        let Some(address) = addresses.first() else { return (None, Some("no connection".into())) };
        let transport = self.transport(address.ip());
        match tokio::time::timeout(MAIL_MAX, transport.send(mail)).await {
            Err(_) => (None, Some("no answer in time".into())),
            Ok(Ok(answer)) => (Some(u16::from(answer.code()).into()), None),
            Ok(Err(error)) => failed(&error),
        }
    }
}

impl Mailer {
    /// Speaks to the server at an address that was checked; TLS goes by its name.
    fn transport(&self, address: IpAddr) -> AsyncSmtpTransport<Tokio1Executor> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
            .port(self.port)
            .timeout(Some(ANSWER_MAX))
            .hello_name(ClientId::Domain(self.from.email.domain().to_owned()))
            .tls(self.tls.clone());
        match &self.login {
            Some((username, password)) => {
                let credentials = Credentials::new(username.clone(), password.text().into_owned());
                transport.credentials(credentials).build()
            }
            None => transport.build(),
        }
    }
}

/// In words of ours: what the server says may hold the address, and more.
fn failed(error: &SmtpError) -> (Option<u32>, Option<String>) {
    if let Some(status) = error.status() {
        let status = u16::from(status);
        return (Some(status.into()), Some(format!("answered {status}")));
    }
    let why = if error.is_timeout() {
        "no answer in time"
    } else if error.is_tls() || is_of_tls(error) {
        "no TLS with a certificate that is trusted"
    } else if error.is_client() {
        "the server does not offer TLS or a login as configured"
    } else {
        "no connection, or it broke"
    };
    (None, Some(why.to_owned()))
}

/// Whether TLS is what failed: it is told as an error of the connection.
fn is_of_tls(error: &SmtpError) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let io = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if cause.is::<rustls::Error>() || io.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Checks that a target's URL is a mail address.
///
/// # Errors
/// [`OutboundError::Url`].
pub fn check_address(url: &str) -> Result<(), OutboundError> {
    receiver(url).map(drop).ok_or(OutboundError::Url("must be mailto: and an email address"))
}
