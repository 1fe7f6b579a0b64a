//! The tables made anew in one transaction, which holds the head against every append: it is all of the new log or nothing.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use tokio::runtime::Runtime;

use super::client::DbSession;
use super::follow::{HOLDER, block};
use super::{PostgresSettings, schema};
use crate::log::engines::{BlockSink, ClosedLog, LogBlock, SharedLogError};
use crate::log::frame::Frame;

/// Tries to lock the tables: appends of other nodes hold them, each for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(200);
/// How long the standby may take to have all of it.
const COMMIT_MAX: Duration = Duration::from_secs(300);
/// Readers go on until the tables are emptied.
const LOCK: &str = "LOCK TABLE factfold_blocks, factfold_blobs, factfold_head IN EXCLUSIVE MODE";

/// The transaction; dropped before its end, the tables are as they were.
pub struct ClosedTables {
    runtime: Arc<Runtime>,
    session: DbSession,
    last: Option<LogBlock>,
}

impl ClosedTables {
    /// Locks the tables, which are made where they are not there.
    pub fn close(settings: &PostgresSettings) -> Result<Self, SharedLogError> {
        let runtime = Arc::new(super::runtime("postgres-anew")?);
        let mut last = SharedLogError::Unavailable("no try was made".into());
        for _ in 0..TRIES {
            match runtime.block_on(lock(settings)) {
                Ok((session, last)) => return Ok(Self { runtime, session, last }),
                Err(error @ SharedLogError::Refused(_)) => return Err(error),
                Err(error) => last = error,
            }
            thread::sleep(PAUSE);
        }
        Err(last)
    }
}

async fn lock(settings: &PostgresSettings) -> Result<(DbSession, Option<LogBlock>), SharedLogError> {
    let session = DbSession::open(settings).await?;
    schema::check_standby(&session, settings.async_standby).await?;
    session.run("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    schema::make(&session).await?;
    session.run(LOCK).await?;
    let rows = session.rows(HOLDER, &[&i64::MAX]).await?;
    let last = rows.first().map(block).transpose()?;
    Ok((session, last))
}

impl BlockSink for ClosedTables {
    fn put(&mut self, _cursor: u64, frame: &Frame) -> Result<u64, SharedLogError> {
        let (base, last) = (frame.header.first as i64, frame.last() as i64);
        let (id, body) = (frame.header.id.to_le_bytes().to_vec(), &frame.bytes()[..]);
        let insert = "INSERT INTO factfold_blocks VALUES (0, $1, $2, $3, $4)";
        self.runtime.block_on(self.session.rows(insert, &[&base, &last, &id, &body]))?;
        Ok(frame.last())
    }

    fn put_original(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        let insert = "INSERT INTO factfold_blobs VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let rows = self.runtime.block_on(self.session.rows(insert, &[&&digest[..], &&bytes[..]]));
        rows.map(drop)
    }
}

impl ClosedLog for ClosedTables {
    fn last(&self) -> Option<&LogBlock> {
        self.last.as_ref()
    }

    /// A table that is truncated has a file of its own, in which nothing is that was erased.
    fn empty(&mut self, up_to: Position) -> Result<&mut dyn BlockSink, SharedLogError> {
        let update = "UPDATE factfold_head SET position = $1 WHERE p = 0";
        self.runtime.block_on(async {
            self.session.run("TRUNCATE factfold_blocks, factfold_blobs").await?;
            self.session.rows(update, &[&(up_to as i64)]).await
        })?;
        Ok(self)
    }

    fn open(&mut self) -> Result<(), SharedLogError> {
        self.runtime.block_on(self.session.commit_within("COMMIT", &[], COMMIT_MAX)).map(drop)
    }
}
