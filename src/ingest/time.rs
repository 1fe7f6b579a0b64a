//! Times as senders write them, in the formats that are configured and, beyond these, in every one that is unambiguous.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chrono::{DateTime, Days, FixedOffset, LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use domain::members::Instant;

/// How an instant is usually written. What is written otherwise is read too, where it can mean one instant only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339.
    Rfc3339,
    /// RFC 2822, such as `Wed, 08 Oct 2025 13:54:12 +0000`.
    Rfc2822,
    /// Seconds since 1970 UTC, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970 UTC.
    EpochMillis,
    /// A pattern of `strftime`; without an offset in it, a time of the zone.
    Pattern(String, Tz),
}

impl TimeFormat {
    /// Reads an instant; of a local time that comes twice the first, and one that is left out never was.
    pub fn read(&self, given: &str) -> Option<Instant> {
        let given = given.trim();
        let micros = match self {
            Self::Rfc3339 | Self::Rfc2822 => None,
            Self::EpochSeconds => epoch(given, 1_000_000),
            Self::EpochMillis => epoch(given, 1_000),
            Self::Pattern(pattern, zone) => match DateTime::parse_from_str(given, pattern) {
                Ok(at) => Some(at.timestamp_micros()),
                Err(_) => NaiveDateTime::parse_from_str(given, pattern).ok().and_then(|at| local(*zone, &at)),
            },
        };
        let zone = match self {
            Self::Pattern(_, zone) => Some(*zone),
            Self::Rfc3339 | Self::Rfc2822 | Self::EpochSeconds | Self::EpochMillis => None,
        };
        micros.and_then(Instant::from_micros).or_else(|| instant(given, zone))
    }
}

/// Dates with a time of day. A fraction may follow; what is left behind it says the zone.
const LAYOUTS: &[&str] = &[
    // The usual one first; what is left of `09:00:00 PM` is no zone.
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S%.f",
    "%Y%m%d %H%M%S%.f",
    // Days of a week and of a year, as ISO 8601 has them.
    "%G-W%V-%u %H:%M:%S%.f",
    "%G-W%V-%u %H:%M",
    "%Y-%j %H:%M:%S%.f",
    "%d %B %Y %I:%M:%S %p",
    "%d %B %Y %I:%M %p",
    "%d %B %Y %H:%M:%S%.f",
    "%d %B %Y %H:%M",
    "%d-%B-%Y %H:%M:%S%.f",
    // Behind the one of four digits, which takes these for the first century.
    "%d-%B-%y %H:%M:%S%.f",
    "%d/%B/%Y:%H:%M:%S%.f",
    "%B %d %Y %I:%M:%S %p",
    "%B %d %Y %I:%M %p",
    "%B %d %Y %H:%M:%S%.f",
    "%B %d %Y %H:%M",
];

/// Reads an instant in any spelling that can mean one alone: RFC 3339 and RFC 2822 with a blank for `T`, without a
/// weekday, without seconds, with fractions, with an offset without a colon or of hours alone, with the name of a zone, with
/// the year at the end as `date` prints it, with 24:00 as the end of a day, and seconds, milliseconds, microseconds or
/// nanoseconds since 1970, told apart by their size. A text without an offset is read in `zone`, and not at all where there
/// is none.
pub fn instant(given: &str, zone: Option<Tz>) -> Option<Instant> {
    let given = given.trim();
    let strict = DateTime::parse_from_rfc3339(given).or_else(|_| DateTime::parse_from_rfc2822(given));
    if let Ok(at) = strict {
        return Instant::from_micros(at.timestamp_micros());
    }
    if given.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return since_1970(given);
    }
    if given.starts_with(|first: char| first.is_ascii_digit())
        && given.contains(['e', 'E'])
        && let Ok(number) = given.parse::<f64>()
    {
        // Written out; microseconds of today are far below where a float skips one.
        return since_1970(&number.to_string());
    }
    // As .NET writes it; an offset behind it is for people.
    if let Some(millis) = given.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        let digits = millis.bytes().take_while(u8::is_ascii_digit).count();
        return epoch(&millis[..digits], 1_000).and_then(Instant::from_micros);
    }
    let Some((before, comment)) = given.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) else {
        return dated(given, zone);
    };
    // Mostly a comment on the offset; alone, as in `10:00:00 (UTC)`, it is the zone.
    let before = before.trim_end();
    let in_comment = || dated(&format!("{before} {}", comment.trim()), None);
    dated(before, None).or_else(in_comment).or_else(|| dated(before, zone))
}

/// A date with a time of day.
fn dated(given: &str, zone: Option<Tz>) -> Option<Instant> {
    let plain = plain(given);
    let (plain, days) = match plain.split_once(" 24:00") {
        Some((date, rest)) => (Cow::Owned(format!("{date} 00:00{rest}")), Days::new(1)),
        None => (plain, Days::new(0)),
    };
    LAYOUTS.iter().find_map(|layout| {
        let (at, rest) = NaiveDateTime::parse_and_remainder(&plain, layout).ok()?;
        in_zone(&at.checked_add_days(days)?, rest.trim(), zone).and_then(Instant::from_micros)
    })
}

/// Without weekday and `T`, and with a point before the fraction.
fn plain(without_comment: &str) -> Cow<'_, str> {
    let letters = without_comment.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = without_comment.split_at(letters);
    let is_weekday = word.get(..3).is_some_and(|start| {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().any(|day| day.eq_ignore_ascii_case(start))
    });
    let text = if is_weekday { rest.trim_start_matches(',').trim_start() } else { without_comment };
    let text = &year_first(text);
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        at > 0 && digit(at - 1) && digit(at + 1)
    };
    let replace = |(at, letter): (usize, char)| match letter {
        'T' | 't' if between_digits(at) => ' ',
        ',' if between_digits(at) => '.',
        ',' => ' ',
        other => other,
    };
    text.char_indices().map(replace).collect::<String>().into()
}

/// `Oct 8 18:55:38 UTC 2025` and `Oct 8, 2025 at 18:55:38 UTC` as `Oct 8 2025 18:55:38 UTC`; anything else as it is.
fn year_first(text: &str) -> Cow<'_, str> {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return text.replace(" at ", " ").into();
    }
    let words: Vec<&str> = text.split_ascii_whitespace().filter(|word| *word != "at").collect();
    match words.as_slice() {
        [month, day, time, zone @ .., year]
            if zone.len() < 2
                && time.contains(':')
                && year.len() == 4
                && year.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("{month} {day} {year} {time} {}", zone.concat()).into()
        }
        words => words.join(" ").into(),
    }
}

/// The instant of a local time in the zone that stands behind it.
fn in_zone(at: &NaiveDateTime, written: &str, usual: Option<Tz>) -> Option<i64> {
    // As Java and JavaScript write it: `+02:00[Europe/Berlin]`, or the zone alone.
    let written = match written.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some(("", zone)) => zone,
        Some((offset, _)) => offset.trim_end(),
        None => written,
    };
    if written.is_empty() {
        return local(usual?, at);
    }
    // `+00:00Z` says it twice; behind another offset the two would differ.
    let twice = written
        .strip_suffix(['Z', 'z'])
        .filter(|offset| fixed(offset).is_some_and(|of| of.local_minus_utc() == 0));
    let written = twice.unwrap_or(written);
    let is_utc = |word: &str| ["z", "utc", "gmt", "ut"].iter().any(|name| name.eq_ignore_ascii_case(word));
    if is_utc(written) {
        return Some(at.and_utc().timestamp_micros());
    }
    // `GMT+0200` as browsers write it.
    let offset = match written.find(['+', '-']) {
        Some(sign) if sign == 0 || is_utc(&written[..sign]) => Some(&written[sign..]),
        Some(_) | None => None,
    };
    if let Some(offset) = offset {
        // The zone's name may follow, as in `-0400 EDT`.
        let offset = offset.split_ascii_whitespace().next()?;
        return Some(at.and_local_timezone(fixed(offset)?).single()?.timestamp_micros());
    }
    let hours = match written.to_ascii_uppercase().as_str() {
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" | "AKDT" => -8,
        "AKST" => -9,
        "BST" | "WEST" => 1,
        "CEST" | "SAST" => 2,
        "EEST" => 3,
        "SGT" => 8,
        "JST" => 9,
        "AEST" => 10,
        "AEDT" => 11,
        "NZST" => 12,
        "NZDT" => 13,
        _ => return local(written.parse().ok()?, at),
    };
    Some(at.and_local_timezone(FixedOffset::east_opt(hours * 3_600)?).single()?.timestamp_micros())
}

/// An offset: `+02:00`, `+0200`, `+02`, `+2`, `+2:00`.
fn fixed(offset: &str) -> Option<FixedOffset> {
    let (sign, digits) = offset.split_at_checked(1)?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| -> Option<i32> {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { text.parse().ok() } else { None }
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    let seconds = hours * 3_600 + minutes * 60;
    FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds })
}

fn local(zone: Tz, at: &NaiveDateTime) -> Option<i64> {
    match zone.from_local_datetime(at) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.timestamp_micros()),
        LocalResult::None => None,
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970: of one number at most one of them lies within 1973–2100.
fn since_1970(given: &str) -> Option<Instant> {
    let digits = given.split('.').next().unwrap_or_default().trim_start_matches('0').len();
    let micros = match digits {
        9..=10 => 1_000_000,
        12..=13 => 1_000,
        15..=16 => 1,
        18..=19 if !given.contains('.') => return since_1970(&given[..given.len() - 3]),
        _ => return None,
    };
    epoch(given, micros).and_then(Instant::from_micros)
}

/// So many units since 1970, each of `micros` µs. Decimals are read as such, since a float of 2^53 no longer names one
/// microsecond.
fn epoch(given: &str, micros: i64) -> Option<i64> {
    let (whole, fraction) = given.split_once('.').unwrap_or((given, ""));
    if let Ok(whole) = whole.parse::<i64>()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        let digits = &fraction[..fraction.len().min(9)];
        let part = digits.parse::<i64>().unwrap_or(0) * micros / 10_i64.pow(digits.len() as u32);
        let part = if given.starts_with('-') { -part } else { part };
        return whole.checked_mul(micros)?.checked_add(part);
    }
    let float: f64 = given.parse().ok()?;
    let scaled = float * micros as f64;
    (scaled.abs() < 9e15).then_some(scaled as i64)
}
