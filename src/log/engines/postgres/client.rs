//! A connection to the database, with a limit on each wait, and what the server says beside its answers.

use std::error::Error;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{ANSWER_MAX, NODES, PostgresSettings};
use crate::log::engines::SharedLogError;

/// Words of nodes that wait to be read.
const WORDS_MAX: usize = 1_000;
/// Longest wait for a lock: shorter than for an answer, so that no statement waits in the server that nobody asks for any more.
const LOCK_MAX_MS: u32 = 1_500;
/// The code of a statement that gave up on it.
const LOCKED: &str = "55P03";
/// What the server says where a commit did not wait for its standby to the end.
const UNREPLICATED: &str = "might not have been replicated";

/// A connection; the task that serves it ends with it.
pub struct DbSession {
    client: Client,
    notified: Arc<Notify>,
    words: Arc<Mutex<Vec<Bytes>>>,
    unreplicated: Arc<AtomicBool>,
}

fn unavailable(error: &dyn std::fmt::Display) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

fn tls(ca: Option<&Path>) -> Result<MakeRustlsConnect, SharedLogError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = ca {
        let wrong = |why: &dyn std::fmt::Display| {
            SharedLogError::Refused(format!("[log.postgres] ca, {}: {why}", ca.display()))
        };
        let given = CertificateDer::pem_file_iter(ca).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let given = given.map_err(|error| wrong(&error))?;
        if given.is_empty() {
            return Err(wrong(&"no certificate is in it"));
        }
        for certificate in given {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| unavailable(&error))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// An error with what the server said, and no more of the address than its code.
pub fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        // Of its own the error names only the step: that a certificate is not known stands behind it.
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}

impl DbSession {
    pub async fn open(settings: &PostgresSettings) -> Result<Self, SharedLogError> {
        let mut config: Config = settings
            .url
            .parse()
            .map_err(|_| SharedLogError::Refused("[log.postgres] url is not a URL of PostgreSQL".into()))?;
        config
            .application_name("factfold")
            .connect_timeout(ANSWER_MAX)
            .keepalives_idle(Duration::from_secs(10));
        let ca = settings.ca.as_deref();
        if ca.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        // Each host has its time: one that is cut off refuses nothing, and the next may be the one that is meant.
        let hosts = config.get_hosts().len().max(1) as u32;
        let connected = timeout(ANSWER_MAX * hosts, config.connect(tls(ca)?))
            .await
            .map_err(|error| unavailable(&error))?;
        let (client, mut connection) = connected.map_err(|error| unavailable(&told(&error)))?;
        let (notified, unreplicated) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let words = Arc::<Mutex<Vec<Bytes>>>::default();
        let (tell, cancelled, said) = (Arc::clone(&notified), Arc::clone(&unreplicated), Arc::clone(&words));
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    AsyncMessage::Notification(word) if word.channel() == NODES => {
                        let mut said = said.lock();
                        if said.len() < WORDS_MAX {
                            said.push(Bytes::copy_from_slice(word.payload().as_bytes()));
                        }
                    }
                    AsyncMessage::Notification(_) => tell.notify_one(),
                    AsyncMessage::Notice(notice) => {
                        let detail = notice.detail().unwrap_or_default();
                        if notice.message().contains("canceling wait") || detail.contains(UNREPLICATED) {
                            cancelled.store(true, Ordering::SeqCst);
                        }
                    }
                    _ => {}
                }
            }
            tell.notify_one();
        });
        let session = Self { client, notified, words, unreplicated };
        // Whatever the role's or the database's own setting says.
        session.run(&format!("SET synchronous_commit = on; SET lock_timeout = {LOCK_MAX_MS}")).await?;
        Ok(session)
    }

    /// Runs statements without rows.
    pub async fn run(&self, sql: &str) -> Result<(), SharedLogError> {
        let done = timeout(ANSWER_MAX, self.client.batch_execute(sql)).await.map_err(|e| unavailable(&e))?;
        done.map_err(|error| unavailable(&told(&error)))
    }

    /// The rows of a query.
    pub async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SharedLogError> {
        let rows = timeout(ANSWER_MAX, self.client.query(sql, values)).await.map_err(|e| unavailable(&e))?;
        rows.map_err(|error| unavailable(&told(&error)))
    }

    /// A statement that commits: the count of its rows. An error of a connection that broke, a wait that took too long,
    /// or a commit that did not wait for its standby is unknown; what the server refused is not there.
    pub async fn commit(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, SharedLogError> {
        self.commit_within(sql, values, ANSWER_MAX).await
    }

    /// The same with a limit of its own.
    pub async fn commit_within(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        wait: Duration,
    ) -> Result<u64, SharedLogError> {
        self.unreplicated.store(false, Ordering::SeqCst);
        let done = match timeout(wait, self.client.query(sql, values)).await {
            Ok(done) => done,
            Err(_) => return Err(SharedLogError::Unknown("the commit took too long".into())),
        };
        let rows = done.map_err(|error| match error.as_db_error() {
            Some(db) if db.code().code().starts_with("53") => SharedLogError::Full(told(&error)),
            // The log is locked while it is made anew, or by a commit that waits: the same block is tried again.
            Some(db) if db.code().code() == LOCKED => SharedLogError::Unknown(told(&error)),
            // The statement was refused, so nothing is there; but the server may have gone while it committed (57P).
            Some(db) if !db.code().code().starts_with("57") && !db.code().code().starts_with("08") => {
                SharedLogError::Unavailable(told(&error))
            }
            Some(_) | None => SharedLogError::Unknown(told(&error)),
        })?;
        if self.unreplicated.load(Ordering::SeqCst) {
            return Err(SharedLogError::Unknown("the commit was cancelled before a standby had it".into()));
        }
        Ok(rows.len() as u64)
    }

    /// Waits until something was told on a channel, or the connection ended.
    pub async fn notified(&self, wait: Duration) {
        let _ = timeout(wait, self.notified.notified()).await;
    }

    /// Says a word to all nodes that listen now.
    pub async fn tell(&self, word: &[u8]) -> Result<(), SharedLogError> {
        let word = String::from_utf8_lossy(word);
        self.rows("SELECT pg_notify($1, $2)", &[&NODES, &&*word]).await.map(drop)
    }

    /// What nodes said of themselves since this was last asked.
    pub fn heard(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.words.lock())
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}
