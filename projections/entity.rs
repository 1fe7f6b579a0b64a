//! What every model is: rows that facts fold into, alone and in any order, and the sums of what the rows add.

use std::fmt::Debug;

use domain::keys::Position;
use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::canonical::Digest;
use crate::figures::{Cells, Sums};
use crate::store::HeapSize;

/// One model of a tenant: its rows, and how facts fold into them.
///
/// The laws, which `tests/laws.rs` holds for every entity of the table in `tenant.rs`:
/// - Facts with distinct keys give the same rows and figures in any order of arrival. Ties are broken by
///   `occurred_at`, rank and content digest, never by position.
/// - Shards that are folded apart, absorbed and finished give what folding one fact after the other gives, digest for
///   digest.
/// - The figures are the sums of the rows' contributions (I10), whether they were moved fact by fact or made anew.
/// - The facts of a row, folded alone, give the row and what it contributes.
///
/// Clones must be cheap (pages and counters): they are what readers take along while folding goes on.
pub trait Entity: Clone + Default + Debug + HeapSize + Send + Sync + 'static {
    /// Names a row, for as long as it exists.
    type RowId: Copy + Debug;
    /// What one row adds to the sums of one cell; `()` where nothing is counted or summed.
    type Share;
    /// State derived from the rows under one configuration timeline, usually day and month sums; `()` if there is
    /// none. Of no rows it is the default.
    type Figures: Sums<Self::Share> + HeapSize;

    /// The model's name, e.g. `calls`.
    const NAME: &'static str;
    /// The version of its rules: a change of rules is a new version, and a refold.
    const VERSION: u32;
    /// The groups of kinds that it folds.
    const GROUPS: &'static [u8];
    /// Whether a long lane is folded in shards by subject, each alone.
    const SHARDED: bool;

    /// Folds a fact into its row and leaves joins, order and figures for [`Entity::finish_rows`] and
    /// [`Entity::figures`]. Facts that are none of its kinds change nothing.
    fn fold(&mut self, recorded: &Recorded<'_>);

    /// Takes over the rows of a shard whose subjects are others than these. Never called where not [`Entity::SHARDED`].
    fn absorb(&mut self, _shard: Self) {
        debug_assert!(Self::SHARDED, "{} is not folded in shards", Self::NAME);
    }

    /// Joins and orders the rows after they were folded.
    fn finish_rows(&mut self) {}

    /// Every row that can contribute or be explained.
    fn row_ids(&self) -> impl Iterator<Item = Self::RowId>;

    /// Positions of the facts that the row was folded from, ascending.
    fn facts_of(&self, row: Self::RowId) -> Vec<Position>;

    /// Tells what a finished row adds under `timeline`, share by share. Most entities only list: they tell nothing.
    fn contributions(&self, _row: Self::RowId, _timeline: &Timeline, _out: &mut impl FnMut(Self::Share)) {}

    /// The figures of the finished rows: the sums of what they contribute.
    fn figures(&self, timeline: &Timeline) -> Self::Figures {
        let mut figures = Self::Figures::default();
        self.row_ids().for_each(|row| self.contributions(row, timeline, &mut |share| figures.add(&share, 1)));
        figures
    }

    /// Folds a fact live. Joins and order move with it, and the figures by what the rows it touches contribute
    /// before and after. Where nothing is derived from the rows, folding is all of it.
    fn apply(&mut self, recorded: &Recorded<'_>, _timeline: &Timeline, _figures: &mut Self::Figures) {
        self.fold(recorded);
    }

    /// Digest of the canonical rows. Personal members are no part of it, so that it stays when a person is erased.
    fn digest(&self, tenant: &str) -> Digest;

    /// The cells among the figures, where there are any: what months are watched by (E4).
    fn cells(_figures: &Self::Figures) -> Option<&Cells> {
        None
    }

    /// Digest of the cells among the figures: its share of the model `month`. Nothing where there are none.
    fn digest_figures(&self, _tenant: &str, _figures: &Self::Figures) -> Digest {
        Digest::default()
    }
}

/// Within `impl Entity`: each row of the pages `rows` is one, folded from the facts of its chain `facts`.
macro_rules! paged_rows {
    () => {
        fn row_ids(&self) -> impl Iterator<Item = u32> {
            self.rows.ids()
        }

        fn facts_of(&self, row: u32) -> Vec<domain::keys::Position> {
            self.rows.get(row).facts.sorted()
        }
    };
}

pub(crate) use paged_rows;

/// The rows of a model with what the tenant's timeline makes of them.
#[derive(Debug, Clone, Default)]
pub struct Folded<E: Entity> {
    /// The rows.
    pub rows: E,
    /// The figures.
    pub figures: E::Figures,
}

impl<E: Entity> HeapSize for Folded<E> {
    fn heap_bytes(&self) -> usize {
        self.rows.heap_bytes() + self.figures.heap_bytes()
    }
}

impl<E: Entity> Folded<E> {
    /// Folds the next fact.
    pub fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline) {
        self.rows.apply(recorded, timeline, &mut self.figures);
    }

    /// Finishes the rows and makes their figures.
    pub fn complete(&mut self, timeline: &Timeline) {
        self.rows.finish_rows();
        self.figures = self.rows.figures(timeline);
    }
}
