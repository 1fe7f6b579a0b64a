//! Salts of records, drawn from the operating system many at a time: a system call for each would cost as much as the
//! hashes that it salts.

use std::cell::RefCell;

/// Bytes of a salt.
const SALT: usize = 16;
/// Salts that one system call draws.
const DRAWN: usize = 64;

/// Salts that a thread has drawn and not spent.
struct SaltPool {
    bytes: [u8; SALT * DRAWN],
    spent: usize,
}

thread_local! {
    static POOL: RefCell<SaltPool> =
        const { RefCell::new(SaltPool { bytes: [0; SALT * DRAWN], spent: SALT * DRAWN }) };
}

/// A salt that nobody else has. Spent ones are wiped: an erasure must leave no copy of a salt in memory (E10).
///
/// # Errors
/// The operating system has no random numbers.
pub fn draw() -> Result<[u8; SALT], getrandom::Error> {
    POOL.with_borrow_mut(|pool| {
        if pool.spent == pool.bytes.len() {
            getrandom::fill(&mut pool.bytes)?;
            pool.spent = 0;
        }
        let mut salt = [0; SALT];
        let next = &mut pool.bytes[pool.spent..pool.spent + SALT];
        salt.copy_from_slice(next);
        next.fill(0);
        pool.spent += SALT;
        Ok(salt)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_salts_are_the_same_on_any_thread_and_spent_ones_are_wiped() {
        let some = || (0..3 * DRAWN).map(|_| draw().expect("a salt")).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(some)).collect();
        let drawn: Vec<[u8; SALT]> =
            threads.into_iter().flat_map(|thread| thread.join().expect("drawn")).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4 * 3 * DRAWN);
        assert!(!drawn.contains(&[0; SALT]));
        draw().expect("a salt");
        POOL.with_borrow(|pool| assert!(pool.bytes[..pool.spent].iter().all(|byte| *byte == 0)));
    }
}
