//! The table of messages beside the log: kept for 30 days, made where it is not there. It is no part of the migrations,
//! so that nodes of an earlier release go on beside a node that makes it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::PostgresSettings;
use super::client::DbSession;
use crate::log::engines::{SharedLogError, SideLog};

const IS_THERE: &str = "SELECT to_regclass('factfold_deliveries') IS NOT NULL";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS factfold_deliveries (id bigserial PRIMARY KEY, \
                     at timestamptz NOT NULL DEFAULT now(), body bytea NOT NULL)";
/// Held until a message is committed: one that is seen has all before it seen.
const LOCK: i64 = 0x666f_6c65;
const NEXT: &str = "SELECT id, body FROM factfold_deliveries WHERE id > $1 ORDER BY id LIMIT 256";
const END: &str = "SELECT coalesce(max(id), 0) FROM factfold_deliveries";
const PRUNE: &str = "DELETE FROM factfold_deliveries WHERE at < now() - interval '30 days'";
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

pub struct SideTable {
    runtime: Runtime,
    session: DbSession,
    pruned: Option<Instant>,
}

impl SideTable {
    pub fn open(runtime: Runtime, settings: &PostgresSettings) -> Result<Self, SharedLogError> {
        let session = runtime.block_on(async {
            let session = DbSession::open(settings).await?;
            // They can be done without: no standby is waited for.
            session.run("SET synchronous_commit = local").await?;
            let is_there = async || {
                let rows = session.rows(IS_THERE, &[]).await?;
                Ok::<_, SharedLogError>(rows.first().is_some_and(|row| row.get::<_, bool>(0)))
            };
            if !is_there().await?
                && let Err(error) = session.run(TABLE).await
                // Two nodes that make it at once hinder each other, and one of them has made it.
                && !is_there().await?
            {
                return Err(error);
            }
            Ok(session)
        })?;
        Ok(Self { runtime, session, pruned: None })
    }
}

impl SideLog for SideTable {
    fn publish(&mut self, message: &[u8]) -> Result<(), SharedLogError> {
        let insert = format!(
            "INSERT INTO factfold_deliveries (body) SELECT $1::bytea FROM (SELECT pg_advisory_xact_lock({LOCK})) AS held \
             RETURNING 1"
        );
        self.runtime.block_on(self.session.commit(&insert, &[&message]))?;
        if self.pruned.is_none_or(|at| at.elapsed() > PRUNE_EVERY) {
            self.runtime.block_on(self.session.run(PRUNE))?;
            self.pruned = Some(Instant::now());
        }
        Ok(())
    }

    fn after(&mut self, cursor: u64) -> Result<Vec<(u64, Bytes)>, SharedLogError> {
        let rows = self.runtime.block_on(self.session.rows(NEXT, &[&(cursor as i64)]))?;
        let message =
            |row: &tokio_postgres::Row| (row.get::<_, i64>(0) as u64, Bytes::from(row.get::<_, Vec<u8>>(1)));
        Ok(rows.iter().map(message).collect())
    }

    fn end(&mut self) -> Result<u64, SharedLogError> {
        let rows = self.runtime.block_on(self.session.rows(END, &[]))?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0) as u64))
    }
}
