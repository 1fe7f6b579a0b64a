//! Why a subject of the span does not count, and the rule by which others do, in words.

use domain::facts::Fact;
use domain::facts::call::Direction;
use domain::keys::Position;
use domain::members::Day;
use domain::rules::configuration::Configuration;
use domain::rules::outcomes::Outcome;
use domain::rules::qualification::Reason;

use super::accounts::{GainTally, MailboxTally};
use super::subjects::SubjectId;
use super::tally::{FigureTally, TallyAgent, TallyOf, TallySpan};
use crate::entities::calls::row::CallRow;
use crate::entities::leads::row::{EventKind, Lead};
use crate::entities::sender_accounts::list::Mailbox;
use crate::entities::sender_accounts::row::AccountMember;
use crate::entities::sender_accounts::told::AccountState;
use crate::entity::Entity;
use crate::figures::Measure;
use crate::tenant::Tenant;

/// The code of what counts.
pub const COUNTS: &str = "rules_satisfied";

/// Why a subject or fact does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotCounted {
    /// A stable word.
    pub code: &'static str,
    /// The reason in words.
    pub reason: String,
    /// The month or day that it fell in, where that is why.
    pub fell_in: Option<String>,
    /// The fact that counts in its place, or came first.
    pub decided_by: Option<Position>,
}

impl NotCounted {
    /// For this reason.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), ..Self::default() }
    }

    /// The fact says nothing that the facts before it do not.
    pub fn no_change() -> Self {
        Self::new("no_change", "what it says changes nothing of the figure")
    }
}

/// The directions that a configuration counts, in words.
fn directions(rules: &Configuration) -> String {
    let all = [Some(Direction::Inbound), Some(Direction::Outbound), None];
    let counted = all.into_iter().filter(|direction| rules.counts(*direction));
    let words: Vec<&str> = counted.map(|direction| direction.map_or("unknown", Direction::as_str)).collect();
    words.join(" or ")
}

/// The kind of fact that a measure counts.
pub fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::EmailsSent => "email_sent",
        Measure::Replies | Measure::UniqueReplies => "lead_replied",
        Measure::Interested | Measure::PositiveReplies => "lead_interested",
        Measure::Bounces => "email_bounced",
        Measure::Unsubscribes => "lead_unsubscribed",
        Measure::Calls
        | Measure::Answered
        | Measure::Qualified
        | Measure::TalkSeconds
        | Measure::KnownSeconds
        | Measure::KnownDurations
        | Measure::CountedCalls
        | Measure::AnsweredOfAll
        | Measure::QualifiedOfAll
        | Measure::Outcome(_) => "call",
    }
}

impl FigureTally {
    /// The rule by which a subject counts, in words. Where the configuration changed within the span, its last is told.
    pub fn rule(&self, tenant: &Tenant) -> String {
        let timeline = &tenant.profile.timeline;
        let rules = self.span.days().map_or_else(|| timeline.latest(), |(_, to)| timeline.on(to));
        let (seconds, counted) = (rules.qualified_min_seconds, directions(rules));
        let mut rule = match &self.of {
            TallyOf::Calls(measures) => match measures.as_slice() {
                [Measure::Calls] => "reported or disposed, on the day that it began".to_owned(),
                [Measure::Answered] => format!("answered, direction {counted}"),
                [Measure::Qualified] => format!("answered, {seconds} s or longer, direction {counted}"),
                [Measure::CountedCalls] => format!("reported or disposed, direction {counted}"),
                [Measure::AnsweredOfAll] => "answered".to_owned(),
                [Measure::QualifiedOfAll] => format!("answered, {seconds} s or longer"),
                [Measure::TalkSeconds] => "seconds of answered calls".to_owned(),
                [Measure::KnownSeconds] => "seconds of calls whose duration is known".to_owned(),
                [Measure::KnownDurations] => "calls whose duration is known".to_owned(),
                outcomes => {
                    let of = |outcome: &&Outcome| outcomes.contains(&Measure::Outcome(**outcome));
                    let words: Vec<&str> = Outcome::ALL.iter().filter(of).map(|of| of.as_str()).collect();
                    format!("last outcome {}", words.join(" or "))
                }
            },
            TallyOf::Leads(Measure::UniqueReplies) => match self.span {
                TallySpan::Month(_) => "distinct leads with a lead_replied in the month".to_owned(),
                TallySpan::Days(..) | TallySpan::Ever => {
                    "distinct leads with a lead_replied on the day".to_owned()
                }
            },
            TallyOf::Leads(Measure::PositiveReplies) => {
                "distinct leads, once for ever, at their first lead_interested".to_owned()
            }
            TallyOf::Leads(measure) => format!("each {} event", measure_name(*measure)),
            TallyOf::Records(records) => records.rule(tenant),
            TallyOf::Gains(GainTally { over_spans: true, .. }) => {
                "gains of lifetime totals between readings of different days, the day among them".to_owned()
            }
            TallyOf::Gains(_) => {
                "gains of lifetime totals of accounts read on the day and the day before".to_owned()
            }
            TallyOf::Mailboxes(MailboxTally::Standing(Some(state))) => {
                format!("mailboxes that are {}", state.as_str())
            }
            TallyOf::Mailboxes(MailboxTally::Standing(None)) => "mailboxes that are not removed".to_owned(),
            TallyOf::Mailboxes(MailboxTally::There { .. }) => {
                "mailboxes from the day that they were first told of to the day before they were removed"
                    .to_owned()
            }
            TallyOf::Spend(currency) => {
                format!("the newest observation of each account and day in {currency}")
            }
        };
        if let Some(direction) = self.direction {
            rule.push_str(&format!(", {} calls alone", direction.as_str()));
        }
        rule
    }

    /// Whether it counts a lead once, however many such facts it has.
    pub fn counts_once(&self, fact: &Fact) -> bool {
        let TallyOf::Leads(measure) = self.of else { return false };
        matches!(measure, Measure::UniqueReplies | Measure::PositiveReplies)
            && fact.kind() == measure_name(measure)
    }

    /// Why `subject` adds nothing.
    pub fn why_not(&self, tenant: &Tenant, subject: SubjectId) -> NotCounted {
        match (subject, &self.of) {
            (SubjectId::Call(row), TallyOf::Calls(measures)) => self.why_not_call(tenant, row, measures),
            (SubjectId::Lead(head), TallyOf::Leads(measure)) => self.why_not_lead(tenant, head, *measure),
            (SubjectId::Event(..), TallyOf::Leads(measure)) => no_such_event(*measure),
            (SubjectId::Spend(row), TallyOf::Spend(_)) => self.why_not_spend(tenant, row),
            (SubjectId::Record(id), TallyOf::Records(records)) => match records.bind(tenant).amount(id) {
                Ok(_) => NotCounted::new("no_value", "it adds 0"),
                Err((code, reason)) => NotCounted::new(code, reason),
            },
            (SubjectId::Account(row), TallyOf::Gains(gains)) => why_not_gained(tenant, row, gains),
            (SubjectId::Mailbox(row), TallyOf::Mailboxes(mailboxes)) => {
                let accounts = &tenant.sender_accounts.rows;
                why_not_there(tenant, &accounts.mailbox(&accounts.rows_of_mailbox(row)), mailboxes)
            }
            _ => NotCounted::new("other_model", "it is no subject of this figure"),
        }
    }

    fn elsewhere(&self, tenant: &Tenant, call: &CallRow) -> Option<NotCounted> {
        let day = tenant.profile.timeline.at(call.begun()).1;
        if self.span.holds(day) {
            return None;
        }
        let (code, fell_in) = match self.span {
            TallySpan::Month(_) => ("other_month", day.month().to_string()),
            TallySpan::Days(..) | TallySpan::Ever => ("other_day", day.to_string()),
        };
        let reason = format!("it began on {day}");
        Some(NotCounted { fell_in: Some(fell_in), ..NotCounted::new(code, reason) })
    }

    fn why_not_call(&self, tenant: &Tenant, row: u32, measures: &[Measure]) -> NotCounted {
        let (calls, bound) = (&tenant.calls.rows, self.bind(tenant));
        let call = calls.rows().get(row);
        if !call.exists() {
            return NotCounted::new("not_reported", "placed or recorded only, neither reported nor disposed");
        }
        if let Some(elsewhere) = self.elsewhere(tenant, call) {
            return elsewhere;
        }
        if !bound.is_of_session(tenant, row) {
            return NotCounted::new("other_session", "it was made in another session, or in none");
        }
        if !bound.is_of_agent(call.agent()) {
            let agent = calls.texts().maybe(call.agent()).unwrap_or("nobody");
            let wanted = match &self.agent {
                TallyAgent::Only(Some(agent)) => agent,
                TallyAgent::Only(None) | TallyAgent::Anyone => "nobody",
            };
            return NotCounted::new("other_agent", format!("it is of {agent}, not of {wanted}"));
        }
        let direction = call.direction().map_or("unknown", Direction::as_str);
        if self.direction.is_some_and(|wanted| wanted.as_str() != direction) {
            return NotCounted::new("other_direction", format!("its direction is {direction}"));
        }
        let rules = tenant.profile.timeline.at(call.begun()).0;
        let counted = rules.counts(call.direction());
        let not_counted = || {
            let reason = format!("its direction is {direction}, and {} counts", directions(rules));
            NotCounted::new("direction_not_counted", reason)
        };
        let not_answered = || NotCounted::new("not_answered", "nobody answered");
        let duration = call.duration_seconds();
        let unknown_duration = || NotCounted::new("no_duration", "no fact gives its duration");
        let by_rules = |reason: Reason| match reason {
            Reason::NotAnswered => not_answered(),
            Reason::ShortDuration => {
                let (least, seconds) = (rules.qualified_min_seconds, duration);
                let reason = match seconds {
                    Some(seconds) => format!("{seconds} s, and {least} s qualify"),
                    None => format!("no fact gives its duration, and {least} s qualify"),
                };
                NotCounted::new("short_duration", reason)
            }
            Reason::DirectionNotCounted => not_counted(),
            Reason::RulesSatisfied => NotCounted::new(COUNTS, "it counts"),
        };
        let (_, reason) = call.verdict(rules);
        match measures {
            [Measure::Qualified] => by_rules(reason.of_figure(counted)),
            [Measure::QualifiedOfAll] => by_rules(reason),
            [Measure::Answered] if call.answered() => not_counted(),
            [Measure::Answered | Measure::AnsweredOfAll] => not_answered(),
            [Measure::CountedCalls] => not_counted(),
            [Measure::TalkSeconds] if !call.answered() => not_answered(),
            [Measure::TalkSeconds | Measure::KnownSeconds | Measure::KnownDurations] => match duration {
                Some(seconds) => NotCounted::new("no_duration", format!("it took {seconds} s")),
                None => unknown_duration(),
            },
            _ => match calls.outcome(row) {
                Some(outcome) => {
                    NotCounted::new("other_outcome", format!("its last outcome is {}", outcome.as_str()))
                }
                None => NotCounted::new("no_outcome", "nobody disposed it"),
            },
        }
    }

    /// The lead's fact fell on `day`, which is not of the span.
    pub fn elsewhere_on(&self, day: Day, measure: Measure) -> NotCounted {
        let (code, fell_in) = match self.span {
            TallySpan::Month(_) => ("other_month", day.month().to_string()),
            TallySpan::Days(..) | TallySpan::Ever => ("other_day", day.to_string()),
        };
        let reason = format!("its {} was on {day}", measure_name(measure));
        NotCounted { fell_in: Some(fell_in), ..NotCounted::new(code, reason) }
    }

    fn why_not_lead(&self, tenant: &Tenant, head: u32, measure: Measure) -> NotCounted {
        let timeline = &tenant.profile.timeline;
        let lead = Lead::new(tenant.leads.rows.rows(), head);
        let wanted =
            |kind: EventKind| kind.measure().is_some_and(|of| measure_name(of) == measure_name(measure));
        let facts = lead.facts();
        let first = facts
            .iter()
            .filter(|(_, kind, _)| wanted(*kind))
            .min_by_key(|(position, _, at)| (*at, *position));
        let Some((position, _, at)) = first else { return no_such_event(measure) };
        let day = timeline.at(*at).1;
        let in_span = facts.iter().any(|(_, kind, at)| wanted(*kind) && self.span.holds(timeline.at(*at).1));
        let elsewhere = self.elsewhere_on(day, measure);
        let decided_by = Some(*position);
        match in_span {
            true => {
                let reason = format!("the first {} was on {day}", measure_name(measure));
                NotCounted { code: "not_first", reason, decided_by, ..elsewhere }
            }
            false => NotCounted { decided_by, ..elsewhere },
        }
    }

    fn why_not_spend(&self, tenant: &Tenant, row: u32) -> NotCounted {
        match tenant.spend.rows.observed_on(row) {
            (_, Some(currency)) if self.of == TallyOf::Spend(currency) => {
                NotCounted::new("nothing_spent", "0 was observed")
            }
            (_, Some(currency)) => NotCounted::new("other_currency", format!("it is in {currency}")),
            (_, None) => NotCounted::new("not_observed", "nothing was observed"),
        }
    }
}

fn why_not_gained(tenant: &Tenant, row: u32, gains: &GainTally) -> NotCounted {
    let accounts = &tenant.sender_accounts.rows;
    let provider = accounts.texts().maybe(accounts.rows().get(row).email_provider());
    if provider != gains.provider.as_deref() {
        let reason = format!("its email provider is {}", provider.unwrap_or("not told"));
        return NotCounted::new("other_provider", reason);
    }
    let mut is_measured = false;
    accounts.contributions(row, &tenant.profile.timeline, &mut |share| {
        is_measured |= share.gain.from <= gains.day && gains.day <= share.gain.to;
    });
    match is_measured {
        true => NotCounted::new("no_gain", "it gained nothing on the day"),
        false => NotCounted::new("not_measured", "its totals were not read on the day and before it"),
    }
}

/// Why a mailbox adds nothing.
pub(super) fn why_not_there(tenant: &Tenant, mailbox: &Mailbox<'_>, tally: &MailboxTally) -> NotCounted {
    let (order, state) = mailbox.state();
    let MailboxTally::There { day, provider } = tally else {
        let code = if state == AccountState::Removed { "removed" } else { "other_state" };
        return NotCounted::new(code, format!("it is {}", state.as_str()));
    };
    let told = tenant.sender_accounts.rows.texts().maybe(mailbox.member(AccountMember::EmailProvider));
    if told != provider.as_deref() {
        let reason = format!("its email provider is {}", told.unwrap_or("not told"));
        return NotCounted::new("other_provider", reason);
    }
    let day_of = |at| tenant.profile.timeline.at(at).1;
    let first = day_of(mailbox.first_at());
    if first > *day {
        return NotCounted::new("not_there", format!("it was first told of on {first}"));
    }
    NotCounted::new("removed", format!("it was removed on {}", day_of(order.occurred_at())))
}

fn no_such_event(measure: Measure) -> NotCounted {
    NotCounted::new("no_such_event", format!("it has no {} in the span", measure_name(measure)))
}
