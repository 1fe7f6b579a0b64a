//! Quirks of call-tracking providers that no single recorded delivery shows: differences between deliveries, every word
//! of a list, what is kept of a request. `docs/providers.md` says which test shows which quirk.

use crate::common::tracker::{
    SECRET, callrail, ctm, deliver, deliver_callrail, deliver_ctm, sign, site, with,
};
use crate::common::twilio::{self, callback, ended};
use crate::common::{Server, Site, TWILIO_TOKEN};
use serde_json::{Value, json};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

async fn fact(server: &Server, position: u64) -> Value {
    server.read("acme", &format!("facts/{position}?raw=true")).await
}

#[tokio::test]
async fn r3_a_request_is_kept_byte_for_byte_whether_it_is_understood_or_not() {
    let server = Site::with(&site("callrail", &["post_call"])).start().await;
    // An escape and blanks that writing the JSON anew would change, and with them what was signed.
    let odd = callrail("CAL1").to_string().replace("\"Boost Marketing\"", " \"Boost \\u0026 Co\" ");
    let headers = [("signature", sign(SECRET, &odd))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = deliver(&server, "callrail/callrail-of-post_call", odd.clone(), &headers).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    assert_eq!(fact(&server, answer.position()).await["original"], odd, "as it came");
    let broken = format!("{odd},");
    let signature = sign(SECRET, &broken);
    let headers = [("signature", signature.as_str())];
    let answer = deliver(&server, "callrail/callrail-of-post_call", broken.clone(), &headers).await;
    assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    assert_eq!(fact(&server, answer.position()).await["original"], broken, "as it came");
}

#[tokio::test]
async fn a1_twilios_time_of_the_worked_example_is_read_and_a_plus_is_a_blank() {
    let server = Site::new().start().await;
    let form = ended("CA1", "completed", 45, "Tue, 31 Aug 2010 20:36:29 +0000");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    assert!(body.contains("Timestamp=Tue%2C+31+Aug+2010+20%3A36%3A29+%2B0000"), "{body}");
    let first = twilio::deliver(&server, &form).await;
    assert_eq!(first.is(200).outcome(), "recorded", "{first:?}");
    let kept = fact(&server, first.position()).await;
    assert_eq!(kept["occurred_at"], "2010-08-31T20:36:29Z", "{kept}");
    // The same fields with `%20`, in another order, on another attempt.
    let signature = twilio::sign(TWILIO_TOKEN, &twilio::public_url(twilio::ENDPOINT), &form);
    let mut fields: Vec<&str> = body.split('&').collect();
    fields.reverse();
    let request = server.request("POST", &format!("/hooks/twilio/{}", twilio::ENDPOINT));
    let request =
        request.header("x-twilio-signature", signature).header("i-twilio-idempotency-token", "other");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let again = server.send(request.body(fields.join("&").replace('+', "%20"))).await;
    assert_eq!((again.is(200).outcome(), again.position()), ("duplicate", first.position()), "{again:?}");
}

#[tokio::test]
async fn c4_what_twilios_machine_detection_heard_is_the_outcome_and_no_more() {
    let server = Site::new().start().await;
    let heard = [
        ("human", Value::Null),
        ("machine_start", json!("voicemail")),
        ("machine_end_beep", json!("voicemail")),
        ("machine_end_silence", json!("voicemail")),
        ("machine_end_other", json!("voicemail")),
        ("fax", Value::Null),
        ("unknown", Value::Null),
    ];
    for (n, (word, outcome)) in heard.iter().enumerate() {
        // With the last status, and by the callback of the detection alone, before the call has ended.
        let by_status = twilio::with(ended(&format!("CA{n}"), "completed", 45, STAMP), "AnsweredBy", word);
        let id = format!("CAasync{n}");
        let asynchronous = [
            ("CallSid", &*id),
            ("AccountSid", "AC1"),
            ("AnsweredBy", word),
            ("MachineDetectionDuration", "2300"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for form in [by_status, asynchronous.to_vec(), ended(&id, "completed", 45, STAMP)] {
            assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "recorded", "{form:?}");
        }
        for call in [format!("CA{n}"), id] {
            let call = server.read("acme", &format!("calls/{call}")).await;
            assert_eq!((&call["outcome"], &call["answered"]), (outcome, &json!(true)), "{word}: {call}");
        }
    }
}

#[tokio::test]
async fn every_word_of_twilios_status_and_of_who_called_whom_is_known() {
    let server = Site::new().start().await;
    let words = [
        ("queued", "initiated", false),
        ("initiated", "initiated", false),
        ("ringing", "ringing", false),
        ("in-progress", "in_progress", true),
        ("completed", "completed", true),
        ("busy", "busy", false),
        ("failed", "failed", false),
        ("no-answer", "no_answer", false),
        ("canceled", "canceled", false),
    ];
    for (n, (word, status, answered)) in words.iter().enumerate() {
        // What the sender's own dialect adds is signed, kept and read by nobody.
        let mut form = callback(&format!("CA{n}"), word, 0, STAMP);
        form.extend(
            [
                ("StirStatus", "A"),
                ("SipResponseCode", "487"),
                ("CallSidLegacy", "x"),
                ("HangupSource", "caller"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "recorded", "{word}");
        let call = server.read("acme", &format!("calls/CA{n}")).await;
        assert_eq!((&call["call_status"], &call["answered"]), (&json!(status), &json!(answered)), "{word}");
    }
    let directions = [
        ("inbound", "+12025550123", "inbound"),
        ("outbound-api", "+12025550199", "outbound"),
        ("outbound-dial", "+12025550199", "outbound"),
        ("inbound", "client:ann", "outbound"),
    ];
    for (n, (given, from, direction)) in directions.iter().enumerate() {
        let form = twilio::with(ended(&format!("CAd{n}"), "completed", 45, STAMP), "Direction", given);
        twilio::deliver(&server, &twilio::with(form, "From", from)).await.is(200);
        let call = server.read("acme", &format!("calls/CAd{n}")).await;
        assert_eq!(call["direction"], *direction, "{given} from {from}: {call}");
    }
}

#[tokio::test]
async fn a1_every_event_of_callrail_is_known_and_those_that_are_no_calls_count_nothing() {
    let events = [
        ("pre_call", "recorded"),
        ("routing_complete", "recorded"),
        ("post_call", "recorded"),
        ("call_modified", "recorded"),
        ("outbound_post_call", "recorded"),
        ("outbound_call_modified", "recorded"),
        ("text_message_received", "ignored"),
        ("text_message_sent", "ignored"),
        ("form_submission", "ignored"),
        ("convert_assist_complete", "ignored"),
    ];
    let server = Site::with(&site("callrail", &events.map(|(event, _)| event))).start().await;
    for (event, outcome) in events {
        let id = if event.starts_with("outbound") { "CAL2" } else { "CAL1" };
        let answer = deliver_callrail(&server, event, &callrail(id)).await;
        assert_eq!(answer.is(200).outcome(), outcome, "{event}: {answer:?}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 2, "{month}");
}

#[tokio::test]
async fn what_callrail_repeats_leaves_blank_or_adds_changes_nothing() {
    let server = Site::with(&site("callrail", &["post_call"])).start().await;
    let blank = json!({"agent_email": "", "campaign": "", "score": "", "value": "", "tags": [], "milestones": {},
        "recording": "", "recording_duration": "", "good_lead_call_id": "", "lead_status": null, "source": null});
    let answer = deliver_callrail(&server, "post_call", &with(callrail("CAL1"), blank)).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    // The aliases of old, nested milestones and a member that nobody knows: the same call.
    let added = json!({"callernum": "+12025550123", "trackingnum": "+12025550199", "destinationnum": "",
        "tags": ["good", "paid"], "lead_status": "previously_marked_good_lead", "score": 1, "spam": false,
        "milestones": {"first_touch": {"event_date": "2025-10-01T16:01:57.985-05:00", "medium": null}}, "new_member": {"a": [1]}});
    let again = deliver_callrail(&server, "post_call", &with(callrail("CAL1"), added)).await;
    assert_eq!((again.is(200).outcome(), again.position()), ("duplicate", answer.position()), "{again:?}");
    let call = server.read("acme", "calls/callrail:CAL1").await;
    assert_eq!(
        (&call["agent"], call["recordings"].as_array().map(Vec::len)),
        (&json!("ann@example.com"), Some(0))
    );
}

#[tokio::test]
async fn callrail_post_calls_that_come_late_are_taken_and_belong_to_their_own_time() {
    let server = Site::with(&site("callrail", &["post_call"])).start().await;
    let late = json!({"start_time": "2018-02-19T13:41:00.236-05:00", "datetime": "2018-02-19 18:41:00",
        "timestamp": "2018-02-19T13:41:00.236-05:00"});
    let answer = deliver_callrail(&server, "post_call", &with(callrail("CAL1"), late)).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "no window holds: {answer:?}");
    // The time without an offset is UTC, where it is the only one.
    let mut utc = with(callrail("CAL2"), json!({"datetime": "2018-02-19 18:41:00"}));
    let members = utc.as_object_mut().expect("an object");
    ["start_time", "timestamp"].iter().for_each(|name| drop(members.remove(*name)));
    deliver_callrail(&server, "post_call", &utc).await.is(200);
    for (id, started) in [("CAL1", "2018-02-19T18:41:00.236Z"), ("CAL2", "2018-02-19T18:41:00Z")] {
        let call = server.read("acme", &format!("calls/callrail:{id}")).await;
        assert_eq!(call["started_at"], started, "{call}");
    }
}

#[tokio::test]
async fn a1_every_trigger_of_ctm_is_known_and_both_names_of_the_start_are_one() {
    let triggers = [
        ("start", "recorded"),
        ("starts", "duplicate"),
        ("start_outbound", "recorded"),
        ("end_immediate", "recorded"),
        ("end", "recorded"),
        ("status_change", "duplicate"),
        ("sms_status", "ignored"),
        ("inbound_text", "ignored"),
        ("outbound_text", "ignored"),
    ];
    let server = Site::with(&site("ctm", &triggers.map(|(trigger, _)| trigger))).start().await;
    for (trigger, outcome) in triggers {
        let answer = deliver_ctm(&server, trigger, &ctm(4_379_952_365)).await;
        assert_eq!(answer.is(200).outcome(), outcome, "{trigger}: {answer:?}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(month["calls"], 1, "{month}");
}

#[tokio::test]
async fn every_word_of_ctm_for_where_a_call_stands_and_every_null_is_read() {
    let server = Site::with(&site("ctm", &["end"])).start().await;
    let words = [
        ("answered", "completed", true),
        ("completed", "completed", true),
        ("no-answer", "no_answer", false),
        ("no answer", "no_answer", false),
        ("missed", "no_answer", false),
        ("busy", "busy", false),
    ];
    for (n, (word, status, answered)) in words.iter().enumerate() {
        let body = with(ctm(100 + n as u64), json!({"dial_status": word}));
        assert_eq!(deliver_ctm(&server, "end", &body).await.is(200).outcome(), "recorded", "{word}");
        let call = server.read("acme", &format!("calls/ctm:{}", 100 + n)).await;
        assert_eq!(
            (&call["call_status"], &call["answered"]),
            (&json!(status), &json!(answered)),
            "{word}: {call}"
        );
    }
    let mut nulls = ctm(7);
    for (name, value) in nulls.as_object_mut().expect("an object") {
        if name != "id" {
            *value = Value::Null;
        }
    }
    let answer = deliver_ctm(&server, "end", &nulls).await;
    assert_eq!(answer.is(200).outcome(), "recorded", "{answer:?}");
    let nested = json!({"call": ctm(8), "passed_on_by": "a relay"});
    assert_eq!(deliver_ctm(&server, "end", &nested).await.is(200).outcome(), "recorded");
    assert_eq!(server.read("acme", "calls/ctm:8").await["status"], "qualified");
}
