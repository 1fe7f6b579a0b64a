//! Mails: what targets of style email are told, handed to the SMTP server of `[email]` (F2). One attempt is one connection;
//! whoever sends decides about another.

mod build;
mod content;
mod unsubscribe;

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
use super::error::OutboundError;
use crate::commands::MailSchedule;
use crate::config::{EmailSettings, EmailTls};

/// Longest wait for one answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Longest time of one mail, from the connection to its end.
const MAIL_MAX: Duration = Duration::from_secs(60);

/// Hands mails to the server of `[email]`.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
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
    pub fn new(settings: &EmailSettings, public_url: &str, secret: &LogSecret) -> std::io::Result<Self> {
        let parameters = || TlsParameters::new(settings.host.clone()).map_err(std::io::Error::other);
        let tls = match settings.tls {
            EmailTls::Starttls => Tls::Required(parameters()?),
            EmailTls::Tls => Tls::Wrapper(parameters()?),
            EmailTls::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(ANSWER_MAX))
            .hello_name(ClientId::Domain(settings.from.email.domain().to_owned()))
            .tls(tls);
        if let Some((username, password)) = &settings.login {
            transport =
                transport.credentials(Credentials::new(username.clone(), password.text().into_owned()));
        }
        Ok(Self {
            transport: transport.build(),
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
        match tokio::time::timeout(MAIL_MAX, self.transport.send(mail)).await {
            Err(_) => (None, Some("no answer in time".into())),
            Ok(Ok(answer)) => (Some(u16::from(answer.code()).into()), None),
            Ok(Err(error)) => failed(&error),
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
