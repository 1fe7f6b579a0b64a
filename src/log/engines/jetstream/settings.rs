//! `[log.jetstream]` as understood.

use std::fmt;
use std::path::PathBuf;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions};

/// Where the stream is, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct JetStreamSettings {
    /// `nats://HOST:PORT` of the servers.
    pub servers: Vec<String>,
    /// `http://HOST:PORT` of their monitors, which prove that they sync each append.
    pub monitor: Vec<String>,
    /// Name of the stream.
    pub stream: String,
    /// Name and password of a user.
    pub user: Option<(String, String)>,
    /// A token.
    pub token: Option<String>,
    /// Text of a credentials file.
    pub credentials: Option<String>,
    /// Files for TLS, where the servers want it.
    pub tls: Option<JetStreamTls>,
    /// Copies of the stream.
    pub replicas: usize,
}

impl JetStreamSettings {
    /// Whether a text is a user's JWT with its seed.
    pub fn is_credentials(text: &str) -> bool {
        ConnectOptions::new().credentials(text).is_ok()
    }

    /// Why the servers are not reached: a login that they refuse by the key that gives it.
    pub fn unreached(&self, error: &ConnectError) -> String {
        let is_login = matches!(
            error.kind(),
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
        );
        let key = match (&self.credentials, &self.token, &self.user) {
            _ if !is_login => return error.to_string(),
            (Some(_), _, _) => "credentials",
            (None, Some(_), _) => "token",
            (None, None, Some(_)) => "user",
            (None, None, None) => {
                return format!("{error}: [log.jetstream] gives no user, token or credentials");
            }
        };
        format!("{error}: the servers refuse the login of [log.jetstream] {key}")
    }
}

impl Default for JetStreamSettings {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            monitor: Vec::new(),
            stream: "FACTFOLD".to_owned(),
            user: None,
            token: None,
            credentials: None,
            tls: None,
            replicas: 3,
        }
    }
}

impl fmt::Debug for JetStreamSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may hold passwords, and credentials are one.
        f.debug_struct("JetStreamSettings").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// `tls` of `[log.jetstream]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JetStreamTls {
    /// Certificates that sign the servers'.
    pub ca: Option<PathBuf>,
    /// This node's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}
