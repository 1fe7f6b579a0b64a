//! The following thread: keeps a connection to the engine, and hands every block to the writer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::Position;
use domain::record::{Hash, RecordRef};

use super::inbox::{CursorPlace, Inbox, Incoming};
use super::nodes::NodeHead;
use super::unerased::still_in_engine;
use super::{BlockFollower, LogBlock, SharedLog, SharedLogError};
use crate::log::blobs;
use crate::log::erasures::{self, ErasureRegister};
use crate::log::error::LogError;
use crate::log::frame::Frame;
use crate::log::merkle::Head;
use crate::log::shared::{LogState, Shared};
use crate::log::snapshot::LogSnapshot;

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a node says where it is.
const WORD: Duration = Duration::from_secs(1);
/// How long one look for new blocks takes at most.
const LOOK: Duration = Duration::from_millis(500);
/// The same where other nodes wait for this one's receipt.
const RECEIPT: Duration = Duration::from_millis(5);

/// Follows the engine until the log closes, or until what the engine holds is not this node's log. `wake` tells the
/// writer that something came.
pub fn run(shared: &Shared, engine: &dyn SharedLog, inbox: &Inbox, wake: impl Fn()) {
    while !inbox.is_closing() {
        inbox.begin();
        let Err(error) = follow(shared, engine, inbox, &wake) else { return };
        let why: Arc<str> = format!("{}: {error}", engine.name()).into();
        tracing::warn!(error = &*why, "the log's engine");
        inbox.down(Arc::clone(&why));
        if let SharedLogError::Refused(_) = error {
            tracing::error!(reason = &*why, "the log stops");
            shared.set_state(LogState::Stopped(why));
            return;
        }
        shared.set_state(LogState::Unavailable(why));
        wake();
        if let SharedLogError::Missing(_) = error {
            // Whoever makes the log anew looks for the node that goes furthest. Unheard, it is told again.
            match engine.meet(&own_head(shared, inbox), WORD) {
                Ok(words) => inbox.hear(words),
                Err(error) => tracing::debug!(%error, "the other nodes are not met"),
            }
        }
        if !inbox.rest(PAUSE) {
            return;
        }
    }
}

/// What this node says of itself.
fn own_head(shared: &Shared, inbox: &Inbox) -> Vec<u8> {
    let Head { position, root } = shared.head();
    let own = NodeHead { node: inbox.node.clone(), position, root: hex::encode(root) };
    serde_json::to_vec(&own).unwrap_or_default()
}

fn follow(
    shared: &Shared,
    engine: &dyn SharedLog,
    inbox: &Inbox,
    wake: &impl Fn(),
) -> Result<(), SharedLogError> {
    let head = shared.head();
    let mut connected = engine.connect(head.position == 0)?;
    let follower = &mut *connected.follower;
    let tip = follower.tip()?;
    let place = locate(&shared.snapshot(), follower, head, tip)?;
    let mut cursor = place.cursor;
    for warning in &connected.warnings {
        tracing::warn!(warning, "the log's engine is weaker than it should be");
    }
    tracing::info!(engine = engine.name(), position = head.position, tip, "the log's engine is connected");
    match connected.closed.map(Arc::<str>::from) {
        None => {
            inbox.link(connected.appender, place, tip, connected.warnings);
            if matches!(shared.state(), LogState::Unavailable(_)) {
                shared.set_state(LogState::Writable);
            }
        }
        Some(why) => {
            shared.set_state(LogState::Unavailable(Arc::clone(&why)));
            inbox.closed(why, tip, connected.warnings);
        }
    }
    wake();
    let mut spoken: Option<(Instant, Position)> = None;
    let (mut register_len, mut gone) = (None, BTreeSet::new());
    let gives_receipts = inbox.copies > 1;
    while !inbox.is_closing() {
        let position = shared.head().position;
        if spoken.is_none_or(|(at, said)| at.elapsed() > WORD || gives_receipts && said != position) {
            follower.tell(&own_head(shared, inbox))?;
            spoken = Some((Instant::now(), position));
            let len = Some(erasures::len(&*shared.disk));
            if len != register_len {
                let register = ErasureRegister::read(&*shared.disk).map_err(unread)?;
                inbox.unerased(still_in_engine(follower, &register, &mut gone)?);
                register_len = len;
            }
        }
        let heard = follower.heard();
        if !heard.is_empty() {
            inbox.hear(heard);
        }
        if inbox.is_doubted() {
            return Err(SharedLogError::Unavailable("an original is fetched again".into()));
        }
        let blocks = follower.next(cursor, if gives_receipts { RECEIPT } else { LOOK })?;
        let any = !blocks.is_empty();
        for block in blocks {
            cursor = block.cursor;
            let blobs = missing_blobs(shared, follower, &block)?;
            if !inbox.push(Incoming { block, blobs }) {
                return Ok(());
            }
        }
        if any {
            wake();
        }
    }
    Ok(())
}

/// Checks that `log` is the beginning of the engine's: the engine has the same tree before the block that holds its head, and
/// the same facts in it. Where the engine ends.
///
/// # Errors
/// [`SharedLogError::Refused`]: it is another log. Else the engine's.
pub fn is_of_engine(log: &LogSnapshot, engine: &dyn SharedLog) -> Result<Position, SharedLogError> {
    let mut connected = engine.connect(false)?;
    let tip = connected.follower.tip()?;
    locate(log, &mut *connected.follower, log.head(), tip)?;
    Ok(tip)
}

/// Where `head`, the head of `log`, stands in the engine: behind the block that ends with it. Where a block holds it in its
/// middle, because the log was made anew in blocks of another journal, behind the block before. The block must be the one
/// that this node has: the same tree before it, and the same facts in it.
pub(super) fn locate(
    log: &LogSnapshot,
    follower: &mut dyn BlockFollower,
    head: Head,
    tip: Position,
) -> Result<CursorPlace, SharedLogError> {
    let begin = CursorPlace { position: 0, cursor: 0 };
    if head.position == 0 {
        return Ok(begin);
    }
    if tip < head.position {
        let why = format!(
            "the engine's log ends at position {tip}, and this node has {}: acknowledged facts are missing there",
            head.position
        );
        return Err(SharedLogError::Refused(why));
    }
    let other =
        |why: &str| SharedLogError::Refused(format!("position {} of the engine's log {why}", head.position));
    let block = follower.find(head.position)?.ok_or_else(|| other("is not there"))?;
    if !is_same(log, &block.frame, head.position).map_err(unread)? {
        return Err(other("is not what this node has there"));
    }
    if block.frame.last() == head.position {
        return Ok(CursorPlace { position: head.position, cursor: block.cursor });
    }
    let position = block.frame.header.first - 1;
    if position == 0 {
        return Ok(begin);
    }
    let before = follower.find(position)?.filter(|before| before.frame.last() == position);
    let before = before.ok_or_else(|| other("stands in a block that follows none"))?;
    Ok(CursorPlace { position, cursor: before.cursor })
}

fn unread(error: LogError) -> SharedLogError {
    SharedLogError::Unavailable(error.to_string())
}

/// Whether the records of `frame` up to `last` are those of `log`, with the same tree before them.
pub(super) fn is_same(log: &LogSnapshot, frame: &Frame, last: Position) -> Result<bool, LogError> {
    let mut same = log.root_at(frame.header.first - 1)? == frame.header.prev;
    for (position, stored) in frame.stored().take_while(|(position, _)| *position <= last) {
        let ours = log.read(position)?;
        let ours = ours.as_ref().and_then(|record| record.view().ok()).map(|record| record.leaf());
        same &= ours.is_some() && ours == RecordRef::read(stored).ok().map(|record| record.leaf());
    }
    Ok(same)
}

/// The originals of a block that are not in this node's blob room.
fn missing_blobs(
    shared: &Shared,
    follower: &mut dyn BlockFollower,
    block: &LogBlock,
) -> Result<Vec<(Hash, Bytes)>, SharedLogError> {
    let missing =
        block.frame.blobs().filter(|(digest, _)| shared.disk.identity(&blobs::path(digest)).is_err());
    missing.map(|(digest, len)| Ok((digest, follower.blob(&digest, len)?))).collect()
}
