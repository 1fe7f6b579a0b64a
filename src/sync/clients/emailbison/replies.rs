//! The replies of the days of a backfill: each that no webhook brought becomes the fact that it would have made.

use std::collections::HashSet;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::outreach::OutreachFact;
use domain::facts::sync::{Closing, DifferenceObserved, SyncFact};
use domain::keys::KeyPart;
use domain::keys::engine::EngineKey;
use domain::members::{Instant, Text};
use serde_json::Value;

use super::pages::Instance;
use crate::ingest::error::IngestError;
use crate::ingest::providers::emailbison::listed::ReplyList;
use crate::sync::error::SyncError;
use crate::sync::lenient::read;
use crate::sync::run::SyncRun;
use crate::sync::source::SourceName;

/// Pages of the list: 15 rows each.
const PAGES_MAX: usize = 10_000;
/// Ids that a difference names.
const IDS_MAX: usize = 100;

/// What is said in errors.
const LIST: &str = "replies";

/// Reads the whole list, which is not ordered by a documented rule, and records what is missing of the span.
///
/// # Errors
/// Those of any page; a row cannot be read.
pub async fn backfill(
    instance: &Instance,
    run: &SyncRun,
    workspace: Text,
    (from, to): (Instant, Instant),
) -> Result<(), SyncError> {
    let blank = || SyncError::unexpected("the instance has no name");
    let name = Text::new(instance.name()).ok_or_else(blank)?;
    let list = ReplyList { tenant: run.tenant().clone(), instance: name, workspace, read_at: run.now() };
    let (mut cursor, mut cursors): (Option<String>, HashSet<String>) = (None, HashSet::new());
    let (mut listed, mut missing): (u64, Vec<Text>) = (0, Vec::new());
    let mut recorded = 0;
    for _ in 0..PAGES_MAX {
        let mut query = vec![("pagination_type", "cursor")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let (body, answer) = instance.page(LIST, &query).await?;
        let next = answer.next_cursor();
        let rows: Vec<Value> = read(LIST, answer.data)?;
        let mut is_kept = false;
        for row in rows {
            let fact = run.ingest().listed_reply(&list, &row);
            // What is said of a row names the member at fault, not what stands there: that may be personal.
            let unread =
                |reason: &str| SyncError::Incomplete(format!("{LIST}: a row could not be read: {reason}"));
            let fact = fact.map_err(|failure| unread(failure.reason.as_str()))?;
            let Some(fact) = fact.filter(|fact| (from..to).contains(&fact.occurred_at)) else { continue };
            listed += 1;
            if run.has_key_of(&fact).await? {
                continue;
            }
            if !is_kept {
                run.keep_page(&body).await?;
                is_kept = true;
            }
            missing.extend(reply_id(&fact).filter(|_| missing.len() < IDS_MAX));
            recorded += 1;
            run.record(vec![fact], &Bytes::from(row.to_string())).await?;
        }
        match next {
            Some(next) if cursors.insert(next.clone()) => cursor = Some(next),
            Some(_) => return Err(SyncError::Incomplete(format!("{LIST}: the list does not end"))),
            None => return tell(run, (from, to), (listed, recorded), missing),
        }
    }
    Err(SyncError::Incomplete(format!("{LIST}: more than {PAGES_MAX} pages")))
}

fn reply_id(fact: &Envelope) -> Option<Text> {
    match &fact.fact {
        Fact::Outreach(OutreachFact::Replied(event)) => event.reply.as_ref()?.id.clone(),
        _ => None,
    }
}

/// Says what nobody had delivered, if anything.
fn tell(
    run: &SyncRun,
    (from, to): (Instant, Instant),
    (listed, recorded): (u64, u64),
    missing_ids: Vec<Text>,
) -> Result<(), SyncError> {
    if recorded == 0 {
        return Ok(());
    }
    let source = Text::new(SourceName::EmailBison.as_str());
    let run_id = run.name().id.clone();
    let key = EngineKey::SyncDifference { run: KeyPart::new(run_id.as_str()) };
    let difference = DifferenceObserved {
        run_id,
        source: source.ok_or_else(|| SyncError::unexpected("a blank name"))?,
        from,
        to,
        listed,
        known: listed - recorded,
        missing: recorded,
        unlisted: 0,
        closing: Closing::Run,
        missing_ids,
        unlisted_ids: Vec::new(),
    };
    let fact = Fact::Sync(SyncFact::Difference(difference));
    let made = Envelope::by_engine(run.tenant().clone(), &key, run.started_at(), fact);
    let made = made.map_err(|error| IngestError::Engine(error.to_string()))?;
    run.hold(vec![made], Bytes::new());
    Ok(())
}
