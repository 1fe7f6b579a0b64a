//! A mail with its headers. Whatever stands in them came from somewhere: line ends are taken out, and what is not ASCII is
//! encoded.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use super::content::{MailContent, one_line};
use super::{MailLinks, OutboundError};

/// Longest subject, in characters: more is cut by those who show it.
const SUBJECT_MAX: usize = 200;

/// The mail of a message to a target. Every attempt has the same `Message-ID`, by which receivers know one that came twice.
pub fn built(
    from: &Mailbox,
    links: &MailLinks,
    (message_id, target_id): (&str, &str),
    to: Address,
    content: &MailContent,
) -> Result<Message, OutboundError> {
    let token = links.unsubscribing.token(target_id);
    let link = format!("{}/api/v1/unsubscribe/{token}", links.public_url);
    let subject: String = one_line(&content.subject).chars().take(SUBJECT_MAX).collect();
    let own_id = links.unsubscribing.message_id(message_id, target_id);
    let name = from.name.as_deref().map(one_line);
    Message::builder()
        .from(Mailbox::new(name, from.email.clone()))
        .to(Mailbox::new(None, to))
        .subject(subject)
        .date_now()
        .message_id(Some(format!("<{own_id}@{}>", from.email.domain())))
        .raw_header(header("List-Unsubscribe", format!("<{link}>"))?)
        .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned())?)
        .raw_header(header("Auto-Submitted", "auto-generated".to_owned())?)
        .multipart(MultiPart::alternative_plain_html(content.text(&link), content.html(&link)))
        .map_err(|error| OutboundError::Request(error.to_string()))
}

/// A header that is sent as it stands: a link must not be folded or encoded.
fn header(name: &'static str, value: String) -> Result<HeaderValue, OutboundError> {
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(OutboundError::Request(format!("{name} would not be ASCII")));
    }
    let name = HeaderName::new_from_ascii_str(name);
    Ok(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value))
}

#[cfg(test)]
mod tests {
    use domain::keys::LogSecret;

    use super::super::Unsubscribing;
    use super::*;

    fn mail(name: &str, subject: &str) -> String {
        let from = Mailbox::new(Some(name.to_owned()), "alerts@example.com".parse().expect("an address"));
        let links = MailLinks {
            public_url: "https://facts.example.com".into(),
            unsubscribing: Unsubscribing::new(LogSecret::new(&[7; 32])),
        };
        let content = MailContent { subject: subject.into(), ..MailContent::default() };
        let to = "ops@example.com".parse().expect("an address");
        let built = built(&from, &links, ("m1", "at_1"), to, &content).expect("a mail");
        String::from_utf8(built.formatted()).expect("ASCII")
    }

    fn headers(mail: &str) -> Vec<String> {
        let (head, _) = mail.split_once("\r\n\r\n").expect("a head and a body");
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn nothing_that_comes_from_outside_adds_a_header_or_a_line() {
        let plain = mail("Factfold", "Sync failing");
        let names = |mail: &str| -> Vec<String> {
            headers(mail).iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
        };
        for wicked in [
            "a\r\nBcc: victim@example.com",
            "a\nBcc: victim@example.com",
            "a\rBcc: victim@example.com",
            "a\u{0}\u{85}\u{2028}Bcc: victim@example.com",
            "a\r\n\r\n<script>",
        ] {
            for mail in [mail(wicked, "Sync failing"), mail("Factfold", wicked)] {
                assert_eq!(names(&mail), names(&plain), "{wicked:?}");
                assert!(!mail.contains("\nBcc"), "{mail}");
            }
        }
    }

    #[test]
    fn long_and_foreign_texts_are_encoded_and_no_line_is_too_long() {
        for text in [
            "Zahnärzte am Körnerplatz – Überblick",
            "予約が増えました",
            &"long ".repeat(80),
            &"x".repeat(900),
        ] {
            for mail in [mail(text, "Sync failing"), mail("Factfold", text)] {
                assert!(mail.is_ascii(), "{mail}");
                assert!(mail.split("\r\n").all(|line| line.len() <= 998), "{mail}");
            }
        }
        let one = mail("Factfold", "Sync failing");
        let found = |name: &str| {
            let line = headers(&one).into_iter().find(|line| line.starts_with(name));
            line.unwrap_or_else(|| panic!("no {name} in {one}"))
        };
        assert!(found("List-Unsubscribe:").contains("<https://facts.example.com/api/v1/unsubscribe/at_1."));
        assert_eq!(found("List-Unsubscribe-Post:"), "List-Unsubscribe-Post: List-Unsubscribe=One-Click");
        assert_eq!(found("Message-ID:"), found("Message-ID:"));
    }
}
