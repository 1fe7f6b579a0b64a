//! JSON as careless senders write it, mended where it can mean one thing only.

use std::borrow::Cow;

/// The byte order mark that some editors and libraries write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The replacement character as an escape.
const REPLACEMENT: &[u8] = br"\ufffd";

/// What stands behind a byte order mark, if there is one.
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The text with U+FFFD for halves of surrogate pairs and for what is not UTF-8, with control characters within strings
/// escaped, and with numbers that no float holds as texts; nothing where there is nothing to mend. UTF-16 is read where the
/// first bytes show it.
pub(super) fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = utf_16(bytes).map_or_else(|| String::from_utf8_lossy(bytes), Cow::Owned);
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut is_mended = matches!(text, Cow::Owned(_));
    let (mut rest, mut quoted) = (text.as_bytes(), false);
    while let Some((byte, behind)) = rest.split_first() {
        let (taken, written) = match byte {
            b'\\' if quoted => escape(rest),
            byte if quoted && byte.is_ascii_control() && *byte != 0x7f => {
                is_mended = true;
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                rest = behind;
                continue;
            }
            b'-' | b'0'..=b'9' if !quoted => {
                let end = rest.iter().position(|byte| !is_of_number(*byte)).unwrap_or(rest.len());
                let (literal, behind) = rest.split_at(end);
                let is_held = str::from_utf8(literal).ok().and_then(|text| text.parse::<f64>().ok());
                if is_held.is_some_and(f64::is_infinite) {
                    is_mended = true;
                    out.push(b'"');
                    out.extend_from_slice(literal);
                    out.push(b'"');
                } else {
                    out.extend_from_slice(literal);
                }
                rest = behind;
                continue;
            }
            byte => {
                quoted ^= *byte == b'"';
                (1, None)
            }
        };
        let (escaped, behind) = rest.split_at(taken.min(rest.len()));
        is_mended |= written.is_some();
        out.extend_from_slice(written.unwrap_or(escaped));
        rest = behind;
    }
    is_mended.then_some(out)
}

/// Whether a number can have this byte in it.
pub(super) fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

/// The text of bytes that begin as JSON in UTF-16 does: with its byte order mark, or with a zero beside the first byte.
fn utf_16(bytes: &[u8]) -> Option<String> {
    let (is_little, behind) = match bytes {
        [0xff, 0xfe, behind @ ..] => (true, behind),
        [0xfe, 0xff, behind @ ..] => (false, behind),
        [first, 0, ..] if *first != 0 => (true, bytes),
        [0, second, ..] if *second != 0 => (false, bytes),
        _ => return None,
    };
    let units = behind.chunks(2).map(|pair| {
        let pair = [pair[0], pair.get(1).copied().unwrap_or_default()];
        if is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    });
    let text = char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(text.collect())
}

/// How long the escape is at which `rest` begins, and what stands for it where it is half of a pair.
fn escape(rest: &[u8]) -> (usize, Option<&'static [u8]>) {
    match unit(rest) {
        Some(0xd800..=0xdbff) => match rest.get(6..).and_then(unit) {
            Some(0xdc00..=0xdfff) => (12, None),
            Some(_) | None => (6, Some(REPLACEMENT)),
        },
        Some(0xdc00..=0xdfff) => (6, Some(REPLACEMENT)),
        Some(_) | None => (2, None),
    }
}

/// The code unit of `\uXXXX`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(br"\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)? as u16))
}

#[cfg(test)]
mod tests {
    use crate::json::{parse, parse_as_written};

    #[test]
    fn halves_of_pairs_bytes_that_are_no_text_and_bare_control_characters_are_mended() {
        let mended = |bytes: &[u8]| parse_as_written(bytes).map(|value| value.to_string());
        for (given, expected) in [
            (&br#"{"a":"x\ud83dy"}"#[..], "{\"a\":\"x\u{fffd}y\"}"),
            (br#"{"a":"\ude00","b":"\ud83d\ud83d\ude00"}"#, "{\"a\":\"\u{fffd}\",\"b\":\"\u{fffd}😀\"}"),
            (br#"{"\uD83D":"\\ud83d"}"#, "{\"\u{fffd}\":\"\\\\ud83d\"}"),
            (br#"{"a":"\ud83d\n","b":1.50}"#, "{\"a\":\"\u{fffd}\\n\",\"b\":\"1.50\"}"),
            (b"{\"a\":\"caf\xe9\"}", "{\"a\":\"caf\u{fffd}\"}"),
            (b"{\"a\":\"one\r\n\ttwo\"}", r#"{"a":"one\r\n\ttwo"}"#),
            (b"\xef\xbb\xbf {\"a\":1}", r#"{"a":1}"#),
            (br#"{"a":1e999,"b":[-1E400],"c":"1e999"}"#, r#"{"a":"1e999","b":["-1E400"],"c":"1e999"}"#),
            (b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0", r#"{"a":1}"#),
            (b"{\0\"\0a\0\"\0:\0\"\0\xe9\0\"\0}\0", "{\"a\":\"\u{e9}\"}"),
            (b"\xfe\xff\0{\0\"\0a\0\"\0:\x001\0}", r#"{"a":1}"#),
        ] {
            assert_eq!(mended(given).expect("reads"), expected, "{}", String::from_utf8_lossy(given));
            // Null control: a client that posts is told instead.
            assert_eq!(
                parse(given).is_ok(),
                given.starts_with(b"\xef"),
                "{}",
                String::from_utf8_lossy(given)
            );
        }
        for broken in [&br#"{"a":"\ud83d""#[..], br#"{"a":"\u12"}"#, br#"{"a":"\"#, b"{\"a\":\x01}", b""] {
            assert!(mended(broken).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
