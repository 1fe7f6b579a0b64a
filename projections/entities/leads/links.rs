//! Which lead first had an email. Facts that name only the email join that lead (D3, RULINGS Leads).

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::keys::PersonDigest;

use crate::Order;
use crate::store::{Index, Pages, Symbol, heap_free, heap_size};

/// Where a lead lives: instance and workspace of the provider.
pub type Workspace = [Symbol; 2];

/// An email within a workspace and the lead row that had it first.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Where.
    pub workspace: Workspace,
    /// The email's digest.
    pub email: PersonDigest,
    /// The earliest fact that named both the id and the email.
    pub first: Order,
    /// The row of that id.
    pub lead: u32,
}

heap_free!(Link);

/// The links of one tenant: a fold of its own, the same in any order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Links {
    links: Pages<Link>,
    index: Index,
    /// Number of a link, and a lead that has its email, too.
    others: Arc<BTreeSet<(u32, u32)>>,
}

heap_size!(Links { links, index, others });

impl Links {
    /// The lead that first had `email`.
    pub fn find(&self, workspace: Workspace, email: &PersonDigest) -> Option<&Link> {
        self.at(workspace, email).map(|at| self.links.get(at))
    }

    fn at(&self, workspace: Workspace, email: &PersonDigest) -> Option<u32> {
        let is = |at: u32| {
            let link = self.links.get(at);
            link.workspace == workspace && link.email == *email
        };
        self.index.find(Index::hash((workspace, email)), is)
    }

    /// Records that a fact gives a lead an email; the earliest fact decides whose it is.
    pub fn claim(&mut self, claim: Link) {
        let Some(at) = self.at(claim.workspace, &claim.email) else {
            let at = self.links.push(claim);
            return self.index.insert(Index::hash((claim.workspace, &claim.email)), at);
        };
        let stands = self.links.get_mut(at);
        let second = if claim.first < stands.first { std::mem::replace(stands, claim) } else { claim };
        if second.lead != stands.lead {
            Arc::make_mut(&mut self.others).insert((at, second.lead));
        }
    }

    /// Every lead row that ever had `email` in `workspace`, first or not.
    pub fn holders(&self, workspace: Workspace, email: &PersonDigest) -> impl Iterator<Item = u32> {
        let at = self.at(workspace, email);
        let first = at.map(|at| self.links.get(at).lead);
        first.into_iter().chain(at.into_iter().flat_map(|at| self.others_of(at)))
    }

    fn others_of(&self, at: u32) -> impl Iterator<Item = u32> {
        self.others.range((at, 0)..=(at, u32::MAX)).map(|(_, lead)| *lead)
    }

    /// Takes over the links of a shard, its symbols made those of this table by `symbol` and its rows `base` on.
    pub fn absorb(&mut self, shard: &Self, base: u32, mut symbol: impl FnMut(Symbol) -> Symbol) {
        for (number, link) in (0..).zip(shard.links.iter()) {
            let link = Link { workspace: link.workspace.map(&mut symbol), lead: base + link.lead, ..*link };
            self.claim(link);
            if let Some(at) = self.at(link.workspace, &link.email) {
                let others = shard.others_of(number).map(|lead| (at, base + lead));
                Arc::make_mut(&mut self.others).extend(others);
            }
        }
    }

    /// Every link.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }
}
