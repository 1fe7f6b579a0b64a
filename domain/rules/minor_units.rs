//! Amounts of money as people and systems write them, as whole minor units of their currency.

use std::borrow::Cow;

use crate::members::Currency;

/// Currencies whose minor unit is not a hundredth, by how many decimals they have (ISO 4217, list one).
const EXPONENTS: &[(u32, &str)] = &[
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];
/// Signs of currencies that stand before or behind an amount.
const SIGNS: &[char] = &['$', '€', '£', '¥', '₹', '₩', '₪', '₫', '₱', '₺', '₴', '₦', '฿'];

/// How many decimals an amount of the currency has.
pub fn exponent(currency: Currency) -> u32 {
    let code = currency.to_string();
    let listed = EXPONENTS.iter().find(|(_, codes)| codes.split(' ').any(|known| known == code));
    listed.map_or(2, |(exponent, _)| *exponent)
}

/// The amount in minor units: `1234.5`, `-1,234.50`, `1.234,50`, `$12`, `12 USD` where that is the currency, and `(12.50)` as
/// accounts write `-12.50`. Further decimals are rounded, half away from
/// zero. One comma before three digits sets thousands apart; a point alone is before decimals; `1.5e3` is the number
/// 1500. `None` where it is none of these or does not fit.
pub fn minor_units(given: &str, currency: Currency) -> Option<i64> {
    let given = without_code(given.trim(), &currency.to_string());
    let in_brackets = given.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let (negative, rest) = match in_brackets.or_else(|| given.strip_prefix(['-', '\u{2212}'])) {
        Some(rest) => (true, rest),
        None => (false, given.strip_prefix('+').unwrap_or(given)),
    };
    let text = rest.trim_matches(|letter: char| SIGNS.contains(&letter) || letter.is_whitespace());
    let plain = match text.split_once(['e', 'E']) {
        Some((number, power)) => Cow::Owned(written_out(number, power)?),
        None => Cow::Borrowed(text),
    };
    let (whole, fraction) = parts(&plain)?;
    let decimals = exponent(currency) as usize;
    let digits = format!("{whole}{fraction:0<decimals$}");
    let (kept, rounded) = digits.split_at(whole.len() + decimals);
    let up = i64::from(rounded.starts_with(|digit| digit >= '5'));
    let minor = kept.parse::<i64>().ok()?.checked_add(up)?;
    Some(if negative { -minor } else { minor })
}

/// The text without the code of its currency before or behind it.
fn without_code<'t>(text: &'t str, code: &str) -> &'t str {
    let is_code = |part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(code));
    let behind = text.len().saturating_sub(code.len());
    let rest = match text {
        _ if is_code(text.get(..code.len())) => text.get(code.len()..),
        _ if is_code(text.get(behind..)) => text.get(..behind),
        _ => None,
    };
    rest.map_or(text, str::trim)
}

/// A number with a power of ten, as JSON may write one, without it.
fn written_out(number: &str, power: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let power = power.parse::<i32>().ok().filter(|power| power.abs() <= 20)?;
    let point = i32::try_from(whole.len()).ok()? + power;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| match usize::try_from(point) {
        Ok(point) if point < digits.len() => format!("{}.{}", &digits[..point], &digits[point..]),
        Ok(point) => format!("{digits:0<point$}"),
        Err(_) => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    })
}

/// The digits before and behind the decimal sign.
fn parts(text: &str) -> Option<(String, &str)> {
    // Three digits behind a lone comma are thousands, one or two a fraction.
    let decimal = match (text.rfind('.'), text.rfind(',')) {
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(point), None) => (text.matches('.').count() == 1).then_some(point),
        (None, Some(comma)) => {
            let is_decimal = text.matches(',').count() == 1 && (2..=3).contains(&(text.len() - comma));
            is_decimal.then_some(comma)
        }
        (None, None) => None,
    };
    let (whole, fraction) = decimal.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    let mut groups = whole.split(['.', ',', '\'', ' ', '\u{a0}', '\u{202f}']);
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty() || (1..=3).contains(&first.len());
    let fits = grouped && rest.iter().all(|group| group.len() == 3 && is_digits(group));
    let one_sign = !whole.contains('.') || !whole.contains(',');
    let named = !(first.is_empty() && fraction.is_empty());
    let is_amount = fits && one_sign && named && is_digits(first) && is_digits(fraction);
    is_amount.then(|| (format!("{first}{}", rest.concat()), fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &str, currency: &str) -> Option<i64> {
        minor_units(given, Currency::parse(currency).expect("code"))
    }

    #[test]
    fn an_amount_is_so_many_minor_units_of_its_currency() {
        for (given, currency, minor) in [
            ("12.34", "USD", 1_234),
            ("12.3", "USD", 1_230),
            ("12", "USD", 1_200),
            ("1e2", "USD", 10_000),
            ("1.2345E+3", "USD", 123_450),
            ("-1.5e-1", "USD", -15),
            ("5e-3", "USD", 1),
            ("1e2", "JPY", 100),
            (".5", "USD", 50),
            ("0.1", "USD", 10),
            ("-12.34", "USD", -1_234),
            ("1,234.50", "USD", 123_450),
            ("$1,234,567.89", "USD", 123_456_789),
            ("1.234,50 €", "EUR", 123_450),
            ("12,5", "EUR", 1_250),
            ("1 234,50", "EUR", 123_450),
            ("1'234.50", "CHF", 123_450),
            ("1,234", "USD", 123_400),
            ("1.234", "KWD", 1_234),
            ("12.50 USD", "USD", 1_250),
            ("usd -12.50", "USD", -1_250),
            ("EUR12,50", "EUR", 1_250),
            ("(12.50)", "USD", -1_250),
            ("($1,234.50)", "USD", -123_450),
            ("\u{2212}3.10", "USD", -310),
            ("+3.10", "USD", 310),
            ("₹1,234", "INR", 123_400),
            ("1200", "JPY", 1_200),
            ("1200.00", "JPY", 1_200),
            ("1199.5", "JPY", 1_200),
            ("12.3456", "KWD", 12_346),
            ("1.2345", "CLF", 12_345),
            ("12.345", "USD", 1_235),
            ("-12.345", "USD", -1_235),
            ("12.344999", "USD", 1_234),
            ("92233720368547758.07", "USD", i64::MAX),
        ] {
            assert_eq!(read(given, currency), Some(minor), "{given} {currency}");
        }
        let none = [
            "",
            ".",
            "-",
            "$",
            "1e99",
            "e3",
            "1e",
            "1e2.5",
            "1,0e3",
            "1.2.3",
            "1,23,456.00",
            "1,2345",
            "12 EUR",
            "USD",
            "(12",
            "(-12)",
            "12k",
            "--1",
            "1.234.5",
            "NaN",
        ];
        for given in none.into_iter().chain(["92233720368547758.08", "1,234.567,8"]) {
            assert_eq!(read(given, "USD"), None, "{given}");
        }
    }
}
