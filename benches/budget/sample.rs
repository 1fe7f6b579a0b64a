//! Payloads that differ where real ones do: ids, leads and times are stamped into a text made once.

/// A text with places for numbers: `@` × 12 the fact's, `%` × 12 its lead's or call's, `&&` day, `##` minute.
#[derive(Clone)]
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<(usize, Place)>,
}

#[derive(Clone, Copy)]
enum Place {
    Fact,
    Subject,
    Day,
    Minute,
}

/// Added to numbers so that they have twelve digits and no leading zero.
const TWELVE: u64 = 100_000_000_000;
/// Facts that one lead or call has.
const OF_SUBJECT: u64 = 4;

impl Template {
    /// Finds the places in `text`.
    pub fn new(text: String) -> Self {
        let mut places = Vec::new();
        for (mark, place) in [
            ("@".repeat(12), Place::Fact),
            ("%".repeat(12), Place::Subject),
            ("&&".into(), Place::Day),
            ("##".into(), Place::Minute),
        ] {
            places.extend(text.match_indices(&mark).map(|(at, _)| (at, place)));
        }
        Self { bytes: text.into_bytes(), places }
    }

    /// The text of fact `n`.
    pub fn stamp(&mut self, n: u64) -> &[u8] {
        for (at, place) in &self.places {
            let (mut number, digits) = match place {
                Place::Fact => (TWELVE + n, 12),
                Place::Subject => (TWELVE + n / OF_SUBJECT, 12),
                Place::Day => (1 + n / 1_000 % 28, 2),
                Place::Minute => (n % 60, 2),
            };
            for digit in self.bytes[*at..at + digits].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        &self.bytes
    }

    /// The same behind a head in which nothing is stamped.
    pub fn behind(mut self, head: &str) -> Self {
        self.bytes.splice(0..0, head.bytes());
        self.places.iter_mut().for_each(|(at, _)| *at += head.len());
        self
    }

    /// Bytes of a text.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// An outreach event of 350 bytes, as `POST /facts` takes it.
pub fn outreach() -> Template {
    Template::new(
        concat!(
            r#"{"provider":"emailbison","external_id":"dedi.emailbison.com/17/email_sent/@@@@@@@@@@@@","kind":"email_sent","#,
            r#""occurred_at":"2026-03-&&T13:##:38Z","body":{"instance":"dedi.emailbison.com","workspace":"17","#,
            r#""lead":{"id":"%%%%%%%%%%%%","email":"lead%%%%%%%%%%%%@example.com","first_name":"Pat","company":"Lee"},"#,
            r#""campaign":"Spring","sender_email":"ann@out.example"}}"#
        )
        .to_owned(),
    )
}

/// A stage of a call, as `POST /facts` takes it.
pub fn call(status: &str) -> Template {
    Template::new(format!(
        concat!(
            r#"{{"provider":"twilio","external_id":"CA%%%%%%%%%%%%:{status}:@@@@@@@@@@@@","kind":"call_reported","#,
            r#""occurred_at":"2026-03-&&T13:##:38Z","body":{{"call_id":"CA%%%%%%%%%%%%","status":"{status}","#,
            r#""answered":true,"direction":"inbound","from":"+12025550123","to":"+12025550199","#,
            r#""tracking_number":"+12025550199","agent":"ann@example.com"}}}}"#
        ),
        status = status
    ))
}

/// EMAIL_SENT as the provider's documentation shows it, from the provider's fixtures.
pub fn email_sent() -> Template {
    let fixture = include_str!("../../fixtures/providers/emailbison/email-sent.http");
    let body =
        fixture.split_once("\n\n").or_else(|| fixture.split_once("\r\n\r\n")).map_or("", |(_, body)| body);
    let body = body.trim().replace("\"id\":6001", "\"id\":@@@@@@@@@@@@");
    let body = body.replace("_id\":41", "_id\":%%%%%%%%%%%%").replace("\"id\":41", "\"id\":%%%%%%%%%%%%");
    Template::new(body.replace("Pat.Lee@", "lead%%%%%%%%%%%%@"))
}

/// A status callback of Twilio as a form.
pub fn callback() -> Template {
    Template::new(
        concat!(
            "CallSid=CA00000000000000000000%%%%%%%%%%%%&AccountSid=AC00000000000000000000000000000001&From=%2B12025550123",
            "&To=%2B12025550199&Caller=%2B12025550123&Called=%2B12025550199&CallStatus=completed&ApiVersion=2010-04-01",
            "&Direction=inbound&FromCity=Springfield&ToZip=&CallDuration=42&Duration=1&CallbackSource=call-progress-events",
            "&Timestamp=Tue%2C+10+Mar+2026+13%3A##%3A38+%2B0000&SequenceNumber=3"
        )
        .to_owned(),
    )
}
