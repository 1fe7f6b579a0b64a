//! Times as senders write them: what is read, and what could be several and is not.

use super::*;

fn at(text: &str) -> Option<Instant> {
    Instant::parse(text)
}

#[test]
fn instants_are_read_in_every_format() {
    assert_eq!(TimeFormat::EpochSeconds.read("1752000000"), at("2025-07-08T18:40:00Z"));
    assert_eq!(TimeFormat::EpochSeconds.read("1752000000.5"), at("2025-07-08T18:40:00.5Z"));
    assert_eq!(TimeFormat::EpochSeconds.read("1752000000.123457"), at("2025-07-08T18:40:00.123457Z"));
    assert_eq!(TimeFormat::EpochSeconds.read("1.752e9"), at("2025-07-08T18:40:00Z"));
    assert_eq!(TimeFormat::EpochMillis.read("1752000000250"), at("2025-07-08T18:40:00.25Z"));
    assert_eq!(TimeFormat::EpochSeconds.read("9e99"), None);
    let mail = TimeFormat::Rfc2822.read("Tue, 31 Aug 2010 20:36:29 +0000");
    assert_eq!(mail, at("2010-08-31T20:36:29Z"));
    let naive = TimeFormat::Pattern("%Y-%m-%d %H:%M:%S".into(), chrono_tz::America::Chicago);
    assert_eq!(naive.read("2025-11-02 01:30:00"), at("2025-11-02T06:30:00Z"), "the first of the two");
    assert_eq!(naive.read("2025-03-09 02:30:00"), None, "left out that night");
    let with_offset = TimeFormat::Pattern("%Y-%m-%d %I:%M %p %z".into(), chrono_tz::UTC);
    assert_eq!(with_offset.read("2026-01-19 12:00 PM -05:00"), at("2026-01-19T17:00:00Z"));
    assert_eq!(TimeFormat::Rfc3339.read("2018-02-19 13:41:00 -0500"), at("2018-02-19T18:41:00Z"));
}

#[test]
fn what_can_mean_one_instant_only_is_read_whatever_the_format() {
    let formats = [
        TimeFormat::Rfc3339,
        TimeFormat::Rfc2822,
        TimeFormat::EpochSeconds,
        TimeFormat::EpochMillis,
        TimeFormat::Pattern("%m/%d/%Y".into(), chrono_tz::America::Chicago),
    ];
    let wanted = at("2025-10-08T18:55:38Z");
    for text in [
        "2025-10-08T18:55:38Z",
        "2025-10-08t18:55:38z",
        " 2025-10-08 18:55:38 UTC ",
        "2025-10-08 18:55:38Z",
        "2025-10-08T18:55:38 utc",
        "2025-10-08 18:55:38+00",
        "2025-10-08 18:55:38.000 +0000 UTC",
        "2025-10-08 14:55:38 -0400 EDT",
        "2025-10-08T20:55:38+0200",
        "2025-10-08T20:55:38+02",
        "2025-10-08T20:55:38 +2",
        "2025-10-08T13:25:38-5:30",
        "2025-10-08 06:55:38 PM UTC",
        "2025/10/08 18:55:38 GMT",
        "20251008T185538Z",
        "2025-W41-3T18:55:38Z",
        "2025-281T20:55:38+02:00",
        "2025-10-08T18:55:38+00:00Z",
        "20251008T205538+0200",
        "Wed, 08 Oct 2025 18:55:38 UTC",
        "Wed, 08 Oct 2025 18:55:38 GMT",
        "Wed, 8 Oct 2025 18:55:38.0 +00:00",
        "wednesday, 08 oct 2025 20:55:38 +02",
        "Thu, 08 Oct 2025 18:55:38 +0000",
        "08 Oct 2025 18:55:38 Z",
        "08 October 2025 14:55:38 EDT",
        "Wed, 08 Oct 2025 18:55:38 Etc/UTC",
        "Wed, 08 Oct 2025 14:55:38 America/New_York",
        "Wed Oct 08 2025 20:55:38 GMT+0200 (Central European Summer Time)",
        "Wed Oct  8 18:55:38 UTC 2025",
        "Wed Oct 08 18:55:38 +0000 2025",
        "Oct 8, 2025 6:55:38 PM UTC",
        "October 8, 2025 at 18:55:38 GMT",
        "8 October 2025 at 18:55:38 UTC",
        "08-Oct-2025 18:55:38 UTC",
        "08/Oct/2025:20:55:38 +0200",
        "2025-10-08T20:55:38+02:00[Europe/Berlin]",
        "2025-10-08T20:55:38[Europe/Berlin]",
        "2025-10-08T18:55:38Z[UTC]",
        "2025-10-08 18:55:38 (UTC)",
        "2025-10-08 18:55:38 (GMT)",
        "2025-10-08 20:55:38 CEST",
        "2025-10-09 03:55:38 JST",
        "2025.10.08 18:55:38Z",
        "8 Oct 2025 06:55:38 PM UTC",
        "Wednesday, 08-Oct-25 18:55:38 GMT",
        "/Date(1759949738000)/",
        "/Date(1759949738000+0200)/",
    ] {
        for format in &formats {
            assert_eq!(format.read(text), wanted, "{text:?} as {format:?}");
        }
    }
    let read = |text: &str| instant(text, None);
    assert_eq!(read("2025-10-08T18:55:38,250+00"), at("2025-10-08T18:55:38.25Z"));
    assert_eq!(read("2025-10-08 18:55:38.1234567 UTC"), at("2025-10-08T18:55:38.123456Z"));
    assert_eq!(read("2025-10-08T18:55Z"), at("2025-10-08T18:55:00Z"));
    assert_eq!(
        ["1.759949738e9", "1.759949738E+12"].map(read),
        [wanted; 2],
        "with an exponent, as JSON may have it"
    );
    assert_eq!(read("2025-10-08T24:00:00Z"), at("2025-10-09T00:00:00Z"), "the end of a day");
    assert_eq!(read("2025-12-31 24:00 UTC"), at("2026-01-01T00:00:00Z"));
    assert_eq!(
        ["1759949738", "1759949738000", "1759949738000000", "1759949738000000000"].map(read),
        [wanted; 4],
        "told apart by their size"
    );
}

#[test]
fn what_is_no_time_or_could_be_several_is_not_read() {
    for text in [
        "",
        "yesterday",
        "2025-10-08",
        "2025-10-08 18:55:38",
        "08/10/2025 18:55:38 UTC",
        "2025-13-08T18:55:38Z",
        "2025-02-30 18:55:38 UTC",
        "2025-10-08 25:55:38 UTC",
        "2025-10-08 24:55:38 UTC",
        "2025-10-08 18:55:38 (office)",
        "Wednesday, 08-Oct-25 18:55:38",
        "9e99",
        "1e9x",
        "2025-10-08 18:55:38 Mars/Phobos",
        "2025-10-08 18:55:38 +99",
        "2025-10-08 18:55:38 +02:75",
        "2025-10-08T18:55:38+02:00Z",
        "2025-W54-1T18:55:38Z",
        "2025-366T18:55:38Z",
        "2025-10-08 18:55:38 +é",
        "1969-12-31 23:59:59 UTC",
        "12",
        "Oct 8 18:55:38 2025",
        "Oct 8, 2025 18:55:38",
        "2025-10-08T18:55:38[]",
        "2025-10-08T18:55:38]",
        "/Date(x)/",
        "/Date()/",
        "175994973800000000.5",
        "1.2.3",
        "(é)",
        "20251008",
        "Mon",
        "été",
    ] {
        assert_eq!(instant(text, None), None, "{text:?}");
    }
    let local = |text: &str| instant(text, Some(chrono_tz::UTC));
    assert_eq!(local("2025-10-08 18:55:38"), at("2025-10-08T18:55:38Z"));
    assert_eq!(local("Wed, 08 Oct 2025 18:55:38"), at("2025-10-08T18:55:38Z"));
}
