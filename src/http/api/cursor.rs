//! Opaque cursors: base64url of the list's scope and the key of the last item.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// What a cursor is valid for: one list of one tenant under one filter, as the first 8 bytes of their SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorScope([u8; 8]);

impl CursorScope {
    /// Of a list by its route; `tenant` is blank for global lists, `filter` holds names and values.
    pub fn new(route: &str, tenant: &str, filter: &[(&str, &str)]) -> Self {
        let mut hash = Sha256::new();
        for part in [route, tenant].into_iter().chain(filter.iter().flat_map(|(name, value)| [*name, *value]))
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut scope = [0; 8];
        scope.copy_from_slice(&digest[..8]);
        Self(scope)
    }

    /// The cursor behind the item `at`.
    pub fn write(self, at: &impl Display) -> String {
        URL_SAFE_NO_PAD.encode([&self.0, at.to_string().as_bytes()].concat())
    }

    /// The item of a cursor; 400 for a cursor of another list or filter, or any other text.
    pub fn read<T: FromStr>(self, text: &str) -> Result<T, Problem> {
        let refused = |detail| Err(Problem::bad_request("bad_cursor", detail));
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let Some((scope, at)) = bytes.split_first_chunk::<8>() else {
            return refused("malformed cursor: send the 'next_cursor' of a previous page");
        };
        if *scope != self.0 {
            return refused("the cursor belongs to another list, or to this list with another filter");
        }
        match std::str::from_utf8(at).ok().and_then(|at| at.parse().ok()) {
            Some(at) => Ok(at),
            None => refused("malformed cursor: send the 'next_cursor' of a previous page"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_under_its_own_filter_only() {
        let scope = CursorScope::new("/calls", "acme", &[("agent", "ann")]);
        let text = scope.write(&7);
        assert_eq!(scope.read::<u64>(&text).ok(), Some(7));
        for (route, tenant, filter) in [
            ("/leads", "acme", [("agent", "ann")]),
            ("/calls", "globex", [("agent", "ann")]),
            ("/calls", "acme", [("agent", "bob")]),
            ("/calls", "acme", [("agen", "tann")]),
        ] {
            assert!(CursorScope::new(route, tenant, &filter).read::<u64>(&text).is_err(), "{route} {tenant}");
        }
        for text in ["", "!!", "eyJ4Ijox", &scope.write(&"x")] {
            assert!(scope.read::<u64>(text).is_err(), "{text}");
        }
    }
}
