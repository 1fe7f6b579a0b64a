//! The facts of a row, packed: positions, and for events when and which, a few bytes a fact.

use super::heap::heap_size;
use domain::keys::Position;
use domain::members::Instant;

fn put(out: &mut Vec<u8>, mut number: u64) {
    // A chain grows by a few bytes a fact: doubling would waste as much as it holds.
    if out.len() + 10 > out.capacity() {
        out.reserve_exact(12 + out.len() / 4);
    }
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Positions in the order they were folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    bytes: Vec<u8>,
    last: Position,
}

heap_size!(Chain { bytes; last });

impl Chain {
    /// Adds a position.
    pub fn push(&mut self, position: Position) {
        put(&mut self.bytes, zigzag(position.wrapping_sub(self.last) as i64));
        self.last = position;
    }

    /// The positions, ascending: a fact that replaces another is folded elsewhere than it stands.
    pub fn sorted(&self) -> Vec<Position> {
        let mut positions: Vec<Position> = self.iter().collect();
        positions.sort_unstable();
        positions
    }

    /// The positions as they were added.
    pub fn iter(&self) -> impl Iterator<Item = Position> {
        let (mut rest, mut at) = (self.bytes.as_slice(), 0u64);
        std::iter::from_fn(move || {
            at = at.wrapping_add(unzigzag(take(&mut rest)?) as u64);
            Some(at)
        })
    }
}

/// One event of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Its fact's place in the log.
    pub position: Position,
    /// When it happened.
    pub occurred_at: Instant,
    /// Which, as its table numbers them, 0 to 15.
    pub kind: u8,
}

/// Events in the order they were folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    bytes: Vec<u8>,
    last_position: Position,
    last_at: i64,
}

heap_size!(Events { bytes; last_position, last_at });

impl Events {
    /// Adds an event.
    pub fn push(&mut self, event: Event) {
        put(&mut self.bytes, zigzag(event.position.wrapping_sub(self.last_position) as i64));
        let delta = zigzag(event.occurred_at.0 - self.last_at);
        put(&mut self.bytes, delta << 4 | u64::from(event.kind & 15));
        (self.last_position, self.last_at) = (event.position, event.occurred_at.0);
    }

    /// The events as they were added.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        let (mut rest, mut position, mut at) = (self.bytes.as_slice(), 0u64, 0i64);
        std::iter::from_fn(move || {
            position = position.wrapping_add(unzigzag(take(&mut rest)?) as u64);
            let packed = take(&mut rest)?;
            at += unzigzag(packed >> 4);
            Some(Event { position, occurred_at: Instant(at), kind: packed as u8 & 15 })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_read_back_what_was_added() {
        let positions = [1, 5, 6, 1 << 40, 7, u64::MAX, 0];
        let mut chain = Chain::default();
        positions.iter().for_each(|position| chain.push(*position));
        assert!(chain.iter().eq(positions));
        let events: Vec<Event> = [(3, 1_760_000_000_000_000, 4), (9, Instant::END - 1, 15), (10, 0, 0)]
            .map(|(position, at, kind)| Event { position, occurred_at: Instant(at), kind })
            .to_vec();
        let mut packed = Events::default();
        events.iter().for_each(|event| packed.push(*event));
        assert!(packed.iter().eq(events));
    }
}
