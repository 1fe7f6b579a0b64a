//! Contributions summed by hand into figures by name, and the same figures as the routes serve them.

use std::collections::BTreeMap;

use domain::facts::sync::Resource;
use domain::members::{Day, Month};
use domain::rules::configuration::{Timeline, folded};
use projections::entities::sender_accounts::told::Counter;
use projections::entity::Entity;
use projections::figures::{Amount, CellSpan, Measure, Share, Sums, lead_summary, pipeline};
use projections::tenant::Tenant;
use serde_json::Value;

use crate::common::at;

/// The figures that a summing by hand gives.
pub fn summed<E: Entity>(rows: &E, ids: impl Iterator<Item = E::RowId>, timeline: &Timeline) -> E::Figures {
    let mut figures = E::Figures::default();
    ids.for_each(|id| rows.contributions(id, timeline, &mut |share| figures.add(&share, 1)));
    figures
}

/// Figures by name, those that are 0 left out.
pub type Named = BTreeMap<String, i128>;

fn add(named: &mut Named, name: String, amount: i128) {
    let sum = named.entry(name).or_default();
    *sum += amount;
}

fn name(measure: Measure) -> Option<String> {
    Some(match measure {
        Measure::Calls => "calls".into(),
        Measure::Answered => "answered".into(),
        Measure::Qualified => "qualified".into(),
        Measure::TalkSeconds => "talk_seconds".into(),
        Measure::EmailsSent => "emails_sent".into(),
        Measure::Replies => "replies".into(),
        Measure::UniqueReplies => "unique_replies".into(),
        Measure::Interested => "interested".into(),
        Measure::PositiveReplies => "positive_replies".into(),
        Measure::Bounces => "bounces".into(),
        Measure::Unsubscribes => "unsubscribes".into(),
        Measure::Outcome(outcome) => format!("outcomes.{}", outcome.as_str()),
        // An average's parts, served by agent and session alone.
        Measure::KnownSeconds | Measure::KnownDurations => return None,
        // A rate's part, and what is served by direction.
        Measure::CountedCalls | Measure::AnsweredOfAll | Measure::QualifiedOfAll => return None,
    })
}

fn add_share(named: &mut Named, share: &Share, agent_of: &dyn Fn(&Share) -> String) {
    let spans = match share.span {
        CellSpan::Day(day) => vec![day.to_string(), day.month().to_string()],
        CellSpan::DayAlone(day) => vec![day.to_string()],
        CellSpan::MonthAlone(month) => vec![month.to_string()],
    };
    for span in spans {
        match &share.amount {
            Amount::One(measure) => {
                name(*measure).into_iter().for_each(|figure| add(named, format!("{span} {figure}"), 1));
            }
            Amount::Spend(currency, minor) => {
                add(named, format!("{span} ad_spend_minor.{currency}"), i128::from(*minor));
            }
            Amount::Call { amounts, .. } => {
                for (measure, amount) in amounts {
                    let Some(figure) = name(*measure) else { continue };
                    add(named, format!("{span} {figure}"), i128::from(*amount));
                    if !figure.starts_with("outcomes.") {
                        add(named, format!("{span} {} {figure}", agent_of(share)), i128::from(*amount));
                    }
                }
            }
        }
    }
}

/// What the rows contribute to days, months, email providers and the CRM's figures.
pub fn contributed(tenant: &Tenant, bend: impl Fn(&mut Share)) -> Named {
    let (mut named, timeline) = (Named::new(), &tenant.profile.timeline);
    let texts = tenant.calls.rows.texts();
    let agent_of = |share: &Share| match share.amount {
        Amount::Call { agent, .. } => texts.maybe(agent).unwrap_or("nobody").to_owned(),
        Amount::One(_) | Amount::Spend(..) => String::new(),
    };
    let mut share = |mut share: Share| {
        bend(&mut share);
        add_share(&mut named, &share, &agent_of);
    };
    let (calls, leads, spend) = (&tenant.calls.rows, &tenant.leads.rows, &tenant.spend.rows);
    calls.row_ids().for_each(|id| calls.contributions(id, timeline, &mut share));
    leads.row_ids().for_each(|id| leads.contributions(id, timeline, &mut share));
    spend.row_ids().for_each(|id| spend.contributions(id, timeline, &mut share));

    let accounts = &tenant.sender_accounts.rows;
    let mut gain = |share: projections::figures::gains::AccountGain| {
        if share.gain.from != share.gain.to {
            return;
        }
        let provider = accounts.texts().maybe(share.provider).unwrap_or("none");
        let counter = ["sends", "replies", "bounces"][share.gain.counter as usize];
        let figure = |figure| format!("{} {provider} {figure}", share.gain.to);
        add(&mut named, figure(counter), share.gain.amount.into());
        if share.gain.counter == Counter::Sends {
            add(&mut named, figure("measured_accounts"), 1);
            add(&mut named, figure("resets"), share.gain.resets.into());
        }
    };
    accounts.row_ids().for_each(|id| accounts.contributions(id, timeline, &mut gain));

    let crm = &tenant.crm.rows;
    let mut record = |share: projections::entities::crm::RecordShare| {
        let source = crm.texts().get(share.source);
        let tables = crm.tables(share.resource);
        let Some(read) = tables.iter().find(|(of, _)| *of == source).and_then(|(_, t)| t.observed_at())
        else {
            return;
        };
        let (rules, text) = (timeline.at(read).0, |symbol| crm.texts().maybe(symbol));
        let is_counted = |of: &str| rules.counted_contact_types.contains(&folded(of));
        if !text(share.kind.contact_type).is_none_or(is_counted) {
            return;
        }
        let stage = folded(text(share.kind.stage).unwrap_or("New Lead"));
        match share.resource {
            Resource::Leads => {
                add(&mut named, "crm total_leads".into(), 1);
                add(
                    &mut named,
                    format!("crm source {}", folded(text(share.kind.source).unwrap_or("Unknown"))),
                    1,
                );
                add(&mut named, format!("crm status {stage}"), 1);
                add(&mut named, "crm qualified_leads".into(), rules.qualified_stages.contains(&stage).into());
            }
            Resource::Opportunities => {
                add(&mut named, format!("crm deals {stage}"), 1);
                add(&mut named, "crm value".into(), share.value_minor.unwrap_or(0).into());
            }
            Resource::Notes | Resource::Activities | Resource::SalesCycles => {}
        }
    };
    crm.row_ids().for_each(|id| crm.contributions(id, timeline, &mut record));
    named.retain(|_, sum| *sum != 0);
    named
}

fn add_answer(named: &mut Named, span: &str, figures: &Value) {
    let members = figures.as_object().unwrap();
    for (member, value) in members.iter().filter(|(_, value)| value.is_i64()) {
        add(named, format!("{span} {member}"), value.as_i64().unwrap().into());
    }
    for member in ["outcomes", "ad_spend_minor"] {
        for (name, value) in figures[member].as_object().into_iter().flatten() {
            add(named, format!("{span} {member}.{name}"), value.as_i64().unwrap().into());
        }
    }
    for agent in figures["by_agent"].as_array().unwrap() {
        for member in ["calls", "answered", "qualified", "talk_seconds"] {
            let name = agent["agent"].as_str().unwrap_or("nobody");
            add(named, format!("{span} {name} {member}"), agent[member].as_i64().unwrap().into());
        }
    }
}

/// The same figures, as the routes serve them.
pub fn served(tenant: &Tenant) -> Named {
    let mut named = Named::new();
    for month in Month::parse("2025-01").unwrap().0..=Month::parse("2025-12").unwrap().0 {
        let mut answer =
            serde_json::to_value(tenant.month(0, Month(month), at("2025-11-01T12:00:00Z"))).unwrap();
        answer["position"].take();
        add_answer(&mut named, &Month(month).to_string(), &answer);
    }
    let (from, to) = (Day::parse("2025-01-01").unwrap(), Day::parse("2025-12-31").unwrap());
    for day in serde_json::to_value(tenant.days(from, to).answer(0)).unwrap()["items"].as_array().unwrap() {
        add_answer(&mut named, day["date"].as_str().unwrap(), day);
    }
    let performance = serde_json::to_value(tenant.performance().answer(0, from, to)).unwrap();
    for row in performance["items"].as_array().unwrap() {
        for member in ["sends", "replies", "bounces", "measured_accounts", "resets"] {
            let provider = row["email_provider"].as_str().unwrap_or("none");
            let name = format!("{} {provider} {member}", row["date"].as_str().unwrap());
            add(&mut named, name, row[member].as_i64().unwrap_or(0).into());
        }
    }
    let (crm, timeline) = (&tenant.crm.rows, &tenant.profile.timeline);
    let leads = lead_summary::LeadSummaryInput::new(crm, timeline).answer(0);
    add(&mut named, "crm total_leads".into(), leads.total_leads.into());
    add(&mut named, "crm qualified_leads".into(), leads.qualified_leads.into());
    leads
        .by_source
        .iter()
        .for_each(|of| add(&mut named, format!("crm source {}", folded(&of.source)), of.leads.into()));
    leads
        .by_status
        .iter()
        .for_each(|of| add(&mut named, format!("crm status {}", folded(&of.status)), of.leads.into()));
    let deals = pipeline::PipelineInput::new(crm, timeline).answer(0);
    deals
        .stages
        .iter()
        .for_each(|of| add(&mut named, format!("crm deals {}", folded(&of.stage)), of.count.into()));
    let others = deals.other_value_minor.values().sum::<i64>();
    add(&mut named, "crm value".into(), (deals.total_value_minor + others).into());
    named.retain(|_, sum| *sum != 0);
    named
}
