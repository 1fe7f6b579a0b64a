//! Spans of which a source is known completely (E9), in whatever order they come.

use std::collections::BTreeMap;

use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{Symbol, heap_size};

/// Through when a source is known completely (E9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceCoverage {
    /// The source, such as `clienttether` or `callrail`.
    pub source: String,
    /// Everything of it up to here is in the figures; null where nothing is known.
    pub complete_through: Option<String>,
}

/// Takes sources by whose endpoints nothing comes any more into `known`: each is known through its last delivery, or
/// further where its list was read.
pub fn with_silent(
    mut known: Vec<SourceCoverage>,
    silent: impl Iterator<Item = (String, Instant)>,
) -> Vec<SourceCoverage> {
    let mut last: BTreeMap<String, Instant> = BTreeMap::new();
    for (source, at) in silent {
        last.entry(source).and_modify(|known| *known = at.min(*known)).or_insert(at);
    }
    for (source, at) in last {
        match known.iter_mut().find(|known| known.source == source) {
            Some(SourceCoverage { complete_through: Some(through), .. })
                if Instant::parse(through).is_some_and(|through| through >= at) => {}
            Some(known) => known.complete_through = Some(at.to_string()),
            None => known.push(SourceCoverage { source, complete_through: Some(at.to_string()) }),
        }
    }
    known.sort_by(|one, other| one.source.cmp(&other.source));
    known
}

/// Of each source its spans, apart and in order; µs since 1970.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    spans: BTreeMap<Symbol, Vec<(i64, i64)>>,
}

heap_size!(Coverage { spans });

impl Coverage {
    /// Adds a span; spans that touch become one.
    pub(super) fn add(&mut self, source: Symbol, (from, through): (Instant, Instant)) {
        let (mut from, mut through) = (from.0, through.0);
        if through < from {
            return;
        }
        let spans = self.spans.entry(source).or_default();
        spans.retain(|&(known_from, known_through)| {
            let is_apart = known_through < from || through < known_from;
            if !is_apart {
                (from, through) = (from.min(known_from), through.max(known_through));
            }
            is_apart
        });
        let at = spans.partition_point(|&(known, _)| known < from);
        spans.insert(at, (from, through));
    }

    /// The newest span of a source; none where nothing is known of it.
    pub fn newest(&self, source: Symbol) -> Option<(Instant, Instant)> {
        let (from, through) = self.spans.get(&source)?.last()?;
        Some((Instant(*from), Instant(*through)))
    }

    /// Every span.
    pub(super) fn spans(&self) -> impl Iterator<Item = (Symbol, Instant, Instant)> {
        let each =
            self.spans.iter().flat_map(|(source, spans)| spans.iter().map(move |span| (*source, span)));
        each.map(|(source, (from, through))| (source, Instant(*from), Instant(*through)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Strings;

    #[test]
    fn spans_that_touch_are_one_in_any_order_and_a_gap_stays() {
        let mut strings = Strings::default();
        let source = strings.intern("callrail");
        let spans = [(1, 3), (7, 9), (3, 5), (20, 30), (8, 12), (40, 39)];
        let at = |(from, through): (i64, i64)| (Instant(from), Instant(through));
        for turn in 0..spans.len() {
            let mut coverage = Coverage::default();
            assert_eq!(coverage.newest(source), None);
            let mut turned = spans;
            turned.rotate_left(turn);
            turned.into_iter().for_each(|span| coverage.add(source, at(span)));
            let known: Vec<_> = coverage.spans().map(|(_, from, through)| (from.0, through.0)).collect();
            assert_eq!(known, [(1, 5), (7, 12), (20, 30)], "turned by {turn}");
            assert_eq!(coverage.newest(source), Some(at((20, 30))));
        }
    }
}
