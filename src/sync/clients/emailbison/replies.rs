//! The replies of the days of a backfill: each that no webhook brought becomes the fact that it would have made.

use std::collections::HashSet;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::outreach::OutreachFact;
use domain::members::{Instant, Text};
use serde_json::Value;

use super::pages::Instance;
use crate::ingest::providers::emailbison::listed::ReplyList;
use crate::sync::difference::{ListedDifference, untold};
use crate::sync::error::SyncError;
use crate::sync::lenient::read;
use crate::sync::parallel;
use crate::sync::run::SyncRun;

/// Pages of the list: 15 rows each.
const PAGES_MAX: usize = 10_000;
/// Replies that are recorded at once.
const AT_ONCE: usize = 32;

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
    let (untold, mut difference) = (untold(run).await?, ListedDifference::default());
    for _ in 0..PAGES_MAX {
        let mut query = vec![("pagination_type", "cursor")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let (body, answer) = instance.page(LIST, &query).await?;
        let next = answer.next_cursor();
        let rows: Vec<Value> = read(LIST, answer.data)?;
        let mut news = Vec::new();
        for row in rows {
            let fact = run.ingest().listed_reply(&list, &row);
            // What is said of a row names the member at fault, not what stands there: that may be personal.
            let unread =
                |reason: &str| SyncError::Incomplete(format!("{LIST}: a row could not be read: {reason}"));
            let fact = fact.map_err(|failure| unread(failure.reason.as_str()))?;
            let Some(fact) = fact.filter(|fact| (from..to).contains(&fact.occurred_at)) else { continue };
            let draft = fact.clone();
            if let Some(first) = run.look_up(move |ingest| ingest.position_of(&draft)).await? {
                let is_untold = untold.holds(first, fact.occurred_at)
                    && run.look_up(move |ingest| ingest.is_listed_reply(first)).await?;
                match is_untold {
                    true => difference.missing(reply_id(&fact).as_ref()),
                    false => difference.known(),
                }
                continue;
            }
            difference.missing(reply_id(&fact).as_ref());
            news.push((fact, Bytes::from(row.to_string())));
        }
        if !news.is_empty() {
            run.keep_page(&body).await?;
            let record = |(fact, original): (Envelope, Bytes)| {
                let run = run.clone();
                async move { run.record(vec![fact], &original).await }
            };
            parallel::each(AT_ONCE, news, record).await?;
        }
        match next {
            Some(next) if cursors.insert(next.clone()) => cursor = Some(next),
            Some(_) => return Err(SyncError::Incomplete(format!("{LIST}: the list does not end"))),
            None => {
                if difference.lacks_deliveries() {
                    run.hold(vec![difference.fact(run, (from, to))?], Bytes::new());
                }
                return Ok(());
            }
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
