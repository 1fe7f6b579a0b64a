//! Which lead first had an email: what joins facts that name only the email to a lead with an id (D3, RULINGS Leads).

use domain::keys::PersonDigest;

use crate::Order;
use crate::store::{Index, Symbol};

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

/// The links of one tenant: a fold of its own, the same in any order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Links {
    links: Vec<Link>,
    index: Index,
}

impl Links {
    /// The lead that first had `email`.
    pub fn find(&self, workspace: Workspace, email: &PersonDigest) -> Option<&Link> {
        self.at(workspace, email).map(|at| &self.links[at as usize])
    }

    fn at(&self, workspace: Workspace, email: &PersonDigest) -> Option<u32> {
        let is = |at: u32| {
            let link = &self.links[at as usize];
            link.workspace == workspace && link.email == *email
        };
        self.index.find(Index::hash((workspace, email)), is)
    }

    /// Takes a fact's word for a lead having an email; the earliest stands.
    pub fn claim(&mut self, claim: Link) {
        match self.at(claim.workspace, &claim.email) {
            Some(at) if claim.first < self.links[at as usize].first => self.links[at as usize] = claim,
            Some(_) => {}
            None => {
                let at = self.links.len() as u32;
                self.links.push(claim);
                self.index.insert(Index::hash((claim.workspace, &claim.email)), at);
            }
        }
    }

    /// Every link.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }
}
