//! The version of a projection: of its rules, and of the tz database that cuts its days and months.

use domain::rules::calendar::TZDB_VERSION;

/// The version of a projection whose rules have version `rules`, as one number: version 1 of the rules under the tz
/// database 2025b is 1,202,502. A new release of the database may move a fact to another day, so it is another version
/// of every projection (RULINGS Configuration).
pub const fn of(rules: u32) -> u32 {
    rules * 1_000_000 + release(TZDB_VERSION)
}

/// A release of the tz database such as `2025b` as a number: the year, then the letter's place in the alphabet in two
/// digits.
const fn release(name: &str) -> u32 {
    let name = name.as_bytes();
    let (mut year, mut at) = (0, 0);
    while at < name.len() && name[at].is_ascii_digit() {
        year = year * 10 + (name[at] - b'0') as u32;
        at += 1;
    }
    let letter = if at < name.len() { (name[at] - b'a') as u32 + 1 } else { 0 };
    year * 100 + letter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::MODELS;

    #[test]
    fn releases_of_the_tz_database_are_numbers_that_order_as_they_do() {
        assert_eq!(["2024b", "2025a", "2025b", "2026a"].map(release), [202_402, 202_501, 202_502, 202_601]);
    }

    #[test]
    fn every_projection_has_the_tz_database_in_its_version() {
        for (model, version) in MODELS {
            assert_eq!(version % 1_000_000, release(TZDB_VERSION), "{model}");
            assert!(version / 1_000_000 > 0, "{model}");
        }
    }
}
