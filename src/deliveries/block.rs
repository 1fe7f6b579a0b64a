//! Deliveries laid down in blocks that fit a value of the store.

use serde::{Deserialize, Serialize};

use super::Delivered;
use crate::store::VALUE_MAX;

/// Room in a value for the version, the counts and the checksum.
const ROOM: usize = VALUE_MAX - 24;
/// From version 2 on, the places of the weak lines stand behind the lines.
const VERSION: u8 = 2;
/// The place of a weak line takes at most so many bytes.
const PLACE: usize = 5;

/// Deliveries in the order they came, and how long they are when laid down.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Which block, from 1.
    pub number: u64,
    /// The deliveries.
    pub lines: Vec<Delivered>,
    bytes: usize,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    lines: Vec<Delivered>,
}

type Weak = Vec<u32>;

impl Block {
    /// An empty one of this number.
    pub fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Whether there is room for this one; an empty block takes any.
    pub fn fits(&self, line: &Delivered) -> bool {
        self.lines.is_empty() || self.bytes + len(line) <= ROOM
    }

    /// Adds a delivery.
    pub fn push(&mut self, line: Delivered) {
        self.bytes += len(&line);
        self.lines.push(line);
    }

    /// The value: the lines, then their checksum.
    pub fn value(&self) -> Option<Vec<u8>> {
        let stored = Stored { version: VERSION, lines: self.lines.clone() };
        let weak: Weak = (0..).zip(&self.lines).filter(|(_, line)| line.weak).map(|(at, _)| at).collect();
        let mut bytes = bincode::serde::encode_to_vec((&stored, &weak), bincode::config::standard()).ok()?;
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        (bytes.len() <= VALUE_MAX).then_some(bytes)
    }

    /// Reads a value back; none of a damaged one, which can be done without.
    pub fn read(number: u64, value: &[u8]) -> Option<Self> {
        let (bytes, sum) = value.split_last_chunk::<4>()?;
        if crc32c::crc32c(bytes) != u32::from_le_bytes(*sum) {
            return None;
        }
        let config = bincode::config::standard().with_limit::<{ 4 * VALUE_MAX }>();
        let (Stored { version, mut lines }, mut read): (Stored, usize) =
            bincode::serde::decode_from_slice(bytes, config).ok()?;
        if version == VERSION {
            let (weak, more): (Weak, usize) =
                bincode::serde::decode_from_slice(&bytes[read..], config).ok()?;
            weak.iter()
                .for_each(|at| lines.get_mut(*at as usize).into_iter().for_each(|line| line.weak = true));
            read += more;
        }
        let is_whole = (1..=VERSION).contains(&version) && read == bytes.len();
        is_whole.then_some(Self { number, lines, bytes: bytes.len() })
    }

    /// The key under which it lies: ascending with its number.
    pub fn key(number: u64) -> [u8; 8] {
        number.to_be_bytes()
    }

    /// The number of a key.
    pub fn number_of(key: &[u8]) -> Option<u64> {
        key.try_into().ok().map(u64::from_be_bytes)
    }
}

fn len(line: &Delivered) -> usize {
    let own = bincode::serde::encode_to_vec(line, bincode::config::standard());
    own.map_or(ROOM, |bytes| bytes.len()) + if line.weak { PLACE } else { 0 }
}
