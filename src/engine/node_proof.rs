//! How a node shows another that it is one: by a signature with the log's secret, which every node has and nobody else. It
//! is of one question, and holds for a few minutes.

use domain::keys::{LogSecret, Position};
use subtle::ConstantTimeEq;

/// For how long one holds, in seconds, before and after its own time: the nodes' clocks differ.
const HOLDS: u64 = 300;

/// The proof of a node that asks for a `part` of the segment that begins with `first`, at `seconds` since 1970.
pub fn node_proof(secret: &LogSecret, part: &str, first: Position, seconds: u64) -> String {
    format!("{seconds}.{}", hex::encode(secret.signing(&format!("node/{part}/{first}/{seconds}"))))
}

/// Whether `proof` is one of that question, at `now`, in seconds since 1970.
pub fn is_node_proof(secret: &LogSecret, part: &str, first: Position, proof: &str, now: u64) -> bool {
    let Some((seconds, _)) = proof.split_once('.') else { return false };
    let Ok(seconds) = seconds.parse::<u64>() else { return false };
    let is_right: bool = node_proof(secret, part, first, seconds).as_bytes().ct_eq(proof.as_bytes()).into();
    is_right && seconds.abs_diff(now) <= HOLDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_question_one_log_and_one_time() {
        let (ours, others) = (LogSecret::new(&[7; 32]), LogSecret::new(&[8; 32]));
        let proof = node_proof(&ours, "file", 1, 1_000);
        for now in [700, 1_000, 1_300] {
            assert!(is_node_proof(&ours, "file", 1, &proof, now), "{now}");
        }
        assert!(!is_node_proof(&ours, "file", 1, &proof, 1_301), "too late");
        assert!(!is_node_proof(&ours, "file", 1, &proof, 699), "too early");
        assert!(!is_node_proof(&ours, "file", 2, &proof, 1_000), "of another segment");
        assert!(!is_node_proof(&ours, "originals", 1, &proof, 1_000), "of another part");
        assert!(!is_node_proof(&others, "file", 1, &proof, 1_000), "of another log");
        let later = proof.replacen("1000", "1200", 1);
        for forged in ["", ".", "1000", "1000.", "x.00", "-1.00", &proof[..proof.len() - 1], &later] {
            assert!(!is_node_proof(&ours, "file", 1, forged, 1_000), "{forged}");
        }
    }
}
