//! Ad spend by source, account and day (A6): the newest observation of each stands, in whatever order they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::ad_spend::{AdSpendFact, AdSpendObserved};
use domain::facts::{Fact, part};
use domain::members::{Currency, Day, Instant};
use domain::rules::configuration::Timeline;

use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::figures::{Amount, CellSpan, Cells, Share, Sums};
use crate::store::{Chain, Pages, Strings, Symbol, Texts, heap_size};
use crate::{Order, Recorded};

/// Source and account, as numbers of their symbols.
type Account = [u32; 2];
/// Before every account of a day.
const FIRST: Account = [0, 0];

/// What an account had spent on a day: the latest observation, by `occurred_at`.
#[derive(Debug, Clone)]
struct AccountDay {
    day: Day,
    observed: Option<(Order, Currency, i64)>,
    facts: Chain,
}

heap_size!(AccountDay { facts; day, observed });

/// Ad spend of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Spend {
    rows: Pages<AccountDay>,
    index: Arc<BTreeMap<(Day, Account), u32>>,
    strings: Strings,
}

heap_size!(Spend { rows, index, strings });

impl Entity for Spend {
    type RowId = u32;
    type Share = Share;
    type Figures = Cells;

    const NAME: &'static str = "ad_spend";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[AdSpendFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::AdSpend(AdSpendFact::Observed(body)) = recorded.fact else { return };
        let at = self.row_of(body);
        self.observe(at, recorded, body);
    }

    fn absorb(&mut self, shard: Self) {
        let Self { rows, index, strings } = shard;
        let index = index.iter().map(|(key, at)| (*at, *key)).collect::<BTreeMap<_, _>>();
        for ((day, account), row) in index.into_values().zip(rows) {
            let account = texts(account, strings.texts())
                .map(|text| self.strings.intern(text.unwrap_or_default()).number());
            let at = self.rows.push(row);
            Arc::make_mut(&mut self.index).insert((day, account), at);
        }
    }

    paged_rows!();

    /// The day is the ad account's own, so no zone moves it.
    fn contributions(&self, row: u32, _timeline: &Timeline, out: &mut impl FnMut(Share)) {
        let AccountDay { day, observed, .. } = self.rows.get(row);
        if let Some((_, currency, minor)) = *observed {
            out(Share { span: CellSpan::Day(*day), amount: Amount::Spend(currency, minor) });
        }
    }

    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, cells: &mut Cells) {
        let Fact::AdSpend(AdSpendFact::Observed(body)) = recorded.fact else { return };
        let at = self.row_of(body);
        self.contributions(at, timeline, &mut |share| cells.add(&share, -1));
        self.observe(at, recorded, body);
        self.contributions(at, timeline, &mut |share| cells.add(&share, 1));
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for ((day, account), at) in self.index.iter() {
            let AccountDay { observed, facts, .. } = self.rows.get(*at);
            let Some((order, currency, minor)) = observed else { continue };
            row.start(tenant);
            texts(*account, self.strings.texts()).iter().for_each(|text| row.text(*text));
            row.number(i64::from(day.0));
            row.text(Some(&currency.to_string()));
            row.number(*minor);
            row.number(order.occurred_at().0);
            row.positions(facts);
            digest.add(row.bytes());
        }
        digest
    }

    fn cells(cells: &Cells) -> Option<&Cells> {
        Some(cells)
    }

    fn digest_figures(&self, tenant: &str, figures: &Cells) -> Digest {
        figures.digest(tenant, &Texts::default())
    }
}

impl Spend {
    /// The row of the account's day, empty where it is new.
    fn row_of(&mut self, body: &AdSpendObserved) -> u32 {
        let account =
            [&body.source, &body.account_id].map(|text| self.strings.intern(text.as_str()).number());
        self.index.get(&(body.date, account)).copied().unwrap_or_else(|| {
            let at = self.rows.push(AccountDay { day: body.date, observed: None, facts: Chain::default() });
            Arc::make_mut(&mut self.index).insert((body.date, account), at);
            at
        })
    }

    fn observe(&mut self, at: u32, recorded: &Recorded<'_>, body: &AdSpendObserved) {
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        let row = self.rows.get_mut(at);
        row.facts.push(recorded.position);
        if row.observed.is_none_or(|(known, ..)| order > known) {
            row.observed = Some((order, body.currency, body.amount_minor));
        }
    }

    /// The rows of the days from `from` to `to`, inclusive.
    pub fn between(&self, from: Day, to: Day) -> impl Iterator<Item = u32> {
        let after = Day(to.0.saturating_add(1));
        self.index.range((from, FIRST)..(after, FIRST).max((from, FIRST))).map(|(_, at)| *at)
    }

    /// The day of a row, and its currency.
    pub fn observed_on(&self, row: u32) -> (Day, Option<Currency>) {
        let AccountDay { day, observed, .. } = self.rows.get(row);
        (*day, observed.map(|(_, currency, _)| currency))
    }

    /// The subject of the row's facts.
    pub fn subject(&self, row: u32) -> String {
        let day = self.rows.get(row).day;
        let mut of_day = self.index.range((day, FIRST)..(Day(day.0.saturating_add(1)), FIRST));
        let account = of_day.find(|(_, at)| **at == row).map_or(FIRST, |((_, account), _)| *account);
        let [source, account] =
            texts(account, self.strings.texts()).map(|text| part(text.unwrap_or_default()));
        format!("spend/{source}/{account}/{day}")
    }

    /// What the account's days from `from` to `to`, inclusive, were last observed to have cost, in minor units.
    pub fn known_days(&self, (source, account): (&str, &str), from: Day, to: Day) -> KnownDays {
        let symbols = (self.strings.find(source), self.strings.find(account));
        let (Some(source), Some(account)) = symbols else { return KnownDays::new() };
        let account = [source, account].map(Symbol::number);
        let after = Day(to.0.saturating_add(1));
        let rows = self.index.range((from, FIRST)..(after, FIRST)).filter(|((_, of), _)| *of == account);
        let observed = |((day, _), at): (&(Day, Account), &u32)| {
            let (_, currency, minor) = self.rows.get(*at).observed?;
            Some((*day, (currency, minor)))
        };
        rows.filter_map(observed).collect()
    }

    /// First and last day of those asked for with an observation, and since when the figure stands: as of the
    /// account that was read longest ago.
    pub fn observed(&self, from: Day, to: Day) -> Option<SpendCoverage> {
        let mut by_account: BTreeMap<Account, Instant> = BTreeMap::new();
        let mut span: Option<(Day, Day)> = None;
        let after = Day(to.0.saturating_add(1));
        for ((day, account), at) in self.index.range((from, FIRST)..(after, FIRST)) {
            let Some((order, ..)) = self.rows.get(*at).observed else { continue };
            span = Some((span.map_or(*day, |(first, _)| first), *day));
            let read = order.occurred_at();
            let newest = by_account.entry(*account).or_insert(read);
            *newest = read.max(*newest);
        }
        let ((from, to), at) = (span?, by_account.into_values().min()?);
        Some(SpendCoverage { from, to, at })
    }
}

/// What days cost, by day.
pub type KnownDays = BTreeMap<Day, (Currency, i64)>;

fn texts(account: Account, texts: &Texts) -> [Option<&str>; 2] {
    account.map(|number| texts.maybe(Symbol::numbered(number)))
}

/// What observations of ad spend cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendCoverage {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// When the account that was read longest ago was last read.
    pub at: Instant,
}
