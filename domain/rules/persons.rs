//! Which facts speak of a person who is to be erased (E10).
//!
//! A person is asked for by an email, a phone or a lead. From a lead's facts its other names become known: an email leads to
//! the lead's id, an id to the email, a CRM record from the one to the other, a call of a known lead or phone to the call's
//! other facts. The numbers of a call are not followed: a phone may be several persons', and one of the two is the tenant's.
//!
//! Texts that are no members of a body, such as payloads and notes, speak of a person where the email or the phone stands in
//! them, written in any of the usual ways.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::members::{Email, Phone, Text};

/// What a person is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonName {
    /// An email of a lead.
    Email(Email),
    /// A caller's, callee's or lead's phone.
    Phone(Phone),
    /// A lead's id, of whatever workspace.
    Lead(Text),
}

impl PersonName {
    /// What is asked, for a digest: the word of the name, then the name.
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", email.as_str()),
            Self::Phone(phone) => format!("phone:{}", phone.as_str()),
            Self::Lead(lead) => format!("lead:{}", lead.as_str()),
        }
    }
}

/// Fewest digits that tell a phone from other numbers.
const PHONE_DIGITS: usize = 7;

/// A lead's id with its instance and workspace, where they are known.
type LeadId = (Option<(String, String)>, String);

/// The names of one person that are known so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonNames {
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    leads: BTreeSet<LeadId>,
    calls: BTreeSet<String>,
}

fn text<'b>(body: &'b Value, member: &str) -> Option<&'b str> {
    body[member].as_str()
}

impl PersonNames {
    /// The person of this name.
    pub fn new(name: &PersonName) -> Self {
        let mut names = Self::default();
        match name {
            PersonName::Email(email) => drop(names.emails.insert(email.as_str().to_lowercase())),
            PersonName::Phone(phone) => drop(names.phones.insert(phone.as_str().to_owned())),
            PersonName::Lead(lead) => drop(names.leads.insert((None, lead.as_str().to_owned()))),
        }
        names
    }

    /// Whether the members of a fact's body speak of the person; if so, the other names in them are the person's too.
    pub fn claims(&mut self, body: &Value) -> bool {
        if text(body, "kind").is_some() && body["body"].is_object() {
            // The content that a conflict brought.
            return self.claims(&body["body"]);
        }
        let lead = body["lead"].is_object() && self.claims_lead(body);
        let records = body["records"].as_array().into_iter().flatten();
        // Each of them is looked at: what it names is known from then on.
        let records = records.filter(|record| self.claims_record(record)).count() > 0;
        let call = self.claims_call(body);
        lead || records || call
    }

    fn claims_lead(&mut self, body: &Value) -> bool {
        let lead = &body["lead"];
        let place = text(body, "instance").zip(text(body, "workspace"));
        let place = place.map(|(instance, workspace)| (instance.to_owned(), workspace.to_owned()));
        let id = text(lead, "id").map(str::to_owned);
        let is_known = |id: &String| {
            self.leads.contains(&(None, id.clone())) || self.leads.contains(&(place.clone(), id.clone()))
        };
        let by_id = id.as_ref().is_some_and(is_known);
        if !by_id && !self.has_email(lead) {
            return false;
        }
        self.leads.extend(id.map(|id| (place.clone(), id)));
        self.emails.extend(text(lead, "email").map(str::to_lowercase));
        true
    }

    fn claims_record(&mut self, record: &Value) -> bool {
        let by_phone = text(record, "phone").is_some_and(|phone| self.phones.contains(phone));
        if !by_phone && !self.has_email(record) {
            return false;
        }
        self.emails.extend(text(record, "email").map(str::to_lowercase));
        self.phones.extend(text(record, "phone").map(str::to_owned));
        true
    }

    fn claims_call(&mut self, body: &Value) -> bool {
        let names_lead = |id: &str| self.leads.iter().any(|(_, lead)| lead == id);
        let has_phone = |member| text(body, member).is_some_and(|phone| self.phones.contains(phone));
        let is_known = |member| text(body, member).is_some_and(|call| self.calls.contains(call));
        let is_theirs = text(body, "lead_id").is_some_and(names_lead)
            || has_phone("from")
            || has_phone("to")
            || is_known("call_id")
            || is_known("parent_call_id");
        if is_theirs {
            let calls = ["call_id", "parent_call_id"].map(|member| text(body, member));
            self.calls.extend(calls.into_iter().flatten().map(str::to_owned));
        }
        is_theirs
    }

    fn has_email(&self, of: &Value) -> bool {
        text(of, "email").is_some_and(|email| self.emails.contains(&email.to_lowercase()))
    }

    /// Whether a text speaks of the person: email or phone stand in it, as they are or escaped for a form or a URL, a phone
    /// also with blanks, dots, hyphens and brackets, and without its country's code where that is 1.
    pub fn are_in(&self, text: &[u8]) -> bool {
        let lower = text.to_ascii_lowercase();
        let has = |part: &str| contains(&lower, part.as_bytes());
        let by_email = self.emails.iter().any(|email| has(email) || has(&email.replace('@', "%40")));
        if by_email || self.phones.is_empty() {
            return by_email;
        }
        let digits = digits(&lower);
        self.phones.iter().any(|phone| {
            let all = phone.trim_start_matches('+');
            let national = all.strip_prefix('1').filter(|_| phone.starts_with("+1"));
            let long_enough = |number: &&str| number.len() >= PHONE_DIGITS;
            [Some(all), national]
                .into_iter()
                .flatten()
                .filter(long_enough)
                .any(|number| contains(&digits, number.as_bytes()))
        })
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// The digits of a text; what separates digits of one number is left out, anything else stands as a blank.
fn digits(text: &[u8]) -> Vec<u8> {
    let kept = text.iter().filter(|byte| !matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/'));
    kept.map(|byte| if byte.is_ascii_digit() { *byte } else { b' ' }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by_email() -> PersonNames {
        PersonNames::new(&PersonName::Email(Email::new("Jo@Example.org").expect("an email")))
    }

    fn lead(id: &str, email: &str) -> Value {
        json!({"instance": "i", "workspace": "17", "lead": {"id": id, "email": email}})
    }

    #[test]
    fn given_an_email_when_leads_calls_and_records_follow_then_all_of_the_person_is_found_and_nobody_else() {
        let mut jo = by_email();
        assert!(!jo.claims(&lead("7", "other@example.org")));
        assert!(jo.claims(&lead("8", "jo@example.org")));
        assert!(
            jo.claims(&json!({"instance": "i", "workspace": "17", "lead": {"id": "8"}})),
            "by its id now"
        );
        assert!(
            !jo.claims(&json!({"instance": "i", "workspace": "18", "lead": {"id": "8"}})),
            "of another workspace"
        );
        assert!(jo.claims(&json!({"call_id": "CA1", "lead_id": "8", "from": "+12025550100"})));
        assert!(jo.claims(&json!({"call_id": "CA1", "recording_id": "R1"})), "of the call");
        assert!(
            !jo.claims(&json!({"call_id": "CA2", "from": "+12025550100"})),
            "a number may be several persons'"
        );
        let page = json!({"records": [{"id": "1", "email": "a@b.c"}, {"id": "2", "email": "jo@example.org", "phone": "+12025550111"}]});
        assert!(jo.claims(&page));
        assert!(jo.claims(&json!({"call_id": "CA3", "to": "+12025550111"})), "a record has the phone");
        assert!(jo.claims(
            &json!({"first_position": 3, "kind": "lead_replied", "body": lead("9", "jo@example.org")})
        ));
        assert!(
            !jo.claims(&json!({"email": "jo@example.org", "account_id": "1"})),
            "an account of the tenant's own"
        );
        assert!(!jo.claims(&json!({"agent": "jo@example.org", "by": "jo@example.org"})));
    }

    #[test]
    fn given_a_lead_or_a_phone_when_asked_by_it_then_it_is_found() {
        let mut lead_8 = PersonNames::new(&PersonName::Lead(Text::new("8").expect("a text")));
        assert!(lead_8.claims(&lead("8", "jo@example.org")) && lead_8.are_in(b"to JO@example.org!"));
        let mut phone = PersonNames::new(&PersonName::Phone(Phone::new("+12025550100").expect("a phone")));
        assert!(phone.claims(&json!({"call_id": "CA1", "from": "+12025550100"})));
        assert!(phone.claims(&json!({"request_id": "r", "to": "+12025550100"})));
        assert!(!phone.claims(&json!({"call_id": "CA2", "from": "+12025550101"})));
    }

    #[test]
    fn a_text_speaks_of_a_person_in_any_of_the_usual_ways() {
        let mut jo = by_email();
        jo.phones.insert("+12025550100".into());
        for text in [
            "mail jo@example.org",
            "From=Jo%40example.org&x=1",
            "+12025550100",
            "From=%2B12025550100",
            "(202) 555-0100",
            "202.555.0100",
            "{\"n\":2025550100}",
        ] {
            assert!(jo.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "jo@example.com", "joexample.org", "202 555 010", "2025550101", "20255 x 50100"] {
            assert!(!jo.are_in(text.as_bytes()), "{text}");
        }
        assert!(
            !PersonNames::new(&PersonName::Lead(Text::new("8").expect("a text"))).are_in(b"8"),
            "an id is no text"
        );
    }
}
