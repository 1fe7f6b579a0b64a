//! Laws of contributions (I10, E2): every figure that is counted or summed is the sum of what the rows contribute, and
//! the facts that a row names are those it was folded from, no more and no fewer.

use std::collections::BTreeMap;

use crate::common::{Given, TENANT, at, given, history, live, recorded};
use domain::facts::sync::Resource;
use domain::members::{Day, Month};
use domain::rules::configuration::{Timeline, folded};
use projections::Recorded;
use projections::canonical::Digest;
use projections::entities::crm::CrmId;
use projections::entities::leads::list::{LeadFilter, LeadList};
use projections::entities::leads::{LeadId, Leads};
use projections::entities::sender_accounts::row::Counter;
use projections::entity::{Entity, Folded};
use projections::figures::{Amount, CellSpan, Measure, Share, Sums, lead_summary, pipeline};
use projections::tenant::Tenant;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn report() -> impl Strategy<Value = Given> {
    let kinds = prop::sample::select(vec!["report_drafted", "report_published", "report_withdrawn"]);
    let of = prop::sample::select(vec![("R1", "2025-10"), ("R2", "2025-10-06")]);
    (kinds, of, 0i64..4).prop_map(|(kind, (report, period), hour)| {
        let when = domain::members::Instant(at("2025-11-09T00:00:00Z").0 + hour * 3_600_000_000);
        given(kind, when, json!({"report_id": report, "period": period, "narrative": format!("{hour}")}))
    })
}

/// Facts that every entity of the table folds some of, in any order.
fn everything() -> impl Strategy<Value = Vec<Given>> {
    let rest = (crate::crm::rules(), crate::crm::runs(true), prop::collection::vec(report(), 0..6));
    (history(), rest).prop_flat_map(|(history, (rules, runs, reports))| {
        let facts = [history, vec![rules], runs, reports, crate::evidence::history()].concat();
        Just(facts).prop_shuffle()
    })
}

/// Holds a law for every entity: a new one in the table does not compile until it stands here, too.
macro_rules! every_entity {
    ($tenant:expr, $law:expr) => {{
        let Tenant {
            profile: _,
            calls,
            leads,
            sessions,
            conflicts,
            quarantine,
            alerts,
            crm,
            notes,
            reports,
            sender_accounts,
            spend,
            targets,
        } = $tenant;
        $law(calls)?;
        $law(leads)?;
        $law(sessions)?;
        $law(conflicts)?;
        $law(quarantine)?;
        $law(alerts)?;
        $law(crm)?;
        $law(notes)?;
        $law(reports)?;
        $law(sender_accounts)?;
        $law(spend)?;
        $law(targets)?;
    }};
}

/// The figures that a summing by hand gives.
fn summed<E: Entity>(rows: &E, ids: impl Iterator<Item = E::RowId>, timeline: &Timeline) -> E::Figures {
    let mut figures = E::Figures::default();
    ids.for_each(|id| rows.contributions(id, timeline, &mut |share| figures.add(&share, 1)));
    figures
}

fn moved_figures_are_sums<E: Entity>(folded: &Folded<E>, timeline: &Timeline) -> Result<(), TestCaseError> {
    let summed = summed(&folded.rows, folded.rows.row_ids(), timeline);
    let [moved, summed] =
        [&folded.figures, &summed].map(|figures| folded.rows.digest_figures(TENANT, figures));
    prop_assert_eq!(moved, summed, "{}", E::NAME);
    Ok(())
}

/// Figures by name, those that are 0 left out.
type Named = BTreeMap<String, i128>;

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
                add(named, format!("{span} ad_spend.{currency}"), i128::from(*minor));
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
fn contributed(tenant: &Tenant, bend: impl Fn(&mut Share)) -> Named {
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
    for member in ["outcomes", "ad_spend"] {
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
fn served(tenant: &Tenant) -> Named {
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

/// The entity of the facts that a row names, alone.
fn alone<E: Entity>(rows: &E, id: E::RowId, log: &[Recorded<'_>], names: impl Fn(Vec<u64>) -> Vec<u64>) -> E {
    let (mut alone, facts) = (E::default(), names(rows.facts_of(id)));
    log.iter().filter(|fact| facts.contains(&fact.position)).for_each(|fact| alone.fold(fact));
    alone.finish_rows();
    alone
}

/// Each row, folded alone from the facts that it names, contributes what it does among all others.
fn rows_contribute_alone<E: Entity>(
    rows: &E,
    ids: impl Iterator<Item = E::RowId>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    for id in ids {
        let whole = rows.digest_figures(TENANT, &summed(rows, std::iter::once(id), timeline));
        let alone = alone(rows, id, log, &names);
        let again = alone.digest_figures(TENANT, &summed(&alone, alone.row_ids(), timeline));
        prop_assert_eq!(whole, again, "{} {:?}", E::NAME, id);
    }
    Ok(())
}

/// The rows, each folded alone, are together the rows of all facts: canonical rows hold the positions of their facts,
/// so one too many or too few shows.
fn rows_are_their_facts<E: Entity>(
    folded: &Folded<E>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let rows = &folded.rows;
    let mut sum = Digest::default();
    rows.row_ids().for_each(|id| sum.merge(alone(rows, id, log, &names).digest(TENANT)));
    prop_assert_eq!(sum, rows.digest(TENANT), "{}", E::NAME);
    rows_contribute_alone(rows, rows.row_ids(), log, timeline, names)
}

/// A lead names the claims that hold for it, which are rows of their own as well: the served leads are compared.
fn leads_are_their_facts(
    folded: &Folded<Leads>,
    log: &[Recorded<'_>],
    timeline: &Timeline,
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let (rows, calls) = (&folded.rows, projections::entities::calls::Calls::default());
    let listed = |leads: &Leads| {
        let page = LeadList::new(leads, &calls).page(0, &LeadFilter::default(), None, 1_000);
        page.items.into_iter().map(|item| serde_json::to_string(&item).unwrap()).collect::<Vec<_>>()
    };
    let leads = || rows.row_ids().filter(|id| matches!(id, LeadId::Lead(_)));
    let mut each: Vec<String> = leads().flat_map(|id| listed(&alone(rows, id, log, &names))).collect();
    let mut all = listed(rows);
    each.sort_unstable();
    all.sort_unstable();
    prop_assert_eq!(each, all);
    let mut named: Vec<u64> = rows.row_ids().flat_map(|id| names(rows.facts_of(id))).collect();
    named.sort_unstable();
    named.dedup();
    let group = Leads::GROUPS[0];
    let folded: Vec<u64> =
        log.iter().filter(|fact| fact.fact.tag().group == group).map(|fact| fact.position).collect();
    prop_assert_eq!(named, folded, "every fact of leads is of one of them");
    rows_contribute_alone(rows, leads(), log, timeline, names)
}

/// A record counts with its whole snapshot, so it is not folded alone: the one fact that it names holds it.
fn records_are_in_their_facts(
    tenant: &Tenant,
    facts: &[Given],
    names: impl Fn(Vec<u64>) -> Vec<u64>,
) -> Result<(), TestCaseError> {
    let crm = &tenant.crm.rows;
    for id in crm.row_ids() {
        let named = names(crm.facts_of(id));
        let bodies = named.iter().map(|position| &facts[*position as usize - 1].body);
        match id {
            CrmId::Run(_) => {
                let runs: std::collections::BTreeSet<_> =
                    bodies.map(|body| body["run_id"].as_str()).collect();
                prop_assert_eq!(runs.len(), 1);
            }
            CrmId::Record { resource, source, row } => {
                let tables = crm.tables(resource);
                let source = crm.texts().get(source);
                let (_, table) = tables.iter().find(|(of, _)| *of == source).unwrap();
                let record = table.row(row);
                let body = bodies.into_iter().next().ok_or_else(|| TestCaseError::fail("names no fact"))?;
                let (key, list) = (crm.texts().get(record.id), &body["records"][record.index()]);
                let is_gone = body["removed"].as_array().is_some_and(|ids| ids.iter().any(|id| id == key));
                prop_assert!(named.len() == 1 && (list["id"] == key || is_gone), "{} in {}", key, body);
                prop_assert!(record.gone || list["value_minor"].as_i64() == record.value_minor);
            }
        }
    }
    let mut of_runs: Vec<u64> = crm
        .row_ids()
        .filter(|id| matches!(id, CrmId::Run(_)))
        .flat_map(|id| names(crm.facts_of(id)))
        .collect();
    of_runs.sort_unstable();
    let ends =
        facts.iter().zip(1..).filter(|(fact, _)| ["sync_started", "sync_finished"].contains(&fact.kind));
    prop_assert_eq!(of_runs, ends.map(|(_, position)| position).collect::<Vec<u64>>());
    Ok(())
}

fn law_of_facts(facts: &[Given], names: impl Fn(Vec<u64>) -> Vec<u64>) -> Result<(), TestCaseError> {
    let log = recorded(facts);
    let tenant = live(&log);
    let timeline = &tenant.profile.timeline;
    let names = &names;
    rows_are_their_facts(&tenant.calls, &log, timeline, names)?;
    leads_are_their_facts(&tenant.leads, &log, timeline, names)?;
    rows_are_their_facts(&tenant.sessions, &log, timeline, names)?;
    rows_are_their_facts(&tenant.conflicts, &log, timeline, names)?;
    rows_are_their_facts(&tenant.quarantine, &log, timeline, names)?;
    rows_are_their_facts(&tenant.alerts, &log, timeline, names)?;
    records_are_in_their_facts(&tenant, facts, names)?;
    rows_are_their_facts(&tenant.notes, &log, timeline, names)?;
    rows_are_their_facts(&tenant.reports, &log, timeline, names)?;
    rows_are_their_facts(&tenant.sender_accounts, &log, timeline, names)?;
    rows_are_their_facts(&tenant.spend, &log, timeline, names)?;
    rows_are_their_facts(&tenant.targets, &log, timeline, names)
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn i10_given_any_history_when_rows_are_summed_then_the_figures_that_were_moved_live_are_these(facts in everything()) {
        let tenant = live(&recorded(&facts));
        let timeline = &tenant.profile.timeline;
        every_entity!(&tenant, |folded| moved_figures_are_sums(folded, timeline));
    }

    #[test]
    fn i10_given_any_history_when_contributions_are_summed_by_hand_then_they_are_what_is_served(facts in everything()) {
        let tenant = live(&recorded(&facts));
        prop_assert_eq!(contributed(&tenant, |_| {}), served(&tenant));
    }

    #[test]
    fn e2_given_any_history_when_a_rows_facts_are_folded_alone_then_they_give_the_row(facts in everything()) {
        law_of_facts(&facts, |facts| facts)?;
    }
}

fn is_caught<S: Strategy>(strategy: S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) -> bool {
    let config = ProptestConfig { max_shrink_iters: 0, ..cases(64) };
    TestRunner::new(config).run(&strategy, law).is_err()
}

#[test]
fn null_control_a_bent_contribution_is_seen() {
    let bends: [fn(&mut Share); 3] = [
        |share| {
            if let Amount::Call { amounts, .. } = &mut share.amount {
                amounts[3].1 += 1;
            }
        },
        |share| {
            if let (CellSpan::DayAlone(day), Amount::One(Measure::UniqueReplies)) = (share.span, share.amount)
            {
                share.span = CellSpan::Day(day);
            }
        },
        |share| {
            if let Amount::Spend(_, minor) = &mut share.amount {
                *minor -= 1;
            }
        },
    ];
    for bend in bends {
        assert!(is_caught(everything(), |facts| {
            let tenant = live(&recorded(&facts));
            prop_assert_eq!(contributed(&tenant, bend), served(&tenant));
            Ok(())
        }));
    }
}

#[test]
fn null_control_a_fact_that_a_row_does_not_name_or_names_too_much_is_seen() {
    let first_left_out = |facts: Vec<u64>| facts.into_iter().skip(1).collect();
    assert!(is_caught(everything(), |facts| law_of_facts(&facts, first_left_out)));
    let one_more = |facts: Vec<u64>| facts.iter().flat_map(|fact| [*fact, fact + 1]).collect();
    assert!(is_caught(everything(), |facts| law_of_facts(&facts, one_more)));
}
