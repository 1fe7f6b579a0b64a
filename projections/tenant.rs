//! All read models of one tenant, at one position (I6).

use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::call::{CallFact, Direction};
use domain::facts::outreach::OutreachFact;
use domain::facts::tenant::{TenantConfigured, TenantFact};
use domain::keys::Position;
use domain::members::{Day, Instant, Month, Text};
use domain::rules::configuration::{Configuration, Timeline};

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entities::call_list::{self, CallItem, CallList};
use crate::entities::calls::Calls;
use crate::entities::lead_list::LeadList;
use crate::entities::leads::{LeadFigures, Leads};
use crate::figures::Cells;
use crate::figures::month::{DayFigures, DaysAnswer, Figures, MonthAnswer, Taken};
use crate::store::Texts;

/// The models and the version of each one's rules: a change of rules is a new version, and a refold.
pub const MODELS: [(&str, u32); 4] = [("tenants", 1), ("calls", 1), ("outreach_leads", 1), ("month", 1)];

/// The groups of kinds that these models fold.
pub const GROUPS: [u8; 3] = [CallFact::GROUP, OutreachFact::GROUP, TenantFact::GROUP];

/// Who the tenant is and which rules it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name as configured last.
    pub name: Option<Text>,
    /// Its configurations.
    pub timeline: Arc<Timeline>,
}

impl Profile {
    /// Takes the next configuration.
    pub fn fold(&mut self, position: Position, recorded_at: Instant, body: &TenantConfigured) {
        self.name = Some(body.name.clone());
        Arc::make_mut(&mut self.timeline).push(position, recorded_at, body);
    }
}

/// What a new configuration makes of the rows there are; see [`Tenant::prepare`].
#[derive(Debug)]
pub struct Reconfigured {
    profile: Profile,
    call_cells: Cells,
    leads: LeadFigures,
}

/// All read models of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Tenant {
    profile: Profile,
    calls: Calls,
    call_cells: Cells,
    leads: Leads,
    lead_figures: LeadFigures,
}

impl Tenant {
    /// Puts together what was folded apart. `calls` and `leads` must be settled.
    pub fn assemble(
        profile: Profile,
        calls: Calls,
        call_cells: Cells,
        leads: Leads,
        lead_figures: LeadFigures,
    ) -> Self {
        Self { profile, calls, call_cells, leads, lead_figures }
    }

    /// Folds the next fact.
    pub fn apply(&mut self, recorded: &Recorded<'_>) {
        if let Some(reconfigured) = self.prepare(recorded) {
            return self.reconfigure(reconfigured);
        }
        let timeline = &self.profile.timeline;
        match recorded.fact {
            Fact::Call(fact) => self.calls.apply(recorded, fact, timeline, &mut self.call_cells),
            Fact::Outreach(fact) => self.leads.apply(recorded, fact, timeline, &mut self.lead_figures),
            // Configuration is taken above; of the other groups no figure is made here.
            Fact::Tenant(TenantFact::Configured(_) | TenantFact::Closed(_))
            | Fact::Session(_)
            | Fact::SenderAccount(_)
            | Fact::Sync(_)
            | Fact::AdSpend(_)
            | Fact::Note(_)
            | Fact::Report(_)
            | Fact::Control(_)
            | Fact::Access(_) => {}
        }
    }

    /// The long half of folding a configuration: every row's share anew. Changes nothing, so that readers go on.
    pub fn prepare(&self, recorded: &Recorded<'_>) -> Option<Reconfigured> {
        let Fact::Tenant(TenantFact::Configured(body)) = recorded.fact else { return None };
        let mut profile = self.profile.clone();
        profile.fold(recorded.position, recorded.recorded_at, body);
        let call_cells = self.calls.cells(&profile.timeline);
        let leads = self.leads.figures(&profile.timeline);
        Some(Reconfigured { profile, call_cells, leads })
    }

    /// The short half; nothing may have been folded since [`Tenant::prepare`].
    pub fn reconfigure(&mut self, reconfigured: Reconfigured) {
        let Reconfigured { profile, call_cells, leads } = reconfigured;
        self.profile = profile;
        self.call_cells = call_cells;
        self.lead_figures = leads;
    }

    /// Who it is and which rules it has.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The calls.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The leads.
    pub fn leads(&self) -> &Leads {
        &self.leads
    }

    /// The calls as they are now, to be read while folding goes on.
    pub fn call_list(&self) -> CallList {
        CallList::new(&self.calls, &self.profile.timeline)
    }

    /// The leads as they are now, to be read while folding goes on.
    pub fn lead_list(&self) -> LeadList {
        LeadList::new(&self.leads)
    }

    /// One call as served.
    pub fn call(&self, id: &str) -> Option<CallItem> {
        let call = self.calls.get(id)?;
        Some(call_list::item(call, self.calls.texts(), &self.profile.timeline))
    }

    /// The figures of a month.
    pub fn month(&self, position: Position, month: Month) -> MonthAnswer {
        let taken = Taken {
            calls: self.call_cells.month(month).cloned(),
            leads: self.lead_figures.cells.month(month).cloned(),
        };
        MonthAnswer {
            position,
            month: month.to_string(),
            timezone: self.zone_of(month.last()),
            figures: Figures::of(&taken, self.calls.texts()),
        }
    }

    /// The cells of each day from `from` to `to`, to be made into an answer outside the lock.
    pub fn days(&self, from: Day, to: Day) -> Days {
        let cells = (from.0..=to.0).map(|day| Taken {
            calls: self.call_cells.day(Day(day)).cloned(),
            leads: self.lead_figures.cells.day(Day(day)).cloned(),
        });
        let timezone = self.zone_of(to);
        Days { from, cells: cells.collect(), agents: self.calls.texts().clone(), timezone }
    }

    fn zone_of(&self, day: Day) -> &'static str {
        let timeline = &self.profile.timeline;
        timeline.at(timeline.latest().zone.start_of(day)).0.zone.as_str()
    }

    /// Everything as it is now, to be read while folding goes on.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            profile: self.profile.clone(),
            calls: self.call_list(),
            leads: self.lead_list(),
            cells: [self.call_cells.clone(), self.lead_figures.cells.clone()],
            agents: self.calls.texts().clone(),
        }
    }

    /// The digest of each of [`MODELS`] for this tenant.
    pub fn digests(&self, tenant: &str) -> [Digest; 4] {
        self.snapshot().digests(tenant)
    }
}

/// The models of one tenant at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    profile: Profile,
    calls: CallList,
    leads: LeadList,
    cells: [Cells; 2],
    agents: Texts,
}

impl Snapshot {
    /// The digest of each of [`MODELS`] for this tenant. Takes a while.
    pub fn digests(&self, tenant: &str) -> [Digest; 4] {
        let mut profile = Digest::default();
        let mut row = Canonical::default();
        if let Some(name) = &self.profile.name {
            row.start(tenant);
            row.text(Some(name.as_str()));
            self.profile.timeline.all().iter().for_each(|rules| lay_down(rules, &mut row));
            profile.add(row.bytes());
        }
        let mut month = self.cells_digest(tenant, &self.cells[0], &mut row);
        month.merge(self.cells_digest(tenant, &self.cells[1], &mut row));
        [profile, self.calls.digest(tenant), self.leads.digest(tenant), month]
    }

    fn cells_digest(&self, tenant: &str, cells: &Cells, row: &mut Canonical) -> Digest {
        let mut digest = Digest::default();
        let days = cells.days().map(|(day, cell)| (0, day.0, cell));
        let months = cells.months().map(|(month, cell)| (1, month.0, cell));
        for (span, at, cell) in days.chain(months) {
            row.start(tenant);
            row.number(span);
            row.number(i64::from(at));
            for (measure, sum) in cell.sums() {
                row.number(measure as i64);
                row.number(sum);
            }
            let texts = &self.agents;
            let mut agents: Vec<_> = cell.agents().map(|(agent, sums)| (texts.maybe(agent), sums)).collect();
            agents.sort_unstable();
            for (agent, sums) in agents {
                row.text(agent);
                sums.iter().for_each(|sum| row.number(*sum));
            }
            digest.add(row.bytes());
        }
        digest
    }
}

/// The canonical form of one configuration, behind those before it.
fn lay_down(configuration: &Configuration, row: &mut Canonical) {
    row.number(configuration.position as i64);
    row.maybe(configuration.effective_from.map(|day| i64::from(day.0)));
    row.text(Some(configuration.zone.as_str()));
    row.number(i64::from(configuration.qualified_min_seconds));
    row.maybe(configuration.job_value_minor);
    row.text(configuration.currency.map(|currency| currency.to_string()).as_deref());
    for direction in [Some(Direction::Inbound), Some(Direction::Outbound), None] {
        row.number(i64::from(configuration.counts(direction)));
    }
}

/// The cells of some days, taken under the lock.
#[derive(Debug)]
pub struct Days {
    from: Day,
    cells: Vec<Taken>,
    agents: Texts,
    timezone: &'static str,
}

impl Days {
    /// The answer.
    pub fn answer(self, position: Position) -> DaysAnswer {
        let items = (self.from.0..).zip(&self.cells).map(|(day, taken)| DayFigures {
            date: Day(day).to_string(),
            figures: Figures::of(taken, &self.agents),
        });
        DaysAnswer { position, timezone: self.timezone, items: items.collect() }
    }
}
