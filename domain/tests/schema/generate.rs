//! Bodies by a kind's members: the full one and the smallest one, and random ones from a seed.

use serde_json::{Map, Value, json};

use super::{Member, Mode, Type};

/// SplitMix64: the same bodies for the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Phones as people write them, one number in each row.
pub const PHONES: &[&[&str]] = &[
    &["+14158675309", "+1 (415) 867-5309", "+1-415-867-5309", " +1 415 867 5309 "],
    &["+442079460958", "+44 20 7946 0958", "+44 (20) 7946-0958"],
    &["+919876543210", "+91 98765 43210"],
    &["client:ann"],
    &["sip:ann@example.com"],
    &["61611"],
    &["+15550100"],
];

const ZONES: &[&str] = &["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London"];
const CURRENCIES: &[&str] = &["USD", "EUR", "GBP", "JPY"];
/// Ends of the variable-length integers' widths.
const EDGES: &[u64] =
    &[0, 1, 30, 125, 126, 250, 251, 255, 256, 32_767, 32_768, 65_535, 65_536, 4_294_967_295];
const LETTERS: &[&str] = &[
    "a",
    "B",
    "z",
    "7",
    " ",
    "-",
    "_",
    "/",
    "%",
    "\"",
    "\\",
    "\n",
    "é",
    "e\u{301}",
    "\u{3AA}\u{301}",
    "Σ",
    "İ",
    "ß",
    "가",
    "\u{1100}\u{1161}",
    "\u{2126}",
    "\u{1F600}",
    "@",
    ".",
    "\u{FB01}",
];

fn text(random: &mut Random, max: u64) -> String {
    let mut text: String = (0..random.below(max)).map(|_| random.pick(LETTERS)).collect();
    text.push(char::from(b'a' + random.below(26) as u8));
    text
}

/// The text of an instant within 1970–2100, in UTC.
fn instant(random: &mut Random) -> String {
    let micros = random.below(domain::members::Instant::END as u64) as i64;
    let micros = if random.below(2) == 0 { micros / 1_000_000 * 1_000_000 } else { micros };
    domain::members::Instant(micros).to_string()
}

fn scalar(of: Type, random: &mut Random) -> Value {
    let edge = |random: &mut Random| match random.below(3) {
        0 => random.pick(EDGES),
        1 => random.below(100),
        _ => random.below(1 << 32),
    };
    match of {
        Type::Text => text(random, 12).into(),
        Type::Long => match random.below(8) {
            0 => text(random, 600).into(),
            _ => text(random, 30).into(),
        },
        Type::Email => text(random, 12).into(),
        Type::Phone => match random.below(6) {
            0 => format!("+{}", text(random, 12)).into(),
            _ => {
                let row = random.pick(PHONES);
                random.pick(row).into()
            }
        },
        Type::Bool => (random.below(2) == 0).into(),
        Type::U32 => edge(random).into(),
        Type::U64 => match random.below(4) {
            0 => (random.next() >> 1).into(),
            _ => edge(random).into(),
        },
        Type::Position => edge(random).max(1).into(),
        Type::I64 => match random.below(4) {
            0 => (random.next() as i64).into(),
            1 => (-(edge(random) as i64)).into(),
            _ => (edge(random) as i64).into(),
        },
        Type::Percent => random.below(101).into(),
        Type::Part => (1 + random.below(3)).into(),
        Type::Parts => (3 + random.below(300)).into(),
        Type::Instant => instant(random).into(),
        Type::Day => {
            format!("{}-{:02}-{:02}", 1970 + random.below(131), 1 + random.below(12), 1 + random.below(28))
                .into()
        }
        Type::Month => format!("{}-{:02}", 1970 + random.below(131), 1 + random.below(12)).into(),
        Type::Currency => random.pick(CURRENCIES).into(),
        Type::Zone => random.pick(ZONES).into(),
        Type::Digest => format!("{:016x}{:016x}", random.next(), random.next()).into(),
        Type::Word(words) => random.pick(words).into(),
        Type::Kind(kind) => kind.into(),
        Type::Object(members) => body(members, random),
        Type::Rows(members) => (0..1 + random.below(3)).map(|_| body(members, random)).collect(),
    }
}

/// One member's value; `None` leaves it out.
pub fn value(member: &Member, random: &mut Random) -> Option<Value> {
    let optional = matches!(member.mode, Mode::Optional | Mode::List | Mode::Set);
    if optional && random.below(2) == 0 {
        return None;
    }
    match member.mode {
        Mode::Required | Mode::Optional => Some(scalar(member.of, random)),
        Mode::List | Mode::Filled | Mode::Set => {
            Some((0..1 + random.below(4)).map(|_| scalar(member.of, random)).collect())
        }
    }
}

/// A random body.
pub fn body(members: &[Member], random: &mut Random) -> Value {
    let given = members.iter().filter_map(|member| Some((member.name.to_owned(), value(member, random)?)));
    Value::Object(given.collect())
}

/// The same body with one member, at any depth, made anew.
pub fn changed(members: &[Member], body: &Value, random: &mut Random) -> Value {
    let mut changed = body.as_object().cloned().unwrap_or_default();
    let member = &members[random.below(members.len() as u64) as usize];
    let inner = match (member.of, changed.get_mut(member.name)) {
        (Type::Object(inner), Some(value)) => Some((inner, value)),
        (Type::Rows(inner), Some(Value::Array(rows))) => rows.first_mut().map(|row| (inner, row)),
        _ => None,
    };
    match inner {
        Some((inner, place)) if random.below(4) > 0 => *place = self::changed(inner, place, random),
        _ => match value(member, random) {
            Some(value) => drop(changed.insert(member.name.to_owned(), value)),
            None => drop(changed.remove(member.name)),
        },
    }
    Value::Object(changed)
}

/// A fixed value, spelled otherwise than canonically where the type has more than one spelling.
fn sample(name: &str, of: Type) -> Value {
    match of {
        Type::Text => format!("  {name} Cafe\u{301}/7 ").into(),
        Type::Long => {
            format!("{name}: {}", "long enough that its length takes three bytes. ".repeat(6)).into()
        }
        Type::Email => " Ann.O\u{308}@Example.COM".into(),
        Type::Phone => "+1 (415) 867-5309".into(),
        Type::Bool => true.into(),
        Type::U32 => json!(95.0),
        Type::U64 => json!(5_000_000_000_u64),
        Type::Position => json!(70_000),
        Type::I64 => json!(-1_234_567),
        Type::Percent => json!(85),
        Type::Part => json!(2),
        Type::Parts => json!(251),
        Type::Instant => "2025-10-09T14:00:00.1234567+02:00".into(),
        Type::Day => "2025-10-09".into(),
        Type::Month => "2025-10".into(),
        Type::Currency => "usd".into(),
        Type::Zone => "America/New_York".into(),
        Type::Digest => "000102030405060708090a0b0c0d0eFF".into(),
        Type::Word(words) => words[words.len() - 1].to_uppercase().replace(['-', '_'], " ").into(),
        Type::Object(members) => full(members),
        Type::Kind(kind) => kind.into(),
        Type::Rows(members) => json!([least(members), full(members)]),
    }
}

/// Every member given.
pub fn full(members: &[Member]) -> Value {
    let given = members.iter().map(|member| {
        let one = sample(member.name, member.of);
        let value = match (member.mode, member.of) {
            (Mode::Required | Mode::Optional, _) => one,
            // The wire order of words is not the alphabet's.
            (_, Type::Word(words)) => words.iter().rev().copied().collect(),
            (_, Type::U64) => json!([one, 2, 1, 2]),
            _ => json!([one, "b", "a", "b"]),
        };
        (member.name.to_owned(), value)
    });
    Value::Object(given.collect::<Map<_, _>>())
}

/// Only what is required.
pub fn least(members: &[Member]) -> Value {
    let required = members.iter().filter(|member| matches!(member.mode, Mode::Required | Mode::Filled));
    let given = required.map(|member| {
        let value = match member.of {
            Type::Object(inner) => least(inner),
            Type::U64 | Type::Position | Type::I64 | Type::Part | Type::Parts => json!(1),
            Type::Text => format!("{}1", member.name).into(),
            Type::Word(words) => words[0].into(),
            other => sample(member.name, other),
        };
        let value = if member.mode == Mode::Filled { json!([value]) } else { value };
        (member.name.to_owned(), value)
    });
    Value::Object(given.collect())
}
