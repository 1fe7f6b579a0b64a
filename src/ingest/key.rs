//! Keys of what others send: parts cannot run into each other, and no person can be read from one (RULINGS, Identifiers,
//! Composed keys).

use std::borrow::Cow;

use domain::keys::{ExternalId, KeyHash, LogSecret, Provider, TenantId};

use super::Ingest;

/// Digits behind a `+` that make a phone number wherever they stand.
const PHONE_DIGITS: usize = 7;

/// Longer parts are digests in a key that would be too long with them, bytes.
const PART_BYTES: usize = 64;

/// Writes the keys of one tenant's facts.
#[derive(Debug, Clone, Copy)]
pub struct KeyWriter<'a> {
    /// The log's.
    pub secret: &'a LogSecret,
    /// Whose facts.
    pub tenant: &'a TenantId,
}

impl KeyWriter<'_> {
    /// A part as it may stand in a key: as given, and a keyed digest where it holds an address (of mail, SIP, a
    /// Message-ID) or a phone number.
    pub fn part<'p>(&self, given: &'p str) -> Cow<'p, str> {
        if holds_person(given) { self.digest(given).into() } else { given.into() }
    }

    /// `d-` and the keyed digest of a part that tells who a person is.
    pub fn digest(&self, given: &str) -> String {
        let digest = self.secret.reference("key part", &[self.tenant.as_str().as_bytes(), given.as_bytes()]);
        format!("d-{}", hex::encode(&digest[..16]))
    }

    /// Parts joined by `:`, which is escaped inside a part; one alone stands as it is. Where that is no external id,
    /// the parts that are too long for one or hold control characters are digests, too.
    pub fn joined(&self, parts: &[&str]) -> String {
        let key = self.composed(parts, |_| false);
        if ExternalId::new(&key).is_ok() { key } else { self.composed(parts, is_unfit) }
    }

    /// The key of what a client names by an id of its own: of the parts between colons, those that tell who a person is are
    /// digests, as where the key is composed here. Facts are recorded by it, and looked up by it.
    pub fn posted<'p>(&self, given: &'p str) -> Cow<'p, str> {
        if !holds_person(given) {
            return given.into();
        }
        let mut is_escaped = false;
        let parts = given.split(|letter| {
            let ends = letter == ':' && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            ends
        });
        parts.map(|part| self.part(part)).collect::<Vec<_>>().join(":").into()
    }

    /// [`Self::posted`] of what is an external id; a key that would be too long is a digest as a whole.
    pub fn stored(&self, given: ExternalId) -> ExternalId {
        match self.posted(given.as_str()) {
            Cow::Borrowed(_) => given,
            Cow::Owned(key) => ExternalId::new(&key)
                .or_else(|_| ExternalId::new(&self.digest(given.as_str())))
                .unwrap_or(given),
        }
    }

    fn composed(&self, parts: &[&str], is_unfit: impl Fn(&str) -> bool) -> String {
        let parts: Vec<Cow<'_, str>> = parts
            .iter()
            .map(|part| if is_unfit(part) { self.digest(part).into() } else { self.part(part) })
            .collect();
        match parts.as_slice() {
            [alone] => alone.to_string(),
            parts => parts.iter().map(|part| escaped(part, ':')).collect::<Vec<_>>().join(":"),
        }
    }
}

impl Ingest {
    /// Writes the keys of a tenant's facts.
    pub(super) fn keys<'a>(&'a self, tenant: &'a TenantId) -> KeyWriter<'a> {
        KeyWriter { secret: &self.secret, tenant }
    }

    /// A digest of a person's identity or of what else is personal, keyed by this log's secret, in hexadecimal digits.
    pub fn digest_of(&self, tenant: &TenantId, text: &str) -> String {
        hex::encode(self.secret.person(tenant.as_str(), text))
    }
}

/// By what a fact is found that was recorded under the id that others know it by.
pub fn recorded_key(secret: &LogSecret, tenant: &TenantId, provider: &str, external_id: &str) -> KeyHash {
    let keys = KeyWriter { secret, tenant };
    // The engine's own keys are never what others chose.
    let stored = match ExternalId::new(external_id) {
        Ok(given) if provider != Provider::ENGINE => Some(keys.stored(given)),
        Ok(_) | Err(_) => None,
    };
    let external_id = stored.as_ref().map_or(external_id, ExternalId::as_str);
    secret.key_hash(tenant.as_str(), provider, external_id)
}

/// A part with `separator` and `\` escaped by `\`.
pub(crate) fn escaped(part: &str, separator: char) -> Cow<'_, str> {
    if !part.contains([separator, '\\']) {
        return part.into();
    }
    let mut escaped = String::with_capacity(part.len() + 4);
    for letter in part.chars() {
        if letter == separator || letter == '\\' {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped.into()
}

/// Whether a part may be what makes a key none.
fn is_unfit(part: &str) -> bool {
    part.len() > PART_BYTES || part.trim() != part || part.chars().any(char::is_control)
}

/// Whether a text holds an address or a phone number.
fn holds_person(text: &str) -> bool {
    let is_number = |digits: &str| {
        digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b" -().".contains(&byte))
    };
    let digits = |rest: &str| rest.bytes().take_while(u8::is_ascii_digit).count();
    text.contains('@')
        || text.strip_prefix('+').is_some_and(is_number)
        || text.match_indices('+').any(|(at, _)| digits(&text[at + 1..]) >= PHONE_DIGITS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn joined(parts: &[&str]) -> String {
        let (secret, tenant) = (LogSecret::new(&[7; 32]), TenantId::new("acme").expect("tenant"));
        KeyWriter { secret: &secret, tenant: &tenant }.joined(parts)
    }

    #[test]
    fn parts_stay_apart_and_keys_without_the_separator_stay_as_they_are() {
        assert_eq!(joined(&["a", "b"]), "a:b");
        assert_eq!(joined(&["a:b"]), "a:b", "one alone is not escaped");
        assert_eq!(joined(&["a:b", "c"]), r"a\:b:c");
        assert_eq!(joined(&["a", "b:c"]), r"a:b\:c");
        assert_eq!(joined(&[r"a\", "b"]), r"a\\:b");
        assert_eq!(joined(&["a", r"\:b"]), r"a:\\\:b");
    }

    #[test]
    fn an_id_that_a_client_chose_holds_no_person_and_is_the_key_that_is_composed_of_its_parts() {
        let (secret, tenant) = (LogSecret::new(&[7; 32]), TenantId::new("acme").expect("tenant"));
        let keys = KeyWriter { secret: &secret, tenant: &tenant };
        for parts in
            [&["ann@example.com"][..], &["bounce", "ann@example.com", "17"], &["+4989123456", r"a:\b"]]
        {
            let given: Vec<_> = parts.iter().map(|part| escaped(part, ':')).collect();
            let posted = keys.posted(&given.join(":")).into_owned();
            assert_eq!(posted, keys.joined(parts));
            assert!(!posted.contains('@') && !posted.contains('+'), "{posted}");
            assert_eq!(keys.posted(&posted), posted, "what is a digest stays");
        }
        for other in ["CA42:completed", r"a\:b", r"\", "2025-10-08T18:55:38+0200", "é"] {
            assert_eq!(keys.posted(other), other);
        }
        let ids = [
            r"\b:a@b", r"\\b:a@b", "b:a@b", r"b\:a@b", r"\a@b", r"\\a@b", "a@b", r"a@b\", r"a@b\\", "a@b:",
            ":a@b",
        ];
        let recorded: BTreeSet<_> = ids.iter().map(|id| keys.posted(id).into_owned()).collect();
        assert_eq!(recorded.len(), ids.len(), "two ids are two keys: {recorded:?}");
    }

    #[test]
    fn a_part_that_no_external_id_can_hold_does_not_throw_the_key_away() {
        let long = "x".repeat(500);
        assert_eq!(joined(&["a", &long]), format!("a:{long}"), "it fits");
        let (one, other) = (joined(&["a", &"x".repeat(600)]), joined(&["a", &"x".repeat(601)]));
        assert!(one.starts_with("a:d-") && one.len() == 36 && one != other, "{one} {other}");
        assert!(joined(&["a", "b\nc", "d"]).starts_with("a:d-"));
        assert!(ExternalId::new(&joined(&[&"é".repeat(400)])).is_ok());
    }

    #[test]
    fn a_part_that_holds_a_person_is_its_digest_alone() {
        let persons = [
            "ann@example.com",
            "<14c5d75ce93.dfd.64b469@ismtpd-555>",
            "a84b4c76e66710@10.0.0.1",
            "+49 (89) 123-45",
            "+1212",
            "whatsapp:+12125550101",
            "call-+12125550101-7",
        ];
        for person in persons {
            let key = joined(&["bounce", person, "1"]);
            let digest = key.strip_prefix("bounce:d-").and_then(|rest| rest.strip_suffix(":1"));
            assert_eq!(digest.map(str::len), Some(32), "{person}: {key}");
            assert_eq!(joined(&["bounce", person, "1"]), key, "the same for a retry");
        }
        assert_ne!(joined(&["a@b", "1"]), joined(&["a@c", "1"]));
        for other in ["2025-10-08T18:55:38+0200", "+", "1+1", "CA42", "é+12", "a+b"] {
            assert_eq!(joined(&["x", other]), format!("x:{}", escaped(other, ':')));
        }
    }
}
