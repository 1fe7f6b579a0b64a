//! The tests' own Twilio signer against vectors that Twilio's libraries publish (twilio-python and twilio-go, MIT).

use crate::common::twilio::{Form, sign};

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const CALL: [(&str, &str); 5] = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];

#[test]
fn the_signer_gives_the_published_signatures() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    assert_eq!(
        sign("12345", url, &form(&CALL)),
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "expected the default vector"
    );
    let repeated = [
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    assert_eq!(
        sign("12345", url, &form(&repeated)),
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        "expected distinct, sorted values"
    );
    let mut reasons = CALL.to_vec();
    reasons.extend([("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
    assert_eq!(
        sign("12345", url, &form(&reasons)),
        "vOEb5UThFn24KEfnOFLQY2AE5FY=",
        "expected names in byte order"
    );
}

#[test]
fn the_signer_tells_other_secrets_urls_and_values_apart() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let right = sign("12345", url, &form(&CALL));
    let mut changed = form(&CALL);
    changed[2].1 = "1235".to_owned();
    for other in [
        sign("12346", url, &form(&CALL)),
        sign("12345", "https://mycompany.com/", &form(&CALL)),
        sign("12345", url, &changed),
    ] {
        assert_ne!(other, right, "expected another signature");
    }
}
