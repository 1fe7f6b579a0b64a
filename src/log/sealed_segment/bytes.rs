//! Small reading and writing of bytes: bounded, never panicking on what a disk gives.

use domain::record::Hash;

/// Bytes ended early, or a number is out of range. Behind a good checksum it means a writer's bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

/// Reads from the front.
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn short(&mut self) -> Result<&'a [u8], Short> {
        let len = usize::from(self.byte()?);
        self.take(len)
    }

    /// LEB128, at most ten bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Short> {
        let mut value = 0;
        for (i, byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.0 = &self.0[i + 1..];
                return Ok(value);
            }
        }
        Err(Short)
    }

    /// A zigzag varint.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, Short> {
        self.varint().map(|n| (n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A varint that counts bytes or things.
    #[inline]
    pub fn len(&mut self) -> Result<u32, Short> {
        self.varint()?.try_into().map_err(|_| Short)
    }

    pub fn hashes(&mut self) -> Result<Vec<Hash>, Short> {
        let count = self.u32()? as usize;
        let bytes = self.take(count.checked_mul(size_of::<Hash>()).ok_or(Short)?)?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    pub fn end(&self) -> Result<(), Short> {
        if self.0.is_empty() { Ok(()) } else { Err(Short) }
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

pub(super) fn put_short(out: &mut Vec<u8>, part: &[u8]) {
    out.push(part.len() as u8);
    out.extend_from_slice(part);
}

pub(super) fn put_hashes(out: &mut Vec<u8>, hashes: &[Hash]) {
    out.extend_from_slice(&(hashes.len() as u32).to_le_bytes());
    out.extend_from_slice(hashes.as_flattened());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, signed);
            let mut cursor = Cursor(&out);
            prop_assert_eq!(cursor.varint(), Ok(value));
            prop_assert_eq!(cursor.signed(), Ok(signed));
            prop_assert_eq!(cursor.end(), Ok(()));
        }
    }

    #[test]
    fn an_endless_number_is_refused() {
        assert_eq!(Cursor(&[0xff; 20]).varint(), Err(Short));
        assert_eq!(Cursor(&[]).varint(), Err(Short));
        assert_eq!(Cursor(&[0xff, 0xff, 0xff, 0xff]).hashes(), Err(Short));
    }
}
