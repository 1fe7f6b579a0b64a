//! Alerts that stand as long as what they speak of: raised when a rule finds it, cleared when it does not any more.

use domain::facts::Fact;
use domain::facts::alert::{AlertCleared, AlertFact, AlertRaised, Figure};
use domain::keys::KeyPart;
use domain::keys::engine::EngineKey;
use domain::members::Text;
use domain::rules::alerts::AlertRule;
use domain::rules::decision::NewFact;
use sha2::{Digest, Sha256};

use super::Situation;

/// A finding of a rule; findings with equal subject and window are one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about; `None`: the whole tenant.
    pub subject: Option<String>,
    /// The period or occurrence that distinguishes repeated alerts.
    pub window: String,
    /// What happened, in a line that names no person.
    pub title: String,
    /// What the rule decided by.
    pub figures: Vec<(&'static str, String)>,
}

/// Raises what is found and not open yet, and clears what is open and not found any more.
pub fn standing(
    situation: &Situation<'_>,
    rule: AlertRule,
    findings: Vec<Finding>,
    over: &str,
) -> Vec<NewFact> {
    let open = open(situation, rule);
    let is_found = |subject: &Option<String>| findings.iter().any(|found| found.subject == *subject);
    let over_now = open.iter().filter(|(subject, _)| !is_found(subject));
    let cleared: Vec<NewFact> = over_now.filter_map(|(_, id)| clear(id, over)).collect();
    raised(situation, rule, findings).into_iter().chain(cleared).collect()
}

/// Raises what is found and not open yet, and clears nothing.
pub fn raised(situation: &Situation<'_>, rule: AlertRule, findings: Vec<Finding>) -> Vec<NewFact> {
    let open = open(situation, rule);
    let new = findings.iter().filter(|found| !open.iter().any(|(subject, _)| *subject == found.subject));
    new.filter_map(|found| raise(situation, rule, found)).collect()
}

/// Raises each occasion once, however many of a subject there are, and clears those that are not found any more.
pub fn occasions(
    situation: &Situation<'_>,
    rule: AlertRule,
    findings: &[Finding],
    over: &str,
) -> Vec<NewFact> {
    let ids: Vec<String> = findings.iter().map(|found| alert_id(situation, rule, found)).collect();
    let new = findings.iter().filter(|found| !is_known(situation, rule, found));
    let new = new.filter_map(|found| raise(situation, rule, found));
    let open = open(situation, rule);
    let over_now = open.iter().filter(|(_, id)| !ids.contains(id));
    new.chain(over_now.filter_map(|(_, id)| clear(id, over))).collect()
}

/// Whether that occasion was ever raised.
pub fn is_known(situation: &Situation<'_>, rule: AlertRule, found: &Finding) -> bool {
    let id = alert_id(situation, rule, found);
    situation.view.with(|tenant, _| tenant.alerts.rows.knows(&id))
}

/// Subject and id of each open alert of the rule.
fn open(situation: &Situation<'_>, rule: AlertRule) -> Vec<(Option<String>, String)> {
    situation.view.with(|tenant, _| {
        let open = tenant.alerts.rows.open(rule.as_str()).into_iter();
        open.map(|(subject, id)| (subject.map(str::to_owned), id.to_owned())).collect()
    })
}

fn clear(id: &str, over: &str) -> Option<NewFact> {
    let body = AlertCleared { alert_id: Text::new(id)?, reason: Text::new(over) };
    let key = EngineKey::AlertCleared { alert: KeyPart::new(id) };
    Some(NewFact { key, occurred_at: None, fact: Fact::Alert(AlertFact::Cleared(body)) })
}

/// The same for tenant, rule, subject and window: what is sent carries it, and so it must be fit for a path.
fn alert_id(situation: &Situation<'_>, rule: AlertRule, found: &Finding) -> String {
    let mut digest = Sha256::new();
    for part in [
        situation.tenant.as_str(),
        rule.as_str(),
        found.subject.as_deref().unwrap_or_default(),
        &found.window,
    ] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{}-{}", rule.as_str(), hex::encode(&digest.finalize()[..8]))
}

fn raise(situation: &Situation<'_>, rule: AlertRule, found: &Finding) -> Option<NewFact> {
    let id = alert_id(situation, rule, found);
    let figures = found.figures.iter();
    let figures =
        figures.filter_map(|(name, value)| Some(Figure { name: Text::new(name)?, value: Text::new(value)? }));
    let body = AlertRaised {
        alert_id: Text::new(&id)?,
        rule: Text::new(rule.as_str())?,
        subject: found.subject.as_deref().and_then(Text::new),
        window: Text::new(&found.window),
        title: Text::new(&found.title)?,
        detail: None,
        figures: figures.collect(),
    };
    // A subject may be longer than a key: the id, which is made of rule, subject and window, stands for them.
    let key = EngineKey::AlertRaised { alert: KeyPart::new(&id) };
    Some(NewFact { key, occurred_at: None, fact: Fact::Alert(AlertFact::Raised(body)) })
}
