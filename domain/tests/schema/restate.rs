//! Says the same body in other words: everything that equality does not see (R2; RULINGS, Equality).

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::generate::{PHONES, Random};
use super::{Member, Mode, Type};

const BLANKS: &[&str] = &["null", "\"\"", "\" \\t\"", "[]", "{}"];

fn space(random: &mut Random) -> &'static str {
    random.pick(&["", "", " ", "\n", "\t ", "  "])
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn swap_case(text: &str, random: &mut Random) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(|c| if random.below(2) == 0 { swap(c) } else { c }).collect()
}

fn text(text: &str, random: &mut Random) -> String {
    let form: String = match random.below(3) {
        0 => text.nfd().collect(),
        1 => text.nfc().collect(),
        _ => text.to_owned(),
    };
    format!("{}{form}{}", space(random), space(random))
}

fn number(value: &Value, random: &mut Random) -> String {
    match value.as_i64() {
        Some(whole) if whole.abs() < 1 << 53 => match random.below(4) {
            0 => format!("{whole}.0"),
            1 => format!("{whole}e0"),
            2 if whole != 0 => format!("{whole}00.0E-2"),
            _ => whole.to_string(),
        },
        _ => value.to_string(),
    }
}

/// The same instant at another offset, with digits that are cut.
fn instant(at: &str, random: &mut Random) -> String {
    let Ok(at) = chrono::DateTime::parse_from_rfc3339(at) else { return at.to_owned() };
    let minutes = random.below(28 * 60) as i32 - 14 * 60;
    let zone = chrono::FixedOffset::east_opt(minutes * 60).expect("below a day");
    let local = at.with_timezone(&zone);
    format!("{}{:03}{}", local.format("%Y-%m-%dT%H:%M:%S%.6f"), random.below(1000), local.format("%:z"))
}

fn scalar(of: Type, value: &Value, random: &mut Random) -> String {
    let as_text = value.as_str().unwrap_or_default();
    match of {
        Type::Text | Type::Long => quoted(&text(as_text, random)),
        Type::Email => {
            let swapped = swap_case(as_text, random);
            quoted(&text(&swapped, random))
        }
        Type::Phone => match PHONES.iter().find(|row| row.contains(&as_text)) {
            Some(row) => quoted(random.pick(row)),
            None => quoted(&text(as_text, random)),
        },
        Type::Bool => value.to_string(),
        Type::U32 | Type::U64 | Type::Position | Type::I64 | Type::Percent | Type::Part | Type::Parts => {
            number(value, random)
        }
        Type::Instant => quoted(&instant(as_text, random)),
        Type::Day | Type::Month | Type::Zone | Type::Kind(_) => {
            quoted(&format!("{}{as_text} ", space(random)))
        }
        Type::Currency | Type::Digest => quoted(&swap_case(as_text, random)),
        Type::Word(_) => {
            let joined: String = as_text
                .chars()
                .map(|c| if "-_ ".contains(c) { random.pick(&['-', '_', ' ']) } else { c })
                .collect();
            quoted(&swap_case(&joined, random))
        }
        Type::Object(members) => body(members, value, random),
        Type::Rows(members) => {
            let rows = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let rows: Vec<String> = rows.iter().map(|row| body(members, row, random)).collect();
            format!("[{}]", rows.join(","))
        }
    }
}

fn member(member: &Member, value: &Value, random: &mut Random) -> String {
    if matches!(member.mode, Mode::Required | Mode::Optional) {
        return scalar(member.of, value, random);
    }
    let mut items = value.as_array().cloned().unwrap_or_default();
    if member.mode == Mode::Set {
        items.extend(items.first().cloned());
        shuffle(&mut items, random);
    }
    let items: Vec<String> = items.iter().map(|item| scalar(member.of, item, random)).collect();
    format!("[{}]", items.join(" ,"))
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last as u64 + 1) as usize);
    }
}

/// The body as JSON text, in other words.
pub fn body(members: &[Member], given: &Value, random: &mut Random) -> String {
    let mut parts = Vec::new();
    for one in members {
        let said = match given.get(one.name) {
            Some(value) => member(one, value, random),
            None if random.below(2) == 0 => random.pick(BLANKS).to_owned(),
            None => continue,
        };
        parts.push(format!("{}\"{}\"{}:{said}", space(random), one.name, space(random)));
    }
    shuffle(&mut parts, random);
    format!("{{{}{}}}", parts.join(","), space(random))
}
