//! PostgreSQL: one row a block, appended by compare-and-set on the row of the head.
//!
//! ```text
//! factfold_schema (version)
//! factfold_head   (p primary key, position)                        p is 0: one log
//! factfold_blocks (p, base, last, id, body, primary key (p, base))    body = the frame
//! factfold_blobs  (digest primary key, body)                       originals over 32 KB
//! factfold_deliveries (id primary key, at, body)   what nodes tell each other of deliveries, for 30 days
//! ```
//! The cursor is the position of the head. A commit is durable when a synchronous standby has it. One that was cancelled
//! while it waited for the standby is committed on the primary alone: it counts as unknown until a later commit of the
//! same connection, which waits for all before it, came back.

mod anew;
mod append;
mod client;
mod follow;
mod schema;
mod side;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::anew::ClosedTables;
use self::append::RowAppender;
use self::client::DbSession;
use self::follow::RowFollower;
use self::side::SideTable;
use super::{ClosedLog, Connected, MEET_WORDS, SharedLog, SharedLogError, SideLog, runtime};

/// Longest wait for an answer: a commit waits for its standby without end.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The channel that tells of new blocks.
const CHANNEL: &str = "factfold_blocks";
/// The channel by which nodes tell of themselves.
const NODES: &str = "factfold_nodes";

/// `[log.postgres]` as understood.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostgresSettings {
    /// `postgres://…`.
    pub url: String,
    /// Certificates that sign the database's: a file in PEM. With it nothing is sent without TLS.
    pub ca: Option<PathBuf>,
    /// Whether a primary without a synchronous standby is taken.
    pub async_standby: bool,
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        f.debug_struct("PostgresSettings").field("async_standby", &self.async_standby).finish_non_exhaustive()
    }
}

/// The log in the tables of a database.
pub struct Postgres {
    settings: PostgresSettings,
}

impl Postgres {
    /// The engine with these settings.
    pub fn new(settings: PostgresSettings) -> Self {
        Self { settings }
    }
}

impl SharedLog for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn connect(&self, is_new: bool) -> Result<Connected, SharedLogError> {
        let runtime = Arc::new(runtime("postgres")?);
        let mut warnings = Vec::new();
        let appending = runtime.block_on(async {
            let session = DbSession::open(&self.settings).await?;
            warnings.extend(schema::check_standby(&session, self.settings.async_standby).await?);
            schema::open(&session, is_new).await?;
            Ok::<_, SharedLogError>(session)
        })?;
        let following = runtime.block_on(async {
            let session = DbSession::open(&self.settings).await?;
            session.run(&format!("LISTEN {CHANNEL}; LISTEN {NODES}")).await?;
            Ok::<_, SharedLogError>(session)
        })?;
        Ok(Connected {
            appender: Box::new(RowAppender::new(Arc::clone(&runtime), appending, self.settings.clone())),
            follower: Box::new(RowFollower::new(runtime, following)?),
            warnings,
            closed: None,
        })
    }

    fn side_log(&self) -> Result<Box<dyn SideLog>, SharedLogError> {
        Ok(Box::new(SideTable::open(runtime("postgres-side")?, &self.settings)?))
    }

    fn meet(&self, word: &[u8], wait: Duration) -> Result<Vec<Bytes>, SharedLogError> {
        runtime("postgres-meet")?.block_on(async {
            let session = DbSession::open(&self.settings).await?;
            session.run(&format!("LISTEN {NODES}")).await?;
            for _ in 0..MEET_WORDS {
                session.tell(word).await?;
                tokio::time::sleep(wait / MEET_WORDS).await;
            }
            session.tell(word).await?;
            Ok(session.heard())
        })
    }

    fn close(&self, _node: &str) -> Result<Box<dyn ClosedLog>, SharedLogError> {
        Ok(Box::new(ClosedTables::close(&self.settings)?))
    }

    fn wipe(&self) -> Result<(), SharedLogError> {
        let runtime = runtime("postgres")?;
        runtime.block_on(async {
            let session = DbSession::open(&self.settings).await?;
            schema::remove(&session).await
        })
    }
}
