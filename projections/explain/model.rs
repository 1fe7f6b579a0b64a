//! How a figure is named: the model that serves it, the member's name as served, and what selects the row.

use std::collections::BTreeMap;

use domain::facts::report::TargetMetric;
use domain::json::FieldError;
use domain::members::{Day, Email, Month};
use domain::rules::reports::Period;
use domain::words;
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::leaderboard::LeaderboardPeriod;

words! {
    /// A model whose figures can be explained, by the route that serves it.
    ExplainedModel {
        /// `/metrics/month`
        Month = "month",
        /// `/metrics/days`
        Days = "days",
        /// `/metrics/agents/{agent}/summary`
        Agents = "agents",
        /// `/metrics/sessions/{session_id}` and `/sessions/{session_id}`
        Sessions = "sessions",
        /// `/leaderboard`
        Leaderboard = "leaderboard",
        /// `/pipeline`
        Pipeline = "pipeline",
        /// `/leads/summary`
        Leads = "leads",
        /// `/sender-accounts/status`
        SenderAccounts = "sender_accounts",
        /// `/provider-performance`
        ProviderPerformance = "provider_performance",
        /// `/reports/{report_id}`
        Reports = "reports",
        /// `/calls/{call_id}`
        Calls = "calls",
        /// `/outreach/leads`
        OutreachLeads = "outreach_leads",
        /// The targets of a month, as `/metrics/month` serves them.
        Targets = "targets",
    }
}

/// Calls that have no agent: what selects them where an agent selects calls.
pub const NOBODY: &str = "nobody";

const DAY_RULE: &str = "a date such as 2025-10-09";

/// Sets a member; whether there is a value for it.
fn set<T>(member: &mut Option<T>, value: Option<T>) -> bool {
    *member = value;
    member.is_some()
}

/// What selects a row of a model's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureSelection {
    /// A month.
    pub month: Option<Month>,
    /// A local day.
    pub day: Option<Day>,
    /// First local day.
    pub from: Option<Day>,
    /// Last local day.
    pub to: Option<Day>,
    /// A day within the period of a leaderboard.
    pub date: Option<Day>,
    /// An agent, or [`NOBODY`].
    pub agent: Option<String>,
    /// A dialer session.
    pub session_id: Option<String>,
    /// A stage of the CRM.
    pub stage: Option<String>,
    /// A source of leads.
    pub source: Option<String>,
    /// A status of leads.
    pub status: Option<String>,
    /// An email provider.
    pub email_provider: Option<String>,
    /// A period of the leaderboard.
    pub period: Option<LeaderboardPeriod>,
    /// What a target is set for.
    pub metric: Option<TargetMetric>,
    /// A report.
    pub report_id: Option<String>,
    /// The report's period, which whoever reads the report fills in: it selects nothing by itself.
    pub report: Option<Period>,
    /// A call.
    pub call_id: Option<String>,
    /// A lead of outreach.
    pub lead_id: Option<String>,
}

/// Names of what may select a row.
const SELECTS: [&str; 16] = [
    "month",
    "day",
    "from",
    "to",
    "date",
    "agent",
    "session_id",
    "stage",
    "source",
    "status",
    "email_provider",
    "period",
    "metric",
    "report_id",
    "call_id",
    "lead_id",
];

impl FigureSelection {
    /// Reads names and values.
    ///
    /// # Errors
    /// Which are unknown, or no values of theirs.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<FieldError>> {
        let (mut read, mut faults) = (Self::default(), Vec::new());
        for (name, value) in pairs {
            let text = || Some(value.to_owned());
            let (is_read, rule) = match name {
                "month" => (set(&mut read.month, Month::parse(value)), "a month such as 2025-10"),
                "day" => (set(&mut read.day, Day::parse(value)), DAY_RULE),
                "from" => (set(&mut read.from, Day::parse(value)), DAY_RULE),
                "to" => (set(&mut read.to, Day::parse(value)), DAY_RULE),
                "date" => (set(&mut read.date, Day::parse(value)), DAY_RULE),
                "agent" => (set(&mut read.agent, text()), ""),
                "session_id" => (set(&mut read.session_id, text()), ""),
                "stage" => (set(&mut read.stage, text()), ""),
                "source" => (set(&mut read.source, text()), ""),
                "status" => (set(&mut read.status, text()), ""),
                "email_provider" => (set(&mut read.email_provider, text()), ""),
                "period" => (set(&mut read.period, LeaderboardPeriod::parse(value)), "one of day week month"),
                "metric" => {
                    let rule = "one of positive_replies emails_sent qualified";
                    (set(&mut read.metric, TargetMetric::parse(value)), rule)
                }
                "report_id" => (set(&mut read.report_id, text()), ""),
                "call_id" => (set(&mut read.call_id, text()), ""),
                "lead_id" => (set(&mut read.lead_id, text()), ""),
                _ => (false, ""),
            };
            let message = match (is_read, rule) {
                (true, _) => continue,
                (false, "") => format!("selects nothing; there are: {}", SELECTS.join(", ")),
                (false, rule) => format!("must be {rule}"),
            };
            faults.push(FieldError { pointer: format!("/{name}"), message });
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    /// What is given, by the parameters' names.
    pub fn given(&self) -> BTreeMap<&'static str, String> {
        fn text<T: ToString>(value: &Option<T>) -> Option<String> {
            value.as_ref().map(T::to_string)
        }
        let members = [
            ("month", text(&self.month)),
            ("day", text(&self.day)),
            ("from", text(&self.from)),
            ("to", text(&self.to)),
            ("date", text(&self.date)),
            ("agent", self.agent.clone()),
            ("session_id", self.session_id.clone()),
            ("stage", self.stage.clone()),
            ("source", self.source.clone()),
            ("status", self.status.clone()),
            ("email_provider", self.email_provider.clone()),
            ("period", self.period.map(|period| period.as_str().to_owned())),
            ("metric", self.metric.map(|metric| metric.as_str().to_owned())),
            ("report_id", self.report_id.clone()),
            ("call_id", self.call_id.clone()),
            ("lead_id", self.lead_id.clone()),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The agent as facts name one; none for [`NOBODY`], and where it is no address.
    pub fn agent_email(&self) -> Option<Email> {
        Email::new(self.agent.as_deref().filter(|agent| *agent != NOBODY)?)
    }
}

impl ExplainedModel {
    /// The parameters that must be given, and those that may be.
    pub fn selects(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Month => (&["month"], &["agent"]),
            Self::Days => (&["day"], &["agent"]),
            Self::Agents => (&["agent"], &["from", "to"]),
            Self::Sessions => (&["session_id"], &[]),
            Self::Pipeline => (&[], &["stage"]),
            Self::Leads => (&[], &["source", "status"]),
            Self::SenderAccounts => (&[], &[]),
            Self::ProviderPerformance => (&["day"], &["email_provider"]),
            Self::Reports => (&["report_id"], &[]),
            Self::Calls => (&["call_id"], &[]),
            Self::OutreachLeads => (&["lead_id"], &[]),
            Self::Leaderboard => (&["period", "agent"], &["date"]),
            Self::Targets => (&["month", "metric"], &[]),
        }
    }
}

/// A figure as it is named in answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct FigureName {
    /// `month`, `days`, `agents` …
    pub model: &'static str,
    /// The member's name as served, dotted where nested.
    pub field: String,
    /// What selects the row.
    #[schema(value_type = BTreeMap<String, String>)]
    pub selection: BTreeMap<&'static str, String>,
}
