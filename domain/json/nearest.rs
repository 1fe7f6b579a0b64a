//! The name that somebody probably meant.

/// How alike two names must be, from 0 to 1: `duration` and `duration_seconds` are, `colour` and `campaign` are not.
const ALIKE_MIN: f64 = 0.8;

/// The known name that is most like `given`; none where no one is.
pub fn nearest<'n>(given: &str, known: &[&'n str]) -> Option<&'n str> {
    let given = given.to_lowercase().replace(['-', ' '], "_");
    let alike = |name: &&'n str| (strsim::jaro_winkler(&given, name), *name);
    let alike = known.iter().map(alike).filter(|(likeness, _)| *likeness >= ALIKE_MIN);
    alike.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

/// `; did you mean …?` behind what is said of a name that is none; blank where none is like it.
pub fn did_you_mean(given: &str, known: &[&str]) -> String {
    nearest(given, known).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_seen_and_another_word_is_not() {
        let known = ["call_id", "status", "duration_seconds", "direction", "campaign"];
        for (given, near) in [
            ("callId", Some("call_id")),
            ("duration", Some("duration_seconds")),
            ("Duration-Seconds", Some("duration_seconds")),
            ("statsu", Some("status")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, &known), near, "{given}");
        }
    }
}
