//! What deliveries say: where a call stands, when it was, how long somebody was spoken to, and what a blank is.

use serde_json::{Value, json};

use crate::common::bison;
use crate::common::tracker::{callrail, ctm, deliver, deliver_callrail, deliver_ctm, site, with};
use crate::common::twilio;
use crate::common::{Answer, Server, Site, TWO_TENANTS};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

/// The usual tenants and a source that maps both moments of a call, and its time without a format.
const DIALER: &str = r#"
[[mapping]]
name = "dialer"
signature = "unsigned"
external_id = ["id", "stage"]
occurred_at = "at"
[[mapping.on]]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = { path = "status", default = "completed" }
answered = "answered"
duration_seconds = "seconds"
started_at = { path = "started", format = "epoch" }
answered_at = "answered_at"
ended_at = { path = "ended_at", format = "rfc2822" }
parent_call_id = "parent"
agent = { paths = ["agents", "agent"] }
[[endpoint]]
id = "dialer-5b0f0d7e"
provider = "dialer"
tenant = "acme"
"#;

async fn dial(server: &Server, body: &Value) -> Answer {
    let answer = deliver(server, "dialer/dialer-5b0f0d7e", body.to_string(), &[]).await;
    answer.is(200);
    answer
}

async fn call(server: &Server, id: &str) -> Value {
    server.read("acme", &format!("calls/{id}")).await
}

async fn fact(server: &Server, answer: &Answer) -> Value {
    server.read("acme", &format!("facts/{}", answer.position())).await
}

#[tokio::test]
async fn what_ctm_calls_completed_without_talk_time_nobody_answered() {
    let server = Site::with(&site("ctm", &["end", "end_immediate"])).start().await;
    // Word, talk time, where the call stands, whether a person answered, and the reason.
    let cases = [
        ("completed", Value::Null, "completed", false, "not_answered"),
        ("completed", json!(""), "completed", false, "not_answered"),
        ("completed", json!(0), "completed", false, "not_answered"),
        ("completed", json!(48), "completed", true, "rules_satisfied"),
        ("Completed", json!("48"), "completed", true, "rules_satisfied"),
        ("answered", Value::Null, "completed", true, "rules_satisfied"),
        ("hangup", Value::Null, "canceled", false, "not_answered"),
        ("hangup", json!(0), "canceled", false, "not_answered"),
        ("blocked", Value::Null, "failed", false, "not_answered"),
        ("Blocked", json!(0), "failed", false, "not_answered"),
    ];
    for (n, (word, talked, status, answered, reason)) in cases.iter().enumerate() {
        for (trigger, id) in [("end", 100 + n), ("end_immediate", 200 + n)] {
            let body = with(ctm(id as u64), json!({"dial_status": word, "talk_time": talked}));
            let answer = deliver_ctm(&server, trigger, &body).await;
            assert_eq!(answer.is(200).outcome(), "recorded", "{word}: {answer:?}");
            let call = call(&server, &format!("ctm:{id}")).await;
            assert_eq!(
                (&call["call_status"], &call["answered"], &call["reason"]),
                (&json!(status), &json!(answered), &json!(reason)),
                "{word}, {talked}: {call}"
            );
        }
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(
        (&month["calls"], &month["answered"], &month["qualified"]),
        (&json!(20), &json!(6), &json!(6))
    );
}

#[tokio::test]
async fn what_ctm_sends_of_forms_chats_and_texts_is_no_call_and_a_blank_makes_none_of_one() {
    let server = Site::with(&site("ctm", &["start", "end", "end_immediate", "status_change"])).start().await;
    let mut id = 0;
    for trigger in ["start", "end", "end_immediate", "status_change"] {
        for direction in ["form", "chat", "msg_inbound", "msg-outbound", "Form", "video", "fax"] {
            id += 1;
            let body = with(ctm(id), json!({"direction": direction}));
            let answer = deliver_ctm(&server, trigger, &body).await;
            assert_eq!(answer.is(200).outcome(), "ignored", "{trigger} {direction}: {answer:?}");
        }
        for members in [
            json!({"direction": "inbound"}),
            json!({"direction": "Outbound"}),
            json!({"direction": ""}),
            json!({"direction": null}),
            json!({"message_id": ""}),
            json!({"message_id": " "}),
            json!({"message_id": null}),
            json!({"message_id": []}),
            json!({"call": {}, "agent": "", "talk_time": "", "unix_time": " "}),
        ] {
            id += 1;
            let answer = deliver_ctm(&server, trigger, &with(ctm(id), members.clone())).await;
            assert_eq!(answer.is(200).outcome(), "recorded", "{trigger} {members}: {answer:?}");
        }
        for message in [json!("MSG1"), json!(17)] {
            id += 1;
            let answer = deliver_ctm(&server, trigger, &with(ctm(id), json!({"message_id": message}))).await;
            assert_eq!(answer.is(200).outcome(), "ignored", "null control: a text: {answer:?}");
        }
    }
    assert_eq!(server.all_items("acme", "calls").await.len(), 36);
}

#[tokio::test]
async fn a_blank_member_is_absent_in_every_dialect() {
    let tables = format!("{}{DIALER}", site("callrail", &["post_call"]));
    let server = Site::with(&tables).start().await;
    for (n, blank) in [json!(""), json!("  "), json!(null), json!([]), json!({})].iter().enumerate() {
        let members = json!({"answered": blank, "duration": blank, "direction": blank, "datetime": blank,
            "source_name": blank, "agent_email": blank, "recording": blank, "recording_duration": blank});
        let answer =
            deliver_callrail(&server, "post_call", &with(callrail(&format!("CAL{n}")), members)).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{blank}: {answer:?}");
        assert_eq!(call(&server, &format!("callrail:CAL{n}")).await["answered"], true, "by its type");

        let mut event = bison::replied("LEAD_REPLIED", n as u64, bison::lead(1), "2025-10-09T12:00:00Z");
        for (object, member) in
            [("scheduled_email", ""), ("campaign", ""), ("sender_email", ""), ("campaign_event", "")]
        {
            event["data"][format!("{object}{member}")] = blank.clone();
        }
        event["data"]["reply"]["date_received"] = blank.clone();
        event["data"]["lead"]["title"] = blank.clone();
        let answer = bison::deliver(&server, &event).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{blank}: {answer:?}");

        let body = json!({"id": format!("d{n}"), "stage": "end", "status": blank, "answered": blank, "seconds": blank,
            "started": blank, "answered_at": blank, "ended_at": blank, "at": blank, "agents": blank,
            "agent": "ann@example.com"});
        let answer = dial(&server, &body).await;
        assert_eq!(answer.outcome(), "recorded", "{blank}: {answer:?}");
        let call = call(&server, &format!("dialer:d{n}")).await;
        assert_eq!((&call["agent"], &call["answered"]), (&json!("ann@example.com"), &json!(false)), "{call}");
    }
    // Of a form the first field of a name that is not blank.
    let request = server.request("POST", "/hooks/dialer/dialer-5b0f0d7e");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer =
        server.send(request.body("id=&id=f1&stage=end&stage=&agent=+&agent=ann%40example.com")).await;
    assert_eq!(
        (answer.is(200).outcome(), &answer.json["identity"]),
        ("recorded", &Value::Null),
        "{answer:?}"
    );
    assert_eq!(call(&server, "dialer:f1").await["agent"], "ann@example.com");
    // Twilio's dialects.
    let form = twilio::with(twilio::ended("CA1", "completed", 45, STAMP), "ParentCallSid", " ");
    let form = twilio::with(twilio::with(form, "DialCallStatus", ""), "RecordingSid", "");
    assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "recorded");
    assert_eq!(call(&server, "CA1").await["status"], "qualified");
}

#[tokio::test]
async fn a_time_that_can_be_read_is_read_and_receipt_is_for_what_cannot() {
    let tables = format!(
        "{}{}{DIALER}",
        site("callrail", &["post_call"]),
        site("ctm", &["end"]).replace(TWO_TENANTS, "")
    );
    let server = Site::with(&tables).start().await;
    let moment = "2025-10-08T18:55:38Z";
    let spellings = [
        "Wed, 08 Oct 2025 18:55:38 +0000",
        "Wed, 08 Oct 2025 18:55:38 UTC",
        "Wed, 08 Oct 2025 20:55:38 +02",
        "Wed, 08 Oct 2025 18:55:38 Etc/UTC",
        "2025-10-08 18:55:38 UTC",
        "2025-10-08 18:55:38Z",
        "2025-10-08T18:55:38.000000Z",
        "2025-10-08T20:55:38+0200",
        "2025-10-08 14:55:38-04",
        "2025-10-08 14:55:38 -0400",
        "2025-10-08 18:55:38 (UTC)",
        "8 Oct 2025 08:55:38 PM CEST",
        "Wednesday, 08-Oct-25 18:55:38 GMT",
        "2025.10.08 18:55:38Z",
    ];
    for (n, spelling) in spellings.iter().enumerate() {
        let answer =
            twilio::deliver(&server, &twilio::ended(&format!("CA{n}"), "completed", 45, spelling)).await;
        let twilio = fact(&server, &answer).await;
        assert_eq!(
            (&twilio["occurred_at"], &twilio["time_source"]),
            (&json!(moment), &Value::Null),
            "{twilio}"
        );
        assert_eq!(twilio["body"]["ended_at"], moment, "{twilio}");

        let body = json!({"id": n.to_string(), "stage": "end", "at": spelling, "started": spelling, "answered_at": spelling,
            "ended_at": spelling});
        let mapped = fact(&server, &dial(&server, &body).await).await;
        assert_eq!(mapped["occurred_at"], moment, "{mapped}");
        for member in ["started_at", "answered_at", "ended_at"] {
            assert_eq!(mapped["body"][member], moment, "{member}: {mapped}");
        }
        let body = with(callrail(&format!("CAL{n}")), json!({"start_time": spelling}));
        deliver_callrail(&server, "post_call", &body).await.is(200);
        assert_eq!(call(&server, &format!("callrail:CAL{n}")).await["started_at"], moment, "{spelling}");
        let body = with(ctm(n as u64), json!({"unix_time": null, "called_at": spelling}));
        deliver_ctm(&server, "end", &body).await.is(200);
        assert_eq!(call(&server, &format!("ctm:{n}")).await["started_at"], moment, "{spelling}");
        let event = bison::sent("EMAIL_SENT", n as u64, bison::lead(1), spelling);
        let sent = fact(&server, &bison::deliver(&server, &event).await).await;
        assert_eq!(sent["occurred_at"], moment, "{sent}");
    }
    let midnight = json!({"id": "m", "stage": "end", "at": "2025-10-08T24:00:00Z"});
    assert_eq!(fact(&server, &dial(&server, &midnight).await).await["occurred_at"], "2025-10-09T00:00:00Z");
    // A number of JSON may be written with an exponent.
    let number = r#"{"id": "e", "stage": "end", "at": 1.759949738e9}"#;
    let answer = deliver(&server, "dialer/dialer-5b0f0d7e", number.to_owned(), &[]).await;
    assert_eq!(fact(&server, &answer).await["occurred_at"], moment);
    // Where nothing can be read: Twilio's is the time of receipt, and another's is told.
    for (n, unreadable) in ["yesterday", "2025-10-08", "Wed, 32 Oct 2025 18:55:38 UTC"].iter().enumerate() {
        let form = twilio::ended(&format!("CAx{n}"), "completed", 45, unreadable);
        let received = fact(&server, &twilio::deliver(&server, &form).await).await;
        assert_eq!(received["time_source"], "received", "{unreadable}: {received}");
        let answer = dial(&server, &json!({"id": format!("x{n}"), "stage": "end", "at": unreadable})).await;
        assert_eq!((answer.outcome(), &answer.json["reason"]), ("quarantined", &json!("malformed_field")));
    }
}

#[tokio::test]
async fn what_was_answered_lasted_from_answer_to_end_where_nobody_says_how_long() {
    let server = Site::with(&format!("{TWO_TENANTS}{DIALER}")).start().await;
    let at = |seconds: u64| format!("2025-10-09T12:{:02}:{:02}Z", seconds / 60, seconds % 60);
    let body = |id: &str, members: Value| {
        let both = json!({"id": id, "stage": "end", "at": at(95), "answered": true, "answered_at": at(0), "ended_at": at(95)});
        with(both, members)
    };
    let cases = [
        ("both", json!({}), json!(95), "rules_satisfied"),
        (
            "fraction",
            json!({"answered_at": "2025-10-09T12:00:00.9Z", "ended_at": "2025-10-09T12:00:30.8Z"}),
            json!(29),
            "short_duration",
        ),
        ("told", json!({"seconds": 12}), json!(12), "short_duration"),
        ("zero", json!({"seconds": 0}), json!(0), "short_duration"),
        ("one", json!({"ended_at": null}), Value::Null, "short_duration"),
        ("backwards", json!({"ended_at": "2025-10-09T11:59:59Z"}), Value::Null, "short_duration"),
        ("nobody", json!({"answered": false}), Value::Null, "not_answered"),
        ("unsaid", json!({"answered": null}), Value::Null, "not_answered"),
    ];
    for (id, members, seconds, reason) in &cases {
        assert_eq!(dial(&server, &body(id, members.clone())).await.outcome(), "recorded");
        let call = call(&server, &format!("dialer:{id}")).await;
        assert_eq!((&call["duration_seconds"], &call["reason"]), (seconds, &json!(reason)), "{id}: {call}");
    }
    // The two moments of one call in two deliveries, in either order.
    let begin = json!({"id": "two", "stage": "begin", "status": "in_progress", "at": at(0), "answered": true, "answered_at": at(0)});
    let end = json!({"id": "two", "stage": "end", "at": at(41), "ended_at": at(41)});
    for body in [&end, &begin] {
        assert_eq!(dial(&server, body).await.outcome(), "recorded");
    }
    assert_eq!(call(&server, "dialer:two").await["duration_seconds"], 41);
    // Of a leg that was answered, for its call.
    let parent =
        json!({"id": "parent", "stage": "end", "at": at(99), "answered_at": at(0), "ended_at": at(99)});
    let leg = json!({"id": "leg", "parent": "parent", "stage": "end", "at": at(95), "answered": true,
        "answered_at": at(60), "ended_at": at(95)});
    for body in [&parent, &leg] {
        assert_eq!(dial(&server, body).await.outcome(), "recorded");
    }
    assert_eq!(call(&server, "dialer:parent").await["duration_seconds"], 35);
    // Twilio's dialects that leave the duration out.
    for (status, stamp) in [("in-progress", "Thu, 09 Oct 2025 12:00:09 +0000"), ("completed", STAMP)] {
        let form = twilio::callback("CA1", status, 1, stamp);
        assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "recorded");
    }
    let twilio = call(&server, "CA1").await;
    assert_eq!(
        (&twilio["duration_seconds"], &twilio["status"]),
        (&json!(45), &json!("qualified")),
        "{twilio}"
    );
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    // 95 + 29 + 12 + 0, twice none, 41, 35 and 45.
    assert_eq!((&month["talk_seconds"], &month["qualified"]), (&json!(257), &json!(4)), "{month}");
}

#[tokio::test]
async fn the_end_of_a_call_that_comes_again_with_its_length_is_a_correction_and_no_conflict() {
    let server = Site::new().start().await;
    let bare = twilio::callback("CA1", "completed", 3, STAMP);
    let whole = twilio::ended("CA1", "completed", 45, STAMP);
    let outcomes = [
        (&bare, "recorded"),
        (&whole, "recorded"),
        (&bare, "duplicate"),
        (&whole, "duplicate"),
        (&twilio::ended("CA1", "completed", 45, STAMP), "duplicate"),
    ];
    let mut positions = Vec::new();
    for (form, outcome) in outcomes {
        let answer = twilio::deliver(&server, form).await;
        assert_eq!(answer.is(200).outcome(), outcome, "{form:?}: {answer:?}");
        positions.push(answer.position());
    }
    assert_eq!(positions[..2], positions[2..4], "each is known again");
    let keys = [
        fact(&server, &twilio::deliver(&server, &bare).await).await,
        server.read("acme", &format!("facts/{}", positions[1])).await,
    ];
    let keys = keys.map(|fact| fact["external_id"].as_str().expect("a key").to_owned());
    assert_eq!(keys[0], "CA1:completed", "the first stays the first");
    assert!(keys[1].strip_prefix("CA1:completed:").is_some_and(|digest| digest.len() == 32), "{keys:?}");
    let ended = call(&server, "CA1").await;
    assert_eq!((&ended["duration_seconds"], &ended["status"]), (&json!(45), &json!("qualified")), "{ended}");
    // Null control: another length, and a length that is taken back by one that was told first.
    let other = twilio::deliver(&server, &twilio::ended("CA2", "completed", 45, STAMP)).await;
    assert_eq!(other.is(200).outcome(), "recorded");
    for form in [twilio::ended("CA2", "completed", 46, STAMP), twilio::callback("CA2", "completed", 3, STAMP)]
    {
        assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "conflict", "{form:?}");
    }
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!((&month["calls"], &month["talk_seconds"]), (&json!(2), &json!(90)), "{month}");
}
