//! F2: alerts, reports and digests by mail, to a server that speaks SMTP over a socket.

use std::fs;
use std::time::Duration;

use crate::common::alerts::{await_alerts, await_ticks, conflict, reject_conflicts};
use crate::common::facts::answered;
use crate::common::shifted::Shifted;
use crate::common::site::files;
use crate::common::smtp::{PASSWORD, Smtp, USER};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const ACME: &str = "/api/v1/tenants/acme/alerts";

/// A site whose mails go to the stand-in.
fn site(smtp: &Smtp) -> Site {
    let site = Site::new();
    let secret = site.path("smtp-password");
    fs::write(&secret, PASSWORD).expect("written");
    let email = format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[email]\nhost = \"127.0.0.1\"\n\
         port = {}\ntls = \"none\"\nusername = \"{USER}\"\npassword = \"file:{}\"\n\
         from = \"Zahnärzte <alerts@example.com>\"\n{TWO_TENANTS}",
        smtp.port,
        secret.display()
    );
    site.configure(&email);
    site
}

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    server.ask(TOKEN, method, path, body).await
}

async fn subscribe(server: &Server, address: &str, rules: &[&str]) -> String {
    let body =
        json!({"url": format!("mailto:{address}"), "style": "email", "tenants": ["acme"], "rules": rules});
    let set = ask(server, "POST", "/api/v1/alert-targets", body).await;
    assert_eq!((&set.is(201).json["secret"], &set.json["host"]), (&Value::Null, &json!("example.org")));
    set.json["target_id"].as_str().expect("an id").to_owned()
}

async fn attempts(server: &Server, count: usize) -> Vec<Value> {
    let alerts = await_alerts(server, ACME, |items| !items.is_empty()).await;
    let path = format!("{ACME}/{}/attempts", alerts[0]["alert_id"].as_str().expect("an id"));
    await_alerts(server, &path, |items| items.len() >= count).await
}

#[tokio::test]
async fn f2_an_alert_is_mailed_once_when_it_is_raised_and_once_when_it_is_over() {
    let smtp = Smtp::start().await;
    let site = site(&smtp);
    let server = site.start().await;
    subscribe(&server, "ops@example.org", &["conflict"]).await;
    conflict(&server, "acme", "CA1").await;
    let raised = smtp.wait_for(1).await.remove(0);
    assert!(raised.from.contains("<alerts@example.com>"), "{raised:?}");
    assert_eq!(raised.to, ["<ops@example.org>"]);
    let mail = raised.read();
    assert_eq!(mail["defects"], json!([]), "{mail}");
    assert_eq!((&mail["to"], &mail["auto-submitted"]), (&json!("ops@example.org"), &json!("auto-generated")));
    assert!(mail["from"].as_str().is_some_and(|from| from.contains("Zahnärzte")), "{mail}");
    assert!(mail["subject"].as_str().is_some_and(|subject| subject.starts_with("[Acme")), "{mail}");
    for part in ["text", "html"] {
        let text = mail[part].as_str().expect("a part");
        assert!(text.contains("https://hooks.example.com/w/acme/dashboard"), "{text}");
        assert!(text.contains("https://hooks.example.com/api/v1/unsubscribe/at_"), "{text}");
    }
    assert_eq!(mail["list-unsubscribe-post"], "List-Unsubscribe=One-Click");
    let told = attempts(&server, 1).await;
    assert_eq!((&told[0]["status"], &told[0]["error"]), (&json!(250), &Value::Null), "{told:?}");

    reject_conflicts(&server, "acme").await;
    let over = smtp.wait_for(2).await.remove(1).read();
    assert!(over["subject"].as_str().is_some_and(|subject| subject.contains("Over: ")), "{over}");
    assert_ne!(over["message-id"], mail["message-id"]);
    server.kill();
    let server = site.start().await;
    await_ticks(&server).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(smtp.mails().len(), 2, "over a restart nothing is told again");
    let id = server.all_items("acme", "alerts?rule=conflict").await[0]["alert_id"].clone();
    let resent =
        ask(&server, "POST", &format!("{ACME}/{}/resend", id.as_str().expect("an id")), Value::Null).await;
    assert_eq!(resent.is(200).json["items"][0]["status"], 250, "{resent:?}");
    let again = smtp.wait_for(3).await.remove(2).read();
    assert_eq!(again["message-id"], mail["message-id"], "receivers know it by its id");
}

#[tokio::test]
async fn f2_a_refusal_for_now_is_tried_again_and_one_for_good_is_not() {
    let smtp = Smtp::start().await;
    let server = site(&smtp).start().await;
    subscribe(&server, "ops@example.org", &["conflict"]).await;
    smtp.refuse("450 4.2.1 the mailbox is busy: ops@example.org");
    conflict(&server, "acme", "CA1").await;
    smtp.wait_for(1).await;
    let told = attempts(&server, 2).await;
    assert_eq!((&told[0]["status"], &told[0]["error"]), (&json!(450), &json!("answered 450")), "{told:?}");
    assert_eq!((&told[1]["attempt"], &told[1]["status"]), (&json!(2), &json!(250)));

    let server = site(&smtp).start().await;
    subscribe(&server, "gone@example.org", &["conflict"]).await;
    smtp.refuse("550 5.1.1 nobody here");
    conflict(&server, "acme", "CA1").await;
    let told = attempts(&server, 1).await;
    assert_eq!((&told[0]["status"], &told[0]["error"]), (&json!(550), &json!("answered 550")), "{told:?}");
    // The second attempt of a refusal for now would be due after five seconds.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!((attempts(&server, 1).await.len(), smtp.mails().len()), (1, 1), "it is not tried again");
}

#[tokio::test]
async fn f2_a_receiver_unsubscribes_by_one_click_without_a_login() {
    let smtp = Smtp::start().await;
    let site = site(&smtp);
    let server = site.start().await;
    subscribe(&server, "one@example.org", &["conflict"]).await;
    subscribe(&server, "two@example.org", &["conflict"]).await;
    conflict(&server, "acme", "CA1").await;
    let mails = smtp.wait_for(2).await;
    let one = mails.iter().find(|mail| mail.to == ["<one@example.org>"]).expect("a mail to each").read();
    let link = one["list-unsubscribe"].as_str().expect("a link").trim_matches(['<', '>']).to_owned();
    let path = link.strip_prefix("https://hooks.example.com").expect("of this server").to_owned();
    let targets = async || server.get("/api/v1/alert-targets").await.json["items"].as_array().map(Vec::len);

    let looked = server.send(server.request("GET", &path)).await;
    assert!(looked.is(200).text.contains("<form method=\"post\">"), "{}", looked.text);
    assert_eq!(targets().await, Some(2), "looking ends nothing");
    for forged in [path.replace("at_0", "at_1"), format!("{path}0"), path[..path.len() - 2].to_owned()] {
        server.send(server.request("POST", &forged)).await.problem(404);
    }
    assert_eq!(targets().await, Some(2), "null control: a link that we did not sign ends nothing");
    let click = async || {
        let request =
            server.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        server.send(request.body("List-Unsubscribe=One-Click")).await
    };
    click().await.is(200);
    click().await.is(200);
    assert_eq!(targets().await, Some(1));
    server.kill();
    let server = site.start().await;
    reject_conflicts(&server, "acme").await;
    let over = smtp.wait_for(3).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(over[2].to, ["<two@example.org>"], "it is a fact");
    assert_eq!(smtp.mails().len(), 3);
}

#[tokio::test]
async fn f2_no_secret_of_the_mail_server_is_told_and_without_tls_nothing_is_said() {
    let smtp = Smtp::start().await;
    let site = site(&smtp);
    let server = site.start().await;
    smtp.refuse_logins(true);
    subscribe(&server, "ops@example.org", &["conflict"]).await;
    conflict(&server, "acme", "CA1").await;
    let told = attempts(&server, 1).await;
    assert_eq!((&told[0]["status"], &told[0]["error"]), (&json!(535), &json!("answered 535")), "{told:?}");
    smtp.refuse_logins(false);
    smtp.wait_for(1).await;
    assert!(!server.said().contains(PASSWORD));
    let shown = site.cli(&["config", "show"]);
    assert!(
        shown.exits(0).stdout.contains("email.host") && !shown.all().contains(PASSWORD),
        "{}",
        shown.all()
    );
    server.stop();
    for file in files(&site.data()) {
        let bytes = fs::read(&file).expect("readable");
        assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "{}", file.display());
    }

    // A server without TLS, where TLS is asked for: neither login nor mail.
    let plain = Smtp::start().await;
    let text = fs::read_to_string(site.config()).expect("a file");
    let text = text.replace("tls = \"none\"", "tls = \"starttls\"");
    fs::write(
        site.config(),
        text.replace(&format!("port = {}", smtp.port), &format!("port = {}", plain.port)),
    )
    .expect("written");
    let server = site.start().await;
    reject_conflicts(&server, "acme").await;
    for _ in 0..400 {
        if !plain.said().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let said = plain.said();
    assert!(
        !said.is_empty() && said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"),
        "{said:?}"
    );
}

#[tokio::test]
async fn f2_mail_is_off_until_it_is_configured_and_what_is_no_address_is_refused() {
    let server = Site::new().start().await;
    let target = |url: &str, style: &str, rules: Value| json!({"url": url, "style": style, "rules": rules});
    let set = async |server: &Server, body: Value| ask(server, "POST", "/api/v1/alert-targets", body).await;
    let off = set(&server, target("mailto:ops@example.org", "email", json!(["conflict"]))).await;
    assert!(off.names("url").is(422).text.contains("[email] is not configured"), "{}", off.text);
    let smtp = Smtp::start().await;
    let server = site(&smtp).start().await;
    for url in [
        "ops@example.org",
        "mailto:ops",
        "mailto:",
        "mailto:a@b.example\r\nBcc: c@d.example",
        "https://x.example",
    ] {
        set(&server, target(url, "email", json!([]))).await.names("url").is(422);
    }
    set(&server, target("mailto:a@example.org", "email", json!(["weekly"]))).await.names("rules").is(422);
    let hook = target("https://hooks.example.com/x", "webhook", json!(["weekly_digest"]));
    set(&server, hook).await.names("rules").is(422);
    let site = Site::with(&format!(
        "[email]\nhost = \"smtp.example.com\"\ntls = \"none\"\nfrom = \"a@example.com\"\n{TWO_TENANTS}"
    ));
    let refused = site.start_refused();
    assert!(
        refused.all().contains("email.tls") && refused.all().contains("[outbound] allow"),
        "{}",
        refused.all()
    );
}

#[tokio::test]
async fn f2_a_published_report_and_the_week_on_monday_are_mailed_to_those_who_named_them() {
    let smtp = Smtp::start().await;
    let shifted = Shifted::on(site(&smtp));
    // A Sunday; the tenant is in New York, where the digest's hour of Monday is 12:00 UTC.
    let server = shifted.start_at("2025-10-12T20:00:00Z").await;
    subscribe(&server, "boss@example.org", &["report_published", "weekly_digest"]).await;
    subscribe(&server, "ops@example.org", &["conflict"]).await;
    let calls = [
        answered("CA1", 45, "2025-10-07T16:00:00Z"),
        answered("CA2", 45, "2025-10-08T16:00:00Z"),
        answered("CA3", 45, "2025-10-01T16:00:00Z"),
    ];
    server.record("acme", &calls).await;
    let narrative = "Two calls & <one> more.";
    let drafted = ask(
        &server,
        "POST",
        "/api/v1/tenants/acme/reports",
        json!({"period": "2025-09", "narrative": narrative}),
    )
    .await;
    let id = drafted.is(201).json["report_id"].as_str().expect("an id").to_owned();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(smtp.mails().is_empty(), "null control: a draft is told to nobody");
    ask(&server, "POST", &format!("/api/v1/tenants/acme/reports/{id}/publish"), json!({})).await.is(200);
    let report = smtp.wait_for(1).await.remove(0);
    assert_eq!(report.to, ["<boss@example.org>"]);
    let report = report.read();
    assert!(report["text"].as_str().is_some_and(|text| text.contains(narrative)), "{report}");
    assert!(
        report["html"].as_str().is_some_and(|text| text.contains("Two calls &amp; &lt;one&gt; more.")),
        "{report}"
    );
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(smtp.mails().len(), 1, "null control: it is not Monday");
    server.stop();

    let server = shifted.start_at("2025-10-13T12:00:30Z").await;
    let digest = smtp.wait_for(2).await.remove(1);
    assert_eq!(digest.to, ["<boss@example.org>"]);
    let mail = digest.read();
    assert!(mail["subject"].as_str().is_some_and(|subject| subject.contains("2025-10-06")), "{mail}");
    let text = mail["text"].as_str().expect("a text");
    assert!(text.contains("Calls: 2 this time, 1 before, +1 change"), "{text}");
    assert!(mail["html"].as_str().is_some_and(|html| html.contains("<td align=\"left\">+1</td>")), "{mail}");
    server.stop();
    let server = shifted.start_at("2025-10-13T18:00:00Z").await;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    assert_eq!(smtp.mails().len(), 2, "once a week");
    server.stop();
}
