//! Follows the rows: asked for when the channel tells of new ones, and now and then without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use tokio_postgres::Row;

use super::client::DbSession;
use crate::log::engines::{BlockFollower, LogBlock, SharedLogError};
use crate::log::frame::Frame;

const NEXT: &str = "SELECT body FROM factfold_blocks WHERE p = 0 AND base > $1 ORDER BY base LIMIT 64";
pub const HOLDER: &str =
    "SELECT body FROM factfold_blocks WHERE p = 0 AND base <= $1 ORDER BY base DESC LIMIT 1";

/// The file of the table: another one after it was made anew.
const FILE: &str = "SELECT pg_relation_filenode(to_regclass('factfold_blocks'))::bigint";
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

pub struct RowFollower {
    runtime: Arc<Runtime>,
    session: DbSession,
    file: Option<i64>,
    looked: Instant,
}

impl RowFollower {
    pub fn new(runtime: Arc<Runtime>, session: DbSession) -> Result<Self, SharedLogError> {
        let file = runtime.block_on(file(&session))?;
        Ok(Self { runtime, session, file, looked: Instant::now() })
    }
}

async fn file(session: &DbSession) -> Result<Option<i64>, SharedLogError> {
    Ok(session.rows(FILE, &[]).await?.first().and_then(|row| row.get(0)))
}

pub fn block(row: &Row) -> Result<LogBlock, SharedLogError> {
    let body = Bytes::from(row.get::<_, Vec<u8>>(0));
    match Frame::read(&body, true) {
        Ok(frame) if frame.bytes().len() == body.len() => Ok(LogBlock { cursor: frame.last(), frame }),
        Ok(_) => Err(SharedLogError::Refused("a row holds more than a block".into())),
        Err(error) => Err(SharedLogError::Refused(format!("a row is not a block: {error}"))),
    }
}

impl BlockFollower for RowFollower {
    fn find(&mut self, position: Position) -> Result<Option<LogBlock>, SharedLogError> {
        let rows = self.runtime.block_on(self.session.rows(HOLDER, &[&(position as i64)]))?;
        let block = rows.first().map(block).transpose()?;
        Ok(block.filter(|block| block.frame.last() >= position))
    }

    fn next(&mut self, cursor: u64, wait: Duration) -> Result<Vec<LogBlock>, SharedLogError> {
        self.runtime.block_on(async {
            let mut rows = self.session.rows(NEXT, &[&(cursor as i64)]).await?;
            if rows.is_empty() {
                self.session.notified(wait).await;
                rows = self.session.rows(NEXT, &[&(cursor as i64)]).await?;
            }
            let blocks = rows.iter().map(block).collect::<Result<Vec<_>, _>>()?;
            let has_gap = blocks.first().is_some_and(|first| first.frame.header.first != cursor + 1);
            if has_gap || self.looked.elapsed() > LOOK {
                self.looked = Instant::now();
                // Its blocks are others: where this node's head is among them is looked for anew.
                if file(&self.session).await? != self.file {
                    return Err(SharedLogError::Unavailable("the log was made anew".into()));
                }
            }
            match blocks.first() {
                Some(first) if has_gap => {
                    let why =
                        format!("position {} is missing; {} follows", cursor + 1, first.frame.header.first);
                    Err(SharedLogError::Refused(why))
                }
                Some(_) | None => Ok(blocks),
            }
        })
    }

    fn tip(&mut self) -> Result<Position, SharedLogError> {
        let rows = self
            .runtime
            .block_on(self.session.rows("SELECT position FROM factfold_head WHERE p = 0", &[]))?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0) as u64))
    }

    fn blob(&mut self, digest: &Hash, _len: u64) -> Result<Bytes, SharedLogError> {
        let sql = "SELECT body FROM factfold_blobs WHERE digest = $1";
        let rows = self.runtime.block_on(self.session.rows(sql, &[&&digest[..]]))?;
        let bytes = rows.first().map(|row| Bytes::from(row.get::<_, Vec<u8>>(0)));
        match bytes.filter(|bytes| Hash::from(Sha256::digest(bytes)) == *digest) {
            Some(bytes) => Ok(bytes),
            None => {
                Err(SharedLogError::Refused(format!("the original {} is not whole", hex::encode(digest))))
            }
        }
    }

    fn tell(&mut self, word: &[u8]) -> Result<(), SharedLogError> {
        self.runtime.block_on(self.session.tell(word))
    }

    fn heard(&mut self) -> Vec<Bytes> {
        self.session.heard()
    }
}
