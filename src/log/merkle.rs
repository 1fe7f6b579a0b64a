//! The Merkle tree of RFC 6962 over the leaves in position order, kept as its frontier: O(log n) hashes.
//!
//! ```text
//! MTH({})      = SHA-256("")
//! MTH({d})     = the leaf, SHA-256(0x00 ‖ record) (domain::record)
//! MTH(D[n])    = SHA-256( 0x01 ‖ MTH(D[0:k]) ‖ MTH(D[k:n]) ), k the largest power of two below n
//! ```
//! The root depends on the canonical records and their order alone: no layout, no compression, no framing (I9).

use domain::record::Hash;
use sha2::{Digest, Sha256};

/// How far the log goes, and the root over all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last position; 0 when the log is empty.
    pub position: u64,
    /// Root of the tree over the leaves 1..=position.
    pub root: Hash,
}

/// The roots of the perfect subtrees that the first `len` leaves fall into, largest first.
///
/// ```
/// use factfold::log::merkle::Frontier;
/// let mut tree = Frontier::new();
/// tree.push([1; 32]);
/// assert_eq!(tree.root(), [1; 32], "one leaf is its own root");
/// assert_eq!(Frontier::from_nodes(1, vec![[1; 32]]), Some(tree));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    len: u64,
    nodes: Vec<Hash>,
}

/// Leaves per node that a segment keeps: a proof rebuilds at most this many leaves on each side.
pub const SUBTREE_LEAVES: u64 = 1 << SUBTREE_LEVEL;
/// Its level above the leaves.
pub const SUBTREE_LEVEL: u32 = 6;

/// An interior node.
pub fn interior(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frontier as [`Frontier::nodes`] gave it; none when `nodes` cannot belong to `len` leaves.
    pub fn from_nodes(len: u64, nodes: Vec<Hash>) -> Option<Self> {
        (nodes.len() == len.count_ones() as usize).then_some(Self { len, nodes })
    }

    /// Roots of the perfect subtrees, largest first: one per set bit of [`Frontier::len`].
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// How many leaves.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no leaf was pushed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the leaf of position `len() + 1`. The root of the aligned subtree of [`SUBTREE_LEAVES`] that it completes, where
    /// it does.
    pub fn push(&mut self, leaf: Hash) -> Option<Hash> {
        let (mut node, mut subtree) = (leaf, None);
        for level in 1..=self.len.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = interior(&left, &node);
            }
            if level == SUBTREE_LEVEL {
                subtree = Some(node);
            }
        }
        self.nodes.push(node);
        self.len += 1;
        subtree
    }

    /// The root over all leaves pushed.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        match nodes.next() {
            None => Sha256::digest([]).into(),
            Some(smallest) => nodes.fold(*smallest, |right, left| interior(left, &right)),
        }
    }

    /// Position and root.
    pub fn head(&self) -> Head {
        Head { position: self.len, root: self.root() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MTH as the RFC writes it.
    fn oracle(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                interior(&oracle(left), &oracle(right))
            }
        }
    }

    fn leaf(data: &[u8]) -> Hash {
        Sha256::new().chain_update([0]).chain_update(data).finalize().into()
    }

    fn numbered(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_le_bytes())).collect()
    }

    fn frontier(leaves: &[Hash]) -> Frontier {
        let mut tree = Frontier::new();
        for leaf in leaves {
            tree.push(*leaf);
        }
        tree
    }

    /// Inputs and roots of the Certificate Transparency reference tests of RFC 6962.
    #[test]
    fn published_roots_of_rfc_6962_are_met() {
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let hex = |text: &str| hex::decode(text).unwrap();
        let mut tree = Frontier::new();
        assert_eq!(
            tree.root().to_vec(),
            hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
        for (input, root) in inputs.iter().zip(roots) {
            tree.push(leaf(&hex(input)));
            assert_eq!(tree.root().to_vec(), hex(root), "after {input:?}");
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_definition_at_every_size() {
        let leaves = numbered(300);
        let mut tree = Frontier::new();
        for (i, leaf) in leaves.iter().enumerate() {
            tree.push(*leaf);
            assert_eq!(tree.root(), oracle(&leaves[..=i]));
            assert_eq!(tree.nodes().len(), (i as u64 + 1).count_ones() as usize);
        }
        assert_eq!(tree.head(), Head { position: 300, root: oracle(&leaves) });
    }

    #[test]
    fn nodes_that_cannot_belong_are_refused() {
        assert_eq!(Frontier::from_nodes(6, vec![[0; 32]; 3]), None);
        assert_eq!(Frontier::from_nodes(0, Vec::new()), Some(Frontier::new()));
    }

    proptest! {
        #[test]
        fn a_frontier_goes_on_where_it_was_cut(n in 0u64..400, cut in 0u64..400) {
            let cut = cut.min(n);
            let leaves = numbered(n);
            let before = frontier(&leaves[..cut as usize]);
            let mut tree = Frontier::from_nodes(cut, before.nodes().to_vec()).unwrap();
            let subtrees: Vec<Hash> =
                leaves[cut as usize..].iter().filter_map(|leaf| tree.push(*leaf)).collect();
            prop_assert_eq!(tree.root(), oracle(&leaves));
            let expected: Vec<Hash> = leaves
                .chunks_exact(64)
                .skip(cut as usize / 64)
                .map(oracle)
                .collect();
            prop_assert_eq!(subtrees, expected);
        }
    }
}
