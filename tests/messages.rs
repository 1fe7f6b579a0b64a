//! F2: every kind of mail is listed with its attempts and sent again; the digest has an hour of the tenant's own; the mail
//! server's address is checked like every other; an erased person is mailed no more.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::alerts::{conflict, reject_conflicts};
use crate::common::facts::answered;
use crate::common::shifted::Shifted;
use crate::common::site::{escape, files};
use crate::common::smtp::{PASSWORD, Smtp, USER};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};

const MESSAGES: &str = "/api/v1/tenants/acme/messages";

/// A site whose mails go to the stand-in by this name, where `allow` names the hosts that may be private.
fn site_by(smtp: &Smtp, host: &str, allow: &str, tenants: &str) -> Site {
    let site = Site::new();
    let secret = site.path("smtp-password");
    fs::write(&secret, PASSWORD).expect("written");
    site.configure(&format!(
        "[outbound]\nallow = [{allow}]\n[email]\nhost = {host:?}\nport = {}\ntls = \"{}\"\nusername = \"{USER}\"\n\
         password = \"file:{}\"\nfrom = \"alerts@example.com\"\n{tenants}",
        smtp.port,
        if allow.is_empty() { "starttls" } else { "none" },
        secret.display()
    ));
    site
}

fn site(smtp: &Smtp) -> Site {
    site_by(smtp, "127.0.0.1", "\"127.0.0.1\"", TWO_TENANTS)
}

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    server.ask(TOKEN, method, path, body).await
}

async fn subscribe(server: &Server, address: &str, tenants: Value, rules: Value) -> String {
    let body =
        json!({"url": format!("mailto:{address}"), "style": "email", "tenants": tenants, "rules": rules});
    let set = ask(server, "POST", "/api/v1/alert-targets", body).await;
    set.is(201).json["target_id"].as_str().expect("an id").to_owned()
}

async fn messages(server: &Server, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let items = server.all_items("acme", "messages").await;
        if items.len() >= count {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {count} messages: {:?}", server.get(MESSAGES).await);
}

#[tokio::test]
async fn f2_every_kind_of_mail_is_listed_and_sent_again_under_its_own_id() {
    let smtp = Smtp::start().await;
    let shifted = Shifted::on(site(&smtp));
    // A Monday in New York, after the digest's hour.
    let server = shifted.start_at("2025-10-13T11:58:00Z").await;
    subscribe(
        &server,
        "boss@example.org",
        json!(["acme"]),
        json!(["conflict", "report_published", "weekly_digest"]),
    )
    .await;
    server.record("acme", &[answered("CA1", 45, "2025-10-07T16:00:00Z")]).await;
    conflict(&server, "acme", "CA9").await;
    smtp.wait_for(1).await;
    reject_conflicts(&server, "acme").await;
    smtp.wait_for(2).await;
    let drafted = ask(&server, "POST", "/api/v1/tenants/acme/reports", json!({"period": "2025-09"})).await;
    let report = drafted.is(201).json["report_id"].as_str().expect("an id").to_owned();
    ask(&server, "POST", &format!("/api/v1/tenants/acme/reports/{report}/publish"), json!({})).await.is(200);
    smtp.wait_for(3).await;
    server.stop();
    let server = shifted.start_at("2025-10-13T12:01:00Z").await;
    let mails = smtp.wait_for(4).await;
    let told = messages(&server, 4).await;
    let topics: Vec<&str> = told.iter().filter_map(|one| one["topic"].as_str()).collect();
    assert_eq!(topics, ["weekly_digest", "report_published", "alert_cleared", "alert_raised"], "{told:?}");
    assert_eq!(
        (&told[0]["title"], &told[1]["title"]),
        (&json!("The week of 2025-10-06"), &json!("Report of 2025-09"))
    );
    assert!(told.iter().all(|one| one["attempts"] == 1 && one["delivered"] == 1 && one["error"].is_null()));
    for (at, message) in told.iter().rev().enumerate() {
        let id = message["message_id"].as_str().expect("an id");
        let path = format!("{MESSAGES}/{}", escape(id));
        let sent = ask(&server, "POST", &format!("{path}/resend"), Value::Null).await;
        assert_eq!(
            (&sent.is(200).json["items"][0]["status"], &sent.json["items"][0]["attempt"]),
            (&json!(250), &json!(2))
        );
        let again = smtp.wait_for(5 + at).await[4 + at].read();
        let first = mails[at].read();
        assert_eq!(
            (&again["message-id"], &again["subject"]),
            (&first["message-id"], &first["subject"]),
            "{id}"
        );
        let path = format!("{path}/attempts?min_position={}", sent.json["position"]);
        assert_eq!(server.get(&path).await.is(200).json["items"].as_array().map(Vec::len), Some(2), "{id}");
    }
    for unknown in
        ["digest/2025-10-14", "digest/2030-01-07", "report/1", "cleared/none", "none", "digest/soon"]
    {
        let path = format!("{MESSAGES}/{}/resend", escape(unknown));
        ask(&server, "POST", &path, Value::Null).await.problem(404);
    }
    ask(&server, "POST", &format!("/api/v1/tenants/acme/reports/{report}/withdraw"), json!({})).await.is(200);
    let of_report = told[1]["message_id"].as_str().expect("an id");
    let gone = ask(&server, "POST", &format!("{MESSAGES}/{}/resend", escape(of_report)), Value::Null).await;
    assert_eq!(gone.problem(409)["code"], "report_state");
    let other = json!({"target_id": "at_none"});
    let path = format!("{MESSAGES}/{}/resend?target_id=at_none", escape("digest/2025-10-13"));
    assert_eq!(ask(&server, "POST", &path, other).await.problem(409)["code"], "no_target");
    for (role, lists, sends) in [("viewer", 403, 403), ("auditor", 200, 403), ("operator", 200, 404)] {
        let token = server.token(role, &["acme"]).await;
        server.ask(&token, "GET", MESSAGES, Value::Null).await.is(lists);
        server.ask(&token, "POST", &format!("{MESSAGES}/none/resend"), Value::Null).await.is(sends);
    }
    server.stop();
}

#[tokio::test]
async fn f2_the_digest_has_an_hour_of_the_tenant_s_own_and_else_that_of_all() {
    let smtp = Smtp::start().await;
    // acme is in New York: 6 there is 10:00 UTC. globex goes by UTC and the hour of all, 8.
    let tenants = TWO_TENANTS.replace(
        "[[tenant]]\nid = \"globex\"",
        "[tenant.email]\ndigest_hour = 6\n[[tenant]]\nid = \"globex\"",
    );
    let shifted = Shifted::on(site_by(&smtp, "127.0.0.1", "\"127.0.0.1\"", &tenants));
    let server = shifted.start_at("2025-10-13T07:50:00Z").await;
    server.record("acme", &[answered("CA1", 45, "2025-10-07T16:00:00Z")]).await;
    server.record("globex", &[answered("CA2", 45, "2025-10-07T16:00:00Z")]).await;
    subscribe(&server, "boss@example.org", json!([]), json!(["weekly_digest"])).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(smtp.mails().is_empty(), "null control: no hour has come");
    server.stop();
    let subject = |at: usize| smtp.mails()[at].read()["subject"].as_str().expect("a subject").to_owned();
    let server = shifted.start_at("2025-10-13T08:01:00Z").await;
    smtp.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((smtp.mails().len(), subject(0)), (1, "[Globex] The week of 2025-10-06".to_owned()));
    server.stop();
    let server = shifted.start_at("2025-10-13T10:01:00Z").await;
    smtp.wait_for(2).await;
    assert_eq!(subject(1), "[Acme Dental] The week of 2025-10-06");
    server.stop();
    let wrong = tenants.replace("digest_hour = 6", "digest_hour = 24");
    let refused = site_by(&smtp, "127.0.0.1", "\"127.0.0.1\"", &wrong).start_refused();
    assert!(
        refused.all().contains("tenant.email.digest_hour") && refused.all().contains("0 to 23"),
        "{}",
        refused.all()
    );
}

#[tokio::test]
async fn f2_a_mail_server_at_a_private_address_is_called_only_where_the_configuration_names_it() {
    for host in ["127.0.0.1", "localhost"] {
        let smtp = Smtp::start().await;
        let server = site_by(&smtp, host, "", TWO_TENANTS).start().await;
        subscribe(&server, "ops@example.org", json!(["acme"]), json!(["conflict"])).await;
        conflict(&server, "acme", "CA1").await;
        let told = messages(&server, 1).await;
        assert_eq!(told[0]["error"], "[email] host: the host's address is not public", "{host}: {told:?}");
        assert!(smtp.said().is_empty(), "{host}: it was called: {:?}", smtp.said());

        // Null control: the same host, named.
        let server = site_by(&smtp, host, &format!("{host:?}"), TWO_TENANTS).start().await;
        subscribe(&server, "ops@example.org", json!(["acme"]), json!(["conflict"])).await;
        conflict(&server, "acme", "CA1").await;
        smtp.wait_for(1).await;
    }
}

#[tokio::test]
async fn e10_an_erased_person_is_mailed_no_more_and_the_address_leaves_the_log() {
    const PERSON: &str = "zebra.canary@example.org";
    let smtp = Smtp::start().await;
    let site = site(&smtp);
    let server = site.start().await;
    let of_acme = subscribe(&server, "Zebra.Canary@example.org", json!(["acme"]), json!(["conflict"])).await;
    let of_all = subscribe(&server, PERSON, json!([]), json!(["conflict"])).await;
    let removed = subscribe(&server, PERSON, json!(["globex"]), json!(["conflict"])).await;
    let other = subscribe(&server, "ops@example.org", json!(["acme"]), json!(["conflict"])).await;
    ask(&server, "DELETE", &format!("/api/v1/alert-targets/{removed}"), Value::Null).await.is(204);
    let targets = async |server: &Server| -> Vec<String> {
        let list = server.get("/api/v1/alert-targets").await.is(200).json.clone();
        let ids = list["items"].as_array().expect("items").iter();
        ids.map(|item| item["target_id"].as_str().expect("an id").to_owned()).collect()
    };
    let erase = async |server: &Server, path: &str, key: &str| {
        let request = server.request("POST", path).bearer_auth(TOKEN).header("idempotency-key", key);
        server.send(request.json(&json!({"email": PERSON}))).await.is(200).json.clone()
    };
    let hits = |text: &str| -> Vec<String> {
        let holds = |file: &std::path::PathBuf| {
            let bytes = fs::read(file).expect("readable").to_ascii_lowercase();
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        };
        files(&site.data()).iter().filter(|file| holds(file)).map(|file| file.display().to_string()).collect()
    };
    assert!(!hits(PERSON).is_empty(), "null control: it is there before");
    // A tenant's own reaches the target of that tenant alone.
    let receipt = erase(&server, "/api/v1/tenants/acme/erase", "k1").await;
    assert_eq!(receipt["alert_targets"], 1, "{receipt}");
    assert_eq!(targets(&server).await, [of_all.clone(), other.clone()]);
    assert_eq!(
        erase(&server, "/api/v1/tenants/acme/erase", "k1").await["alert_targets"],
        1,
        "the same answer"
    );
    assert_eq!(
        erase(&server, "/api/v1/tenants/acme/erase", "k2").await["alert_targets"],
        0,
        "nothing is left"
    );
    // The global one reaches all, removed ones too.
    let receipt = erase(&server, "/api/v1/erase", "k3").await;
    assert_eq!(receipt["alert_targets"], 2, "{receipt}");
    assert_eq!(targets(&server).await, std::slice::from_ref(&other));
    conflict(&server, "acme", "CA1").await;
    let mails = smtp.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        (smtp.mails().len(), &mails[0].to),
        (1, &vec!["<ops@example.org>".to_owned()]),
        "null control"
    );
    server.stop();
    assert_eq!(hits(PERSON), Vec::<String>::new());
    site.cli(&["audit"]).exits(0);
    let server = site.start().await;
    assert_eq!(targets(&server).await, [other], "over a restart, too ({of_acme} {of_all})");
}
