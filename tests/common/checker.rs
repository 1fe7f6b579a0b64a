//! What must hold for a log after crashes: a function over the acknowledged facts and the facts in the log.

use std::collections::BTreeMap;

/// Every way in which `there` breaks the promises made by `acknowledged`; each is (external id, position).
pub fn complaints(acknowledged: &BTreeMap<String, u64>, there: &[(String, u64)]) -> Vec<String> {
    let mut said = Vec::new();
    let mut by_key: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (key, position) in there {
        by_key.entry(key).or_default().push(*position);
    }
    for (key, position) in acknowledged {
        match by_key.get(key.as_str()).map(Vec::as_slice) {
            None => said.push(format!("lost: {key} was acknowledged at {position}")),
            Some([at]) if at == position => {}
            Some(at) => said.push(format!("moved: {key} was acknowledged at {position}, is at {at:?}")),
        }
    }
    said.extend(
        by_key.iter().filter(|(_, at)| at.len() > 1).map(|(key, at)| format!("twice: {key} at {at:?}")),
    );
    said
}

/// Gaps and repetitions in positions that must run from 1 without any.
pub fn gaps(positions: &[u64]) -> Vec<String> {
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    let wrong = sorted.iter().zip(1..).find(|(position, expected)| *position != expected);
    wrong
        .map(|(position, expected)| format!("expected position {expected}, found {position}"))
        .into_iter()
        .collect()
}
