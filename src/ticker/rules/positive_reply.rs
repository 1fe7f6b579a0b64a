//! A lead's first interest raises one alert, until a person has said where the lead stands or a week has gone by
//! (F2). It tells the lead's id and figures, and names no person.

use domain::members::Instant;
use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;

use crate::ticker::Situation;
use crate::ticker::alert::{Finding, is_known, occasions};

const RULE: AlertRule = AlertRule::PositiveReply;
/// So long is an interest news, µs: a server that stood still for less misses none, and no history that is read in
/// tells of one.
const FRESH: i64 = 7 * 86_400_000_000;

/// One alert for each lead, for ever: an earlier interest that comes late, or an id for a known email, is no other.
pub fn due(situation: &Situation<'_>) -> Vec<NewFact> {
    let leads = situation.view.with(|tenant, _| tenant.leads.rows.clone());
    let fresh = leads.fresh_interests(Instant(situation.now.0 - FRESH));
    let findings = fresh.into_iter().filter_map(|interest| {
        let figures = vec![
            ("lead_id", interest.lead_id),
            ("workspace", interest.workspace),
            ("first_interested_at", interest.at.to_string()),
            ("emails_sent", interest.emails_sent.to_string()),
            ("replies", interest.replies.to_string()),
        ];
        let told_as = |name: &String| Finding {
            subject: Some(name.clone()),
            window: "first".into(),
            title: "A lead is interested: somebody should answer".into(),
            figures: figures.clone(),
        };
        let mut findings = interest.names.iter().map(told_as);
        let own = findings.next();
        findings.find(|found| is_known(situation, RULE, found)).or(own)
    });
    let over = "A person has said where the lead stands, or a week has gone by";
    occasions(situation, RULE, &findings.collect::<Vec<_>>(), over)
}
