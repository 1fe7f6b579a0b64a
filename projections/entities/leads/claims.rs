//! Stages that a person gave to a name without naming a workspace: they hold for that name in the whole tenant (D3).

use domain::keys::Position;

use crate::canonical::Canonical;
use crate::entities::leads::row::{Name, Placed, latest};
use crate::store::{Chain, Index, Pages, Symbol, Texts, heap_size};

/// What was said of one name, whether or not a lead has it yet.
#[derive(Debug, Clone)]
pub struct NameClaim {
    /// An id, or an email as its digest.
    pub name: Name,
    /// The claim that stands: the latest.
    pub placed: Placed,
    facts: Chain,
}

heap_size!(NameClaim { facts; name, placed });

impl NameClaim {
    /// Positions of the facts that said so, in the order they were folded.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    /// Writes its canonical form behind the tenant. It begins with no instance, as no lead's does.
    pub fn write_canonical(&self, texts: &Texts, row: &mut Canonical) {
        let (stage, order) = self.placed;
        row.text(None);
        self.name.write_canonical(texts, row);
        row.text(Some(stage.as_str()));
        row.number(order.occurred_at().0);
        row.positions(&self.facts);
    }
}

/// The claims of one tenant, one row a name: a fold of its own, the same in any order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    rows: Pages<NameClaim>,
    index: Index,
}

heap_size!(Claims { rows, index });

impl Claims {
    /// Takes a person's word for where `name` stands; the latest stands.
    pub fn claim(&mut self, name: Name, placed: Placed, position: Position) {
        let mut facts = Chain::default();
        facts.push(position);
        self.take(NameClaim { name, placed, facts });
    }

    fn take(&mut self, claimed: NameClaim) {
        match self.at(claimed.name) {
            Some(at) => {
                let known = self.rows.get_mut(at);
                known.placed = latest(Some(known.placed), Some(claimed.placed)).unwrap_or(known.placed);
                claimed.facts.iter().for_each(|position| known.facts.push(position));
            }
            None => {
                let hash = Index::hash(claimed.name);
                let at = self.rows.push(claimed);
                self.index.insert(hash, at);
            }
        }
    }

    fn at(&self, name: Name) -> Option<u32> {
        self.index.find(Index::hash(name), |at| self.rows.get(at).name == name)
    }

    /// The claim that stands for `name`.
    pub fn find(&self, name: Name) -> Option<Placed> {
        if self.rows.is_empty() {
            return None;
        }
        self.at(name).map(|at| self.rows.get(at).placed)
    }

    /// Takes over the claims of a shard, its symbols made those of this table by `symbol`.
    pub fn absorb(&mut self, shard: Self, mut symbol: impl FnMut(Symbol) -> Symbol) {
        for mut claimed in shard.rows {
            if let Name::Id(id) = &mut claimed.name {
                *id = symbol(*id);
            }
            self.take(claimed);
        }
    }

    /// Every name of which something was said.
    pub fn rows(&self) -> &Pages<NameClaim> {
        &self.rows
    }
}
