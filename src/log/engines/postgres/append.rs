//! Appends blocks as rows, and originals as theirs.

use std::sync::Arc;

use bytes::Bytes;
use domain::record::Hash;
use tokio::runtime::Runtime;

use super::client::DbSession;
use super::{CHANNEL, PostgresSettings};
use crate::log::engines::{BlockAppender, BlockOutcome, SharedLogError};
use crate::log::frame::Frame;

pub struct RowAppender {
    runtime: Arc<Runtime>,
    session: Option<DbSession>,
    settings: PostgresSettings,
}

impl RowAppender {
    pub fn new(runtime: Arc<Runtime>, session: DbSession, settings: PostgresSettings) -> Self {
        Self { runtime, session: Some(session), settings }
    }

    /// Runs `work` on the connection, made anew where it gave out. One that is doubted is closed: its statement may
    /// still wait for a standby, and no other gets behind it.
    fn on_session<T>(
        &mut self,
        work: impl AsyncFn(&DbSession) -> Result<T, SharedLogError>,
    ) -> Result<T, SharedLogError> {
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(async {
            let session = match self.session.take().filter(|session| !session.is_closed()) {
                Some(session) => session,
                None => DbSession::open(&self.settings).await?,
            };
            let done = work(&session).await;
            if !matches!(done, Err(SharedLogError::Unknown(_) | SharedLogError::Unavailable(_))) {
                self.session = Some(session);
            }
            done
        })
    }
}

impl BlockAppender for RowAppender {
    fn append(&mut self, cursor: u64, frame: &Frame) -> Result<BlockOutcome, SharedLogError> {
        // Originals that were put before the tables were made anew are gone with them: then the block is not taken.
        let sql = format!(
            "WITH head AS (UPDATE factfold_head SET position = $3 WHERE p = 0 AND position = $1 AND NOT EXISTS \
             (SELECT 1 FROM unnest($6::bytea[]) AS named WHERE NOT EXISTS \
             (SELECT 1 FROM factfold_blobs WHERE digest = named)) RETURNING 1) \
             INSERT INTO factfold_blocks SELECT 0, $2, $3, $4, $5 FROM head RETURNING pg_notify('{CHANNEL}', '')"
        );
        let (at, base, last) = (cursor as i64, frame.header.first as i64, frame.last() as i64);
        let (id, body) = (frame.header.id.to_le_bytes().to_vec(), &frame.bytes()[..]);
        let originals: Vec<Vec<u8>> = frame.blobs().map(|(digest, _)| digest.to_vec()).collect();
        self.on_session(async |session| {
            if session.commit(&sql, &[&at, &base, &last, &id, &body, &originals]).await? == 1 {
                return Ok(BlockOutcome::Committed(last as u64));
            }
            // It may be this very block that stands there, of a try whose answer was lost; and then a commit of now
            // proves that the standby has all before it.
            let rows =
                session.rows("SELECT id FROM factfold_blocks WHERE p = 0 AND base = $1", &[&base]).await?;
            if rows.first().is_none_or(|row| row.get::<_, Vec<u8>>(0) != id) {
                return Ok(BlockOutcome::Behind);
            }
            let touch = "UPDATE factfold_head SET position = position WHERE p = 0 RETURNING 1";
            session.commit(touch, &[]).await?;
            Ok(BlockOutcome::Committed(last as u64))
        })
    }

    /// A commit that was cancelled while it waited for the standby is seen by everyone, and the primary alone has it.
    fn sight_is_proof(&self) -> bool {
        false
    }

    fn put_blob(&mut self, digest: &Hash, bytes: &Bytes) -> Result<(), SharedLogError> {
        let sql = "INSERT INTO factfold_blobs VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1";
        let (digest, body) = (&digest[..], &bytes[..]);
        let put = self.on_session(async |session| session.commit(sql, &[&digest, &body]).await);
        put.map(drop).map_err(|error| match error {
            SharedLogError::Unknown(why) => SharedLogError::Unavailable(why),
            other => other,
        })
    }
}
