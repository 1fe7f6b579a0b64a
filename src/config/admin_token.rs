//! Which texts may be an admin token: one that is guessed opens everything.

/// Fewest characters.
const CHARS_MIN: usize = 16;
/// Fewest different characters.
const DIFFERENT_MIN: usize = 8;

/// Why a text is no admin token, as the end of a sentence that begins with its name.
pub fn fault(token: &str) -> Option<&'static str> {
    let chars: Vec<char> = token.chars().collect();
    let different: std::collections::BTreeSet<&char> = chars.iter().collect();
    if chars.len() < CHARS_MIN {
        Some("must be at least 16 characters; make one with: openssl rand -hex 32")
    } else if different.len() < DIFFERENT_MIN {
        Some(
            "is too easy to guess: it must have at least 8 different characters; make one with: openssl rand -hex 32",
        )
    } else if period(&chars) < CHARS_MIN || is_a_row(&chars) {
        Some(
            "is too easy to guess: it must not be a row such as abcdefgh, nor repeat one of fewer than 16 characters; \
             make one with: openssl rand -hex 32",
        )
    } else {
        None
    }
}

/// After how many characters the text begins again; its length where it does not.
fn period(chars: &[char]) -> usize {
    let repeats = |by: &usize| chars.iter().zip(chars.iter().skip(*by)).all(|(one, other)| one == other);
    (1..chars.len()).find(repeats).unwrap_or(chars.len())
}

/// Whether most characters follow the one before them, upwards or downwards, as in a row that begins again.
fn is_a_row(chars: &[char]) -> bool {
    let steps = chars.iter().zip(chars.iter().skip(1)).map(|(one, next)| *next as i64 - *one as i64);
    let following = steps.filter(|step| step.abs() == 1).count();
    following * 4 >= (chars.len() - 1) * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        for weak in [
            "",
            "short",
            "aaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaab",
            "abababababababab",
            "passwordpassword",
            "adminadminadminadmin",
            "1234567890123456",
            "12345678901234567890",
            "abcdefghijklmnopqrst",
            "zyxwvutsrqponmlkj",
            "abcdefghijklmnopqrstuvwxyzabcdef",
            "0123456789abcdef",
            "ABCDEFGHIJKLMNOP0123456789",
            "ééééééééééééééééé",
        ] {
            assert!(fault(weak).is_some(), "{weak}");
        }
        for strong in [
            "admin-token-of-the-tests",
            "sixteen-or-more-characters",
            "9f2c7e41b80d56a39f2c7e41b80d56a3",
            "q7Xd-0zL!m3Vt8Rw",
        ] {
            assert_eq!(fault(strong), None, "{strong}");
        }
    }
}
