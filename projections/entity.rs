//! What every model is: rows that facts fold into, alone and in any order, and what a timeline makes of them.

use std::fmt::Debug;

use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::canonical::Digest;
use crate::figures::Cells;

/// One model of a tenant: its rows, and how facts fold into them.
///
/// The laws, which `tests/laws.rs` holds for every entity of the table in `tenant.rs`: facts with distinct keys give
/// the same rows and figures in any order of arrival; folding apart, absorbing and settling gives what folding one
/// after the other gives, digest for digest. Ties are broken by `occurred_at`, rank and content digest, never by
/// position. Clones must be cheap (pages and counters): they are what readers take along while folding goes on.
pub trait Entity: Clone + Default + Debug + Send + Sync + 'static {
    /// What a timeline makes of the rows, mostly cells; `()` where nothing depends on it. Of no rows it is the default.
    type Figures: Clone + Default + Debug + Send + Sync + 'static;

    /// The model's name, e.g. `calls`.
    const NAME: &'static str;
    /// The version of its rules: a change of rules is a new version, and a refold.
    const VERSION: u32;
    /// The groups of kinds that it folds.
    const GROUPS: &'static [u8];
    /// Whether a long lane is folded in shards by subject, each alone.
    const SHARDED: bool;

    /// Folds a fact into its row and leaves joins, order and figures for [`Entity::settle`] and [`Entity::figures`].
    /// Facts that are none of its kinds change nothing.
    fn fold(&mut self, recorded: &Recorded<'_>);

    /// Takes over the rows of a shard whose subjects are others than these. Never called where not [`Entity::SHARDED`].
    fn absorb(&mut self, shard: Self);

    /// Joins and orders the rows after they were folded.
    fn settle(&mut self);

    /// The figures that `timeline` makes of the settled rows.
    fn figures(&self, timeline: &Timeline) -> Self::Figures;

    /// Folds a fact, and moves joins, order and figures by what it changed: as it is folded live.
    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, figures: &mut Self::Figures);

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

/// The rows of a model with what the tenant's timeline makes of them.
#[derive(Debug, Clone, Default)]
pub struct Folded<E: Entity> {
    /// The rows.
    pub rows: E,
    /// The figures.
    pub figures: E::Figures,
}

impl<E: Entity> Folded<E> {
    /// Folds the next fact.
    pub fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline) {
        self.rows.apply(recorded, timeline, &mut self.figures);
    }

    /// Settles the rows and makes their figures.
    pub fn complete(&mut self, timeline: &Timeline) {
        self.rows.settle();
        self.figures = self.rows.figures(timeline);
    }
}
