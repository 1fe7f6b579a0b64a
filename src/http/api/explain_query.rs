//! The parameters that name a figure, of the routes that explain and prove one.

use domain::facts::report::TargetMetric;
use domain::json::FieldError;
use domain::members::{Day, Month, Text};
use domain::rules::reports::Period;
use projections::explain::model::FigureSelection;
use projections::explain::question::Question;
use projections::figures::leaderboard::LeaderboardPeriod;

use super::problem::Problem;
use super::query::{RequiredValue, parameters, word_values};

word_values!(TargetMetric);

parameters! {
    /// Which figure is to be explained, and what of its contributions.
    ExplainQuery {
        /// The model that serves the figure: `month`, `days`, `agents`, `sessions`, `leaderboard`, `targets`, `pipeline`,
        /// `leads`, `sender_accounts`, `provider_performance`, `reports`, `calls` or `outreach_leads`.
        model: RequiredValue<String>,
        /// The member's name as served, dotted where nested, such as `outcomes.voicemail` or `ad_spend_minor.USD`.
        field: RequiredValue<String>,
        /// Of model `month`: which.
        month: Month,
        /// Of models `days` and `provider_performance`: which.
        day: Day,
        /// Of models over a range: first local day.
        from: Day,
        /// Of models over a range: last local day.
        to: Day,
        /// Of model `targets`: what the target is set for.
        metric: TargetMetric,
        /// Of model `sessions`: which.
        session_id: Text,
        /// Of model `pipeline`: the stage.
        stage: Text,
        /// Of model `leads`: the source of leads.
        source: Text,
        /// Of model `leads`: the status of leads.
        status: Text,
        /// Of model `provider_performance`: the email provider; none: accounts of which it was not told.
        email_provider: Text,
        /// Of model `reports`: which.
        report_id: Text,
        /// Of model `calls`: which.
        call_id: Text,
        /// Of model `outreach_leads`: which.
        lead_id: Text,
        /// Of model `leaderboard`: how long it looks.
        period: LeaderboardPeriod,
        /// Of model `leaderboard`: a local day within the period; by default today.
        date: Day,
        /// Of models of calls: the agent's email address, or `nobody`.
        agent: String,
        /// `false`: subjects of the same span that do not count, each with its last fact and why; and facts that would
        /// be of it and are voided, each with the fact that voided it.
        counted: bool,
        /// `true`: also facts of counted subjects that move nothing.
        zeros: bool,
    }
}

impl ExplainQuery {
    /// The question that they ask. `today` stands for a date that is not named; `report` is the period of the report that
    /// `report_id` names.
    ///
    /// # Errors
    /// 422 `unknown_figure`, naming each parameter at fault.
    pub fn question(&self, today: Day, report: Option<Period>) -> Result<Question, Problem> {
        let missing =
            |name: &str| FieldError { pointer: format!("/{name}"), message: "is required".to_owned() };
        let refused = |errors| Problem::unprocessable("unknown_figure", errors);
        let (Some(RequiredValue(model)), Some(RequiredValue(field))) = (&self.model, &self.field) else {
            let absent = [("model", self.model.is_none()), ("field", self.field.is_none())];
            let absent = absent.into_iter().filter(|(_, is_absent)| *is_absent);
            return Err(refused(absent.map(|(name, _)| missing(name)).collect()));
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
        let selection = FigureSelection {
            month: self.month,
            day: self.day,
            from: self.from,
            to: self.to,
            metric: self.metric,
            session_id: text(&self.session_id),
            stage: text(&self.stage),
            source: text(&self.source),
            status: text(&self.status),
            email_provider: text(&self.email_provider),
            report_id: text(&self.report_id),
            report,
            call_id: text(&self.call_id),
            lead_id: text(&self.lead_id),
            period: self.period,
            // A day that is not named means another one later on.
            date: self.date.or_else(|| self.period.map(|_| today)),
            agent: self.agent.clone(),
        };
        Question::new(model, field, selection).map_err(refused)
    }
}
