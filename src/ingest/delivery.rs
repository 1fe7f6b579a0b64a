//! A delivery: one HTTP request as it came, and a lenient reader of its form fields.

use std::borrow::Cow;

use bytes::Bytes;
use domain::json::without_byte_order_mark;
use domain::members::Instant;
use encoding_rs::{Encoding, UTF_8};

use super::multipart::{self, Part};

/// Fields of a form that are read at most; Twilio sends some forty.
const FIELDS_MAX: usize = 1_000;

/// A request to `/hooks/{provider}/{endpoint}`, not yet verified.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// From the path.
    pub provider: String,
    /// From the path: the endpoint's id, not yet known to exist.
    pub endpoint: String,
    /// `GET`, `POST`, upper case.
    pub method: String,
    /// Path and query exactly as received: what some providers sign.
    pub path_and_query: String,
    /// Name in lower case, value as received, in order.
    pub headers: Vec<(String, Bytes)>,
    /// The body as received.
    pub body: Bytes,
    /// By our clock.
    pub received_at: Instant,
}

impl Delivery {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Every header of that name (lower case), in order.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The query as received, without `?`; empty when there is none.
    pub fn query(&self) -> &str {
        self.path_and_query.split_once('?').map_or("", |(_, query)| query)
    }

    /// The body's media type as text.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.header("content-type").map(String::from_utf8_lossy)
    }

    /// Whether the body is to be read as JSON: by how it looks, since senders label JSON as a form, as text or not at
    /// all, and forms as JSON; by what it says it is, where it looks like neither.
    pub fn is_json(&self) -> bool {
        let says = |word| self.content_type().is_some_and(|given| given.to_ascii_lowercase().contains(word));
        let body = without_byte_order_mark(&self.body).trim_ascii();
        match (body.first(), body.last()) {
            (Some(b'{'), Some(last)) => *last == b'}' || !says("urlencoded"),
            (Some(b'['), Some(last)) => *last == b']' || !says("urlencoded"),
            (Some(_), _) if body.contains(&b'=') && body[0] != b'"' => false,
            _ => says("json"),
        }
    }

    /// Whether the body is a form, where it could also be broken JSON: one with a field at least.
    pub fn is_form(&self) -> bool {
        !self.is_json() && self.body.contains(&b'=')
    }

    /// The body's fields, where it is a form, in parts or not. Of one in parts that is broken there are none, see
    /// [`Delivery::broken_form`].
    pub fn form(&self) -> Form<'_> {
        let form = match self.parts() {
            None => Form::parse(without_byte_order_mark(&self.body)),
            Some(parts) => Form::of_parts(parts.unwrap_or_default()),
        };
        Form(form.0.into_iter().map(|(name, value)| (self.in_utf8(name), self.in_utf8(value))).collect())
    }

    /// The body as JSON is read from it.
    pub fn json(&self) -> Cow<'_, [u8]> {
        self.in_utf8(Cow::Borrowed(&self.body))
    }

    /// Text in UTF-8, where it is none and the media type names another charset. What is UTF-8 stays, since senders name
    /// charsets that they do not use; UTF-16 is known by how it looks.
    fn in_utf8<'b>(&self, text: Cow<'b, [u8]>) -> Cow<'b, [u8]> {
        if str::from_utf8(&text).is_ok() {
            return text;
        }
        match self.charset() {
            Some(charset) => {
                Cow::Owned(charset.decode_without_bom_handling(&text).0.into_owned().into_bytes())
            }
            None => text,
        }
    }

    fn charset(&self) -> Option<&'static Encoding> {
        let given = self.content_type()?.to_ascii_lowercase();
        let label = given.split_once("charset=")?.1.split(';').next()?.trim_matches([' ', '"', '\'']);
        let charset = Encoding::for_label_no_replacement(label.as_bytes())?;
        (charset.is_ascii_compatible() && charset != UTF_8).then_some(charset)
    }

    /// Why the body is no form, where it begins as one in parts.
    pub fn broken_form(&self) -> Option<String> {
        self.parts()?.err()
    }

    /// The parts of a form in parts (`multipart/form-data`). As with JSON it is how the body looks that counts: what is
    /// kept of a delivery is its body, without the boundary that its media type names.
    fn parts(&self) -> Option<Result<Vec<Part>, String>> {
        let says =
            || self.content_type().is_some_and(|given| given.to_ascii_lowercase().contains("multipart"));
        multipart::boundary(&self.body, says).map(|boundary| multipart::parts(&self.body, boundary))
    }

    /// The payload that is kept with a fact: the body, or the query of a request without a body.
    pub fn original(&self) -> Bytes {
        if self.body.is_empty() { Bytes::copy_from_slice(self.query().as_bytes()) } else { self.body.clone() }
    }

    /// The same request with `original` where [`Delivery::original`] takes it from.
    pub fn with_original(&self, original: Bytes) -> Self {
        let mut other = self.clone();
        if self.body.is_empty() {
            let path = self.path_and_query.split('?').next().unwrap_or_default();
            other.path_and_query = format!("{path}?{}", String::from_utf8_lossy(&original));
        } else {
            other.body = original;
        }
        other
    }
}

/// Fields of a form or query, decoded, in the order they came.
///
/// Lenient, as senders are: `+` and `%20` are both a space, a key may come without `=`, a `%` that begins no
/// escape is itself. Values are bytes, since signatures are over bytes; texts replace what is not UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Form<'a>(Vec<Field<'a>>);

type Field<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

impl<'a> Form<'a> {
    /// Decodes `application/x-www-form-urlencoded`; fields beyond the thousandth are not read.
    pub fn parse(encoded: &'a [u8]) -> Self {
        let fields = encoded.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
        Self(
            fields
                .take(FIELDS_MAX)
                .map(|field| match field.iter().position(|byte| *byte == b'=') {
                    Some(at) => (decode(&field[..at]), decode(&field[at + 1..])),
                    None => (decode(field), Cow::Borrowed(&b""[..])),
                })
                .collect(),
        )
    }

    /// The fields of a form in parts, likewise bounded.
    fn of_parts(parts: Vec<Part>) -> Self {
        let fields = parts.into_iter().take(FIELDS_MAX);
        Self(fields.map(|part| (Cow::Owned(part.name), Cow::Owned(part.value))).collect())
    }

    /// Key and value of each field.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// The first value of that name that is not blank, trimmed.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let values = self.fields().filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value);
        values.map(trimmed).find(|text| !text.is_empty())
    }
}

/// As text, without the blanks of any script around it.
fn trimmed(value: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn decode(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(byte) = field.get(at) {
        let escaped =
            (*byte == b'%').then(|| Some(hex(*field.get(at + 1)?)? << 4 | hex(*field.get(at + 2)?)?));
        match escaped.flatten() {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_leniently() {
        let form = Form::parse(
            b"InstanceId&To=%2B1%20415+555&ToZip=%C2%A0+&City=S%C3%A3o&Bad=%zz%4&Raw=%FF&&To=second",
        );
        let seen: Vec<_> = form.fields().collect();
        assert_eq!(seen[0], (&b"InstanceId"[..], &b""[..]));
        assert_eq!(form.get("To").as_deref(), Some("+1 415 555"));
        assert_eq!(form.get("ToZip"), None);
        assert_eq!(form.get("City").as_deref(), Some("São"));
        assert_eq!(form.get("Bad").as_deref(), Some("%zz%4"));
        assert_eq!(form.get("Raw").as_deref(), Some("\u{fffd}"));
        assert_eq!(seen[5].1, b"\xff", "the bytes are kept");
        assert_eq!(seen.len(), 7);
    }

    #[test]
    fn a_form_of_a_million_fields_is_bounded() {
        assert_eq!(Form::parse(&b"a&".repeat(500_000)).fields().count(), FIELDS_MAX);
    }
}
