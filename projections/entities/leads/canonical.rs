//! The canonical form of leads, and of what was said of their names.

use super::Leads;
use super::row::Lead;
use crate::canonical::{Canonical, Digest};

impl Leads {
    /// Digest of every lead, its names as one, and of every claim.
    pub(super) fn canonical_digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        let texts = self.texts();
        for (at, head) in self.rows.iter().enumerate().filter(|(_, row)| row.owner().is_none()) {
            let lead = Lead::new(&self.rows, at as u32);
            row.start(tenant);
            head.workspace.iter().for_each(|symbol| row.text(Some(texts.get(*symbol))));
            head.name.write_canonical(texts, &mut row);
            row.text(Some(lead.stage().as_str()));
            row.maybe(lead.first_interest().map(|at| at.0));
            for (position, kind, at) in lead.facts() {
                row.number(position as i64);
                row.number(kind as i64);
                row.number(at.0);
            }
            digest.add(row.bytes());
        }
        for claimed in self.claims.rows().iter() {
            row.start(tenant);
            claimed.write_canonical(texts, &mut row);
            digest.add(row.bytes());
        }
        digest
    }
}
