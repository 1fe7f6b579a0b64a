//! The tables: made, migrated, and checked; and whether a standby has each commit before it is acknowledged.

use super::client::DbSession;
use crate::log::engines::SharedLogError;

/// The migrations, each made once, in order; a database's version is how many it has.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE factfold_head (p integer PRIMARY KEY, position bigint NOT NULL);
    INSERT INTO factfold_head VALUES (0, 0);
    CREATE TABLE factfold_blocks (
        p integer NOT NULL, base bigint NOT NULL, last bigint NOT NULL, id bytea NOT NULL, body bytea NOT NULL,
        PRIMARY KEY (p, base)
    );
    ALTER TABLE factfold_blocks ALTER COLUMN body SET STORAGE EXTERNAL;
    CREATE TABLE factfold_blobs (digest bytea PRIMARY KEY, body bytea NOT NULL);
"];

/// Held by the node that makes or migrates the tables.
const LOCK: i64 = 0x666f_6c64;

/// Brings the tables to this release's version; made only where `is_new` allows it.
pub async fn open(session: &DbSession, is_new: bool) -> Result<(), SharedLogError> {
    let known = MIGRATIONS.len() as i32;
    let found = version(session).await?;
    if found == known {
        return Ok(());
    }
    if found > known {
        return Err(newer(found));
    }
    if found == 0 && !is_new {
        let why = "stream_missing: the database has no log, and this node has facts; `factfold cluster reseed` makes \
                   it from a node's journal";
        return Err(SharedLogError::Missing(why.into()));
    }
    // A node that waited for the lock finds the tables made, and its own migration refused: it connects again.
    let sql = format!("BEGIN; {} COMMIT;", migrations_from(found));
    let made = session.run(&sql).await;
    if made.is_err() {
        // The transaction is open and broken.
        session.run("ROLLBACK").await?;
        return if version(session).await? == known { Ok(()) } else { made };
    }
    tracing::info!(version = known, "tables made");
    Ok(())
}

/// Makes or migrates the tables in the transaction that is open; nobody sees them before it is committed.
pub async fn make(session: &DbSession) -> Result<(), SharedLogError> {
    let found = version(session).await?;
    let known = MIGRATIONS.len() as i32;
    match found {
        _ if found > known => Err(newer(found)),
        _ if found == known => Ok(()),
        _ => session.run(&migrations_from(found)).await,
    }
}

fn newer(found: i32) -> SharedLogError {
    let known = MIGRATIONS.len();
    SharedLogError::Refused(format!(
        "the database has version {found} of the tables; this release knows {known}"
    ))
}

fn migrations_from(found: i32) -> String {
    let mut sql = format!(
        "SELECT pg_advisory_xact_lock({LOCK}); \
         CREATE TABLE IF NOT EXISTS factfold_schema (version integer NOT NULL); "
    );
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(found as usize) {
        sql.push_str(migration);
        sql.push_str(&format!("INSERT INTO factfold_schema VALUES ({version}); "));
    }
    sql
}

/// Removes the tables, where they are there.
pub async fn remove(session: &DbSession) -> Result<(), SharedLogError> {
    session.run("DROP TABLE IF EXISTS factfold_head, factfold_blocks, factfold_blobs, factfold_schema").await
}

async fn version(session: &DbSession) -> Result<i32, SharedLogError> {
    let there = session.rows("SELECT to_regclass('factfold_schema') IS NOT NULL", &[]).await?;
    if !there.first().is_some_and(|row| row.get::<_, bool>(0)) {
        return Ok(0);
    }
    let rows = session.rows("SELECT coalesce(max(version), 0) FROM factfold_schema", &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Whether commits wait for a standby: refused where they do not, unless `is_allowed`, and then told.
pub async fn check_standby(session: &DbSession, is_allowed: bool) -> Result<Option<String>, SharedLogError> {
    let sql =
        "SELECT current_setting('synchronous_standby_names'), pg_is_in_recovery(), current_setting('fsync')";
    let rows = session.rows(sql, &[]).await?;
    let Some(row) = rows.first() else { return Err(SharedLogError::Unavailable("no answer".into())) };
    let (standbys, is_standby, fsync): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
    if is_standby {
        return Err(SharedLogError::Unavailable(
            "this server is a standby: the log follows the primary".into(),
        ));
    }
    if fsync != "on" {
        return Err(SharedLogError::Refused("the server runs with fsync off".into()));
    }
    let why = "no synchronous standby: synchronous_standby_names is empty, so what is acknowledged may be lost with \
               the primary";
    match (standbys.trim().is_empty(), is_allowed) {
        (false, _) => Ok(None),
        (true, true) => Ok(Some(why.into())),
        (true, false) => {
            let remedy = "[log.postgres] async_standby = true allows it";
            Err(SharedLogError::Refused(format!("{why}; {remedy}")))
        }
    }
}
