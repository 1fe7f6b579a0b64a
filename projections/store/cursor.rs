//! Where a page of a list ended: the instant and name of its last row, so that rows that come in do not move it.

use std::fmt;
use std::str::FromStr;

use domain::members::Instant;

/// The sort key of a list's row: newest first, then by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The row's instant.
    pub at: Instant,
    /// The row's name.
    pub name: String,
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct BadCursor;

impl Cursor {
    /// Whether a row comes after this one.
    pub fn is_before(&self, at: Instant, name: &str) -> bool {
        at < self.at || (at == self.at && name > self.name.as_str())
    }
}

impl fmt::Display for Cursor {
    /// Hexadecimal: fit for a query as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.at.0)?;
        f.write_str(&hex::encode(&self.name))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || text.len() < 16 || text.len() % 2 == 1 {
            return Err(BadCursor);
        }
        let at = i64::from_str_radix(&text[..16], 16).map_err(|_| BadCursor)?;
        let name = hex::decode(&text[16..]).map_err(|_| BadCursor)?;
        Ok(Self { at: Instant(at), name: String::from_utf8(name).map_err(|_| BadCursor)? })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: domain::keys::Position,
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Takes one page off rows that come in buckets, newest bucket first; `rows` of a bucket in any order.
pub fn page<T>(
    buckets: impl Iterator<Item = Vec<(Instant, String, u32)>>,
    after: Option<&Cursor>,
    limit: usize,
    mut make: impl FnMut(u32) -> T,
) -> (Vec<T>, Option<String>) {
    let (mut items, mut last) = (Vec::new(), None);
    for mut rows in buckets {
        rows.retain(|(at, name, _)| after.is_none_or(|after| after.is_before(*at, name)));
        rows.sort_unstable_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
        for (at, name, row) in rows {
            if items.len() == limit {
                return (items, last.map(|cursor: Cursor| cursor.to_string()));
            }
            items.push(make(row));
            last = Some(Cursor { at, name });
        }
    }
    (items, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_others_are_refused() {
        let cursor = Cursor { at: Instant(1_760_000_000_000_000), name: "CA ü/1".into() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in
            ["", "zz", "0000000000000000f", "0000000000000000ff", "ffffffffffffffff", "ü000000000000000"]
        {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
