//! What the engine's log still has of erasures that this node carried out.

use std::collections::BTreeSet;

use domain::record::RecordRef;

use super::{BlockFollower, SharedLogError};
use crate::log::erase::erasable;
use crate::log::erasures::ErasureRegister;

/// How many erasures of the register the engine's log still has the data of. `gone` holds those that it has not.
///
/// A log that is made anew from a journal has none of what was erased there, so the newest that is gone has all before it.
pub fn still_in_engine(
    follower: &mut dyn BlockFollower,
    register: &ErasureRegister,
    gone: &mut BTreeSet<String>,
) -> Result<usize, SharedLogError> {
    let mut there = 0;
    for erasure in register.all.iter().rev() {
        if gone.contains(&erasure.erasure_id) {
            break;
        }
        let Some((position, _)) = erasure.facts.first() else { continue };
        let Some(block) = follower.find(*position)? else { continue };
        let stored = block.frame.stored().find(|(at, _)| at == position).map(|(_, stored)| stored);
        if stored.and_then(|stored| RecordRef::read(stored).ok()).is_none_or(|r| erasable(&r).is_none()) {
            gone.insert(erasure.erasure_id.clone());
            break;
        }
        there += 1;
    }
    Ok(there)
}
