//! Ad spend by source, account and day (A6): the newest observation of each stands, in whatever order they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::ad_spend::{AdSpendFact, AdSpendObserved};
use domain::members::{Currency, Day, Instant};
use domain::rules::configuration::Timeline;

use crate::canonical::{Canonical, Digest};
use crate::entity::Entity;
use crate::figures::Cells;
use crate::store::{Chain, Pages, Strings, Symbol, Texts};
use crate::{Order, Recorded};

/// Source and account, as numbers of their symbols.
type Account = [u32; 2];
/// Before every account of a day.
const FIRST: Account = [0, 0];

/// What an account had spent on a day, as it was last observed.
#[derive(Debug, Clone)]
struct Spent {
    order: Order,
    currency: Currency,
    amount_minor: i64,
    facts: Chain,
}

/// Ad spend of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Spend {
    rows: Pages<Spent>,
    index: Arc<BTreeMap<(Day, Account), u32>>,
    strings: Strings,
}

impl Entity for Spend {
    type Figures = Cells;

    const NAME: &'static str = "ad_spend";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[AdSpendFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::AdSpend(AdSpendFact::Observed(body)) = recorded.fact else { return };
        self.take(recorded, body);
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

    fn settle(&mut self) {}

    /// The day is the ad account's own, so no zone moves it.
    fn figures(&self, _timeline: &Timeline) -> Cells {
        let mut cells = Cells::default();
        for ((day, _), at) in self.index.iter() {
            let spent = self.rows.get(*at);
            cells.add_spend(*day, spent.currency, spent.amount_minor, 1);
        }
        cells
    }

    fn apply(&mut self, recorded: &Recorded<'_>, _timeline: &Timeline, cells: &mut Cells) {
        let Fact::AdSpend(AdSpendFact::Observed(body)) = recorded.fact else { return };
        let (before, at) = self.take(recorded, body);
        if let Some((currency, minor)) = before {
            cells.add_spend(body.date, currency, minor, -1);
        }
        let spent = self.rows.get(at);
        cells.add_spend(body.date, spent.currency, spent.amount_minor, 1);
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for ((day, account), at) in self.index.iter() {
            let spent = self.rows.get(*at);
            row.start(tenant);
            texts(*account, self.strings.texts()).iter().for_each(|text| row.text(*text));
            row.number(i64::from(day.0));
            row.text(Some(&spent.currency.to_string()));
            row.number(spent.amount_minor);
            row.number(spent.order.occurred_at().0);
            let mut facts: Vec<_> = spent.facts.iter().collect();
            facts.sort_unstable();
            facts.iter().for_each(|position| row.number(*position as i64));
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
    /// Takes an observation; what stood before, where the account's day was known, and its row.
    fn take(&mut self, recorded: &Recorded<'_>, body: &AdSpendObserved) -> (Option<(Currency, i64)>, u32) {
        let account =
            [&body.source, &body.account_id].map(|text| self.strings.intern(text.as_str()).number());
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        let known = self.index.get(&(body.date, account)).copied();
        let at = known.unwrap_or_else(|| {
            let (currency, amount_minor) = (body.currency, body.amount_minor);
            let row = Spent { order, currency, amount_minor, facts: Chain::default() };
            let at = self.rows.push(row);
            Arc::make_mut(&mut self.index).insert((body.date, account), at);
            at
        });
        let spent = self.rows.get_mut(at);
        let before = known.map(|_| (spent.currency, spent.amount_minor));
        spent.facts.push(recorded.position);
        if order > spent.order {
            (spent.order, spent.currency, spent.amount_minor) = (order, body.currency, body.amount_minor);
        }
        (before, at)
    }

    /// First and last day of those asked for with an observation, and since when the figure stands: as of the
    /// account that was read longest ago.
    pub fn observed(&self, from: Day, to: Day) -> Option<Observed> {
        let mut by_account: BTreeMap<Account, Instant> = BTreeMap::new();
        let mut span: Option<(Day, Day)> = None;
        let after = Day(to.0.saturating_add(1));
        for ((day, account), at) in self.index.range((from, FIRST)..(after, FIRST)) {
            span = Some((span.map_or(*day, |(first, _)| first), *day));
            let read = self.rows.get(*at).order.occurred_at();
            let newest = by_account.entry(*account).or_insert(read);
            *newest = read.max(*newest);
        }
        let ((from, to), at) = (span?, by_account.into_values().min()?);
        Some(Observed { from, to, at })
    }
}

fn texts(account: Account, texts: &Texts) -> [Option<&str>; 2] {
    account.map(|number| texts.maybe(Symbol::numbered(number)))
}

/// What observations of ad spend cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// When the account that was read longest ago was last read.
    pub at: Instant,
}
