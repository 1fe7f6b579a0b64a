//! Canonical forms of single members.

use super::*;

#[test]
fn instants_keep_microseconds_and_lose_their_offset() {
    let shown = |text| Instant::parse(text).map(|at| at.to_string());
    assert_eq!(shown("2025-10-09T14:00:00.1234567+02:00"), Some("2025-10-09T12:00:00.123456Z".into()));
    assert_eq!(shown("2010-08-31T20:36:29Z"), Some("2010-08-31T20:36:29Z".into()));
    for bad in ["1969-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "2025-10-09", "2025-10-09T12:00:00", ""] {
        assert_eq!(Instant::parse(bad), None, "{bad}");
    }
}

#[test]
fn days_and_months_know_their_ends() {
    let feb = Month::parse("2024-02").expect("month");
    assert_eq!((feb.first().to_string(), feb.last().to_string()), ("2024-02-01".into(), "2024-02-29".into()));
    assert_eq!(Month::parse("2025-12").map(|m| m.last().to_string()), Some("2025-12-31".into()));
    assert_eq!(Day::parse("2025-02-29"), None);
    assert_eq!(Day::parse("2025-2-9"), None);
    assert_eq!(Month::parse("2025-13"), None);
}

#[test]
fn only_whole_numbers_are_integers() {
    for (given, read) in
        [("95", Some(95)), ("95.0", Some(95)), ("95.5", None), ("\"95\"", None), ("-1", None)]
    {
        let mut errors = Vec::new();
        let value = crate::json::parse(format!("{{\"n\":{given}}}").as_bytes()).expect("json");
        assert_eq!(Reader::new(value.into(), "", &mut errors).optional::<u32>("n"), read, "{given}");
        assert_eq!(errors.is_empty(), read.is_some());
    }
}

#[test]
fn phones_become_e164_where_they_parse() {
    let canonical = |text| Phone::new(text).map(|p| p.to_string());
    assert_eq!(canonical("+1 (415) 867-5309"), Some("+14158675309".into()));
    assert_eq!(canonical("+15550100"), Some("+15550100".into()));
    assert_eq!(canonical("client:ann"), Some("client:ann".into()));
}
