//! Alerts: what raises and clears them, and their delivery to a real receiver, signed and at least once (F2, L6).

use crate::common::alerts::{await_alerts, await_ticks, conflict, reject_conflicts};
use crate::common::bison;
use crate::common::facts::{self, answered};
use crate::common::receiver::Receiver;
use crate::common::twilio::{self, ended};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

fn site() -> Site {
    Site::with(&format!("[outbound]\nallow = [\"127.0.0.1\"]\n{TWO_TENANTS}"))
}

async fn set_target(server: &Server, body: &Value) -> Answer {
    let request = server.request("POST", "/api/v1/alert-targets").bearer_auth(TOKEN);
    server.send(request.header("content-type", "application/json").body(body.to_string())).await
}

async fn command(server: &Server, method: &str, path: &str) -> Answer {
    server.send(server.request(method, path).bearer_auth(TOKEN)).await
}

const ACME: &str = "/api/v1/tenants/acme/alerts";

#[tokio::test]
async fn f2_a_conflict_raises_one_alert_that_its_decision_clears() {
    let site = Site::new();
    let server = site.start().await;
    conflict(&server, "acme", "CA1").await;
    conflict(&server, "acme", "CA2").await;
    let raised = await_alerts(&server, ACME, |items| !items.is_empty()).await;
    assert_eq!((&raised[0]["rule"], &raised[0]["state"]), (&json!("conflict"), &json!("open")));
    let one = server.get(&format!("{ACME}/{}", raised[0]["alert_id"].as_str().expect("an id"))).await;
    let mut one = one.is(200).json.clone();
    assert!(
        one.as_object_mut().and_then(|one| one.remove("position")).is_some_and(|at| at.is_u64()),
        "{one}"
    );
    assert_eq!(one, raised[0]);
    server.get(&format!("{ACME}/none")).await.problem(404);
    server.kill();
    let server = site.start().await;
    await_ticks(&server).await;
    await_alerts(&server, ACME, |items| items.len() == 1).await;
    reject_conflicts(&server, "acme").await;
    let cleared = await_alerts(&server, &format!("{ACME}?state=cleared"), |items| !items.is_empty()).await;
    assert_eq!(cleared[0]["alert_id"], raised[0]["alert_id"]);
    assert_eq!(server.all_items("globex", "alerts").await.len(), 1, "the one of the ticks, and no other");
}

#[tokio::test]
async fn l6_refused_requests_and_unknown_numbers_and_quarantine_raise_alerts() {
    let server = Site::new().start().await;
    twilio::deliver_signed(&server, twilio::ENDPOINT, &ended("CA1", "completed", 1, STAMP), None)
        .await
        .is(401);
    twilio::deliver(&server, &ended("CA2", "teleported", 1, STAMP)).await.is(200);
    let elsewhere = twilio::with(ended("CA3", "completed", 45, STAMP), "To", "+12025550111");
    let elsewhere = twilio::with(elsewhere, "Called", "+12025550111");
    assert_eq!(twilio::deliver(&server, &elsewhere).await.is(200).outcome(), "recorded");
    let raised = await_alerts(&server, ACME, |items| items.len() >= 3).await;
    let mut rules: Vec<&str> = raised.iter().filter_map(|alert| alert["rule"].as_str()).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["quarantine", "refused", "unknown_tracking_number"], "{raised:?}");
    let text = Value::from(raised).to_string();
    assert!(!text.contains(twilio::ENDPOINT) && !text.contains("2025550123"), "no secret, no person: {text}");
}

#[tokio::test]
async fn f2_an_alert_is_told_signed_until_it_is_taken_over_a_restart_and_under_one_id() {
    let (site, receiver) = (site(), Receiver::start(500).await);
    let server = site.start().await;
    let set = set_target(&server, &json!({"url": receiver.url, "rules": ["conflict"]})).await;
    let secret = set.is(201).json["secret"].as_str().expect("a secret").to_owned();
    conflict(&server, "acme", "CA1").await;
    let first = receiver.wait_for(1).await.remove(0);
    assert!(first.is_signed_by(&secret), "{first:?}");
    assert!(!first.is_signed_by("whsec_AAAA"), "null control: another secret does not fit");
    assert_eq!(
        (&first.json()["type"], &first.json()["data"]["rule"]),
        (&json!("alert.raised"), &json!("conflict"))
    );
    let id = first.header("webhook-id").to_owned();
    let attempts = format!("{ACME}/{id}/attempts");
    let failed = await_alerts(&server, &attempts, |items| items.len() == 1).await;
    assert_eq!((&failed[0]["status"], &failed[0]["error"]), (&json!(500), &json!("answered 500")));
    server.kill();
    receiver.answer(204);
    let server = site.start().await;
    let second = receiver.wait_for(2).await.remove(1);
    assert_eq!((second.header("webhook-id"), second.is_signed_by(&secret)), (id.as_str(), true));
    let taken = await_alerts(&server, &attempts, |items| items.len() == 2).await;
    assert_eq!((&taken[1]["attempt"], &taken[1]["status"]), (&json!(2), &json!(204)));
    // Another alert, which is told after the next round.
    await_ticks(&server).await;
    let told = receiver.wait_for(3).await;
    let of_it = told.iter().filter(|told| told.header("webhook-id") == id).count();
    assert_eq!((told.len(), of_it), (3, 2), "what was taken is not told again by itself");
    let resent = command(&server, "POST", &format!("{ACME}/{id}/resend")).await;
    assert_eq!(resent.is(200).json["items"][0]["attempt"], 3, "{resent:?}");
    assert_eq!(receiver.wait_for(4).await[3].header("webhook-id"), id);

    let target = set.json["target_id"].as_str().expect("an id");
    let listed = server.get("/api/v1/alert-targets").await;
    assert!(!listed.is(200).text.contains("s3cret") && !listed.text.contains("whsec_"), "{listed:?}");
    command(&server, "DELETE", &format!("/api/v1/alert-targets/{target}")).await.is(204);
    command(&server, "DELETE", &format!("/api/v1/alert-targets/{target}")).await.problem(404);
    assert_eq!(
        command(&server, "POST", &format!("{ACME}/{id}/resend")).await.problem(409)["code"],
        "no_target"
    );
    command(&server, "POST", &format!("{ACME}/nothing/resend")).await.problem(404);
    assert!(!server.said().contains("s3cret") && !server.said().contains("whsec_"), "secrets are not logged");
}

#[tokio::test]
async fn f2_a_slack_style_target_gets_a_text_of_its_own_tenants_only_and_no_redirect_is_followed() {
    let (site, receiver) = (site(), Receiver::start(302).await);
    let server = site.start().await;
    let other = Receiver::start(200).await;
    set_target(&server, &json!({"url": receiver.url, "style": "slack", "tenants": ["acme"]})).await.is(201);
    set_target(&server, &json!({"url": other.url, "style": "slack", "tenants": ["globex"]})).await.is(201);
    conflict(&server, "acme", "CA1").await;
    let first = receiver.wait_for(1).await.remove(0);
    let body = first.json();
    assert!(body["text"].as_str().is_some_and(|text| text.starts_with("[acme] ")), "{body}");
    assert_eq!((body.as_object().map(|body| body.len()), first.header("webhook-id")), (Some(1), ""));
    // The attempt is over when it is listed: a redirect that was followed would have come by then.
    let id = await_alerts(&server, ACME, |items| !items.is_empty()).await[0]["alert_id"].clone();
    let attempts = format!("{ACME}/{}/attempts", id.as_str().expect("an id"));
    let attempt = await_alerts(&server, &attempts, |items| !items.is_empty()).await.remove(0);
    assert_eq!((&attempt["attempt"], &attempt["status"]), (&json!(1), &json!(302)));
    assert_eq!((receiver.all().len(), other.all().len()), (1, 0));
    conflict(&server, "globex", "CA2").await;
    let told = other.wait_for(1).await.remove(0).json();
    assert!(told["text"].as_str().is_some_and(|text| text.starts_with("[globex] ")), "{told}");
}

#[tokio::test]
async fn f2_targets_that_may_not_be_called_are_refused() {
    let server = Site::new().start().await;
    for url in ["http://hooks.example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/", "x", ""] {
        set_target(&server, &json!({ "url": url })).await.names("url");
    }
    set_target(&server, &json!({"url": "https://hooks.example.com/x", "colour": "red"}))
        .await
        .names("colour");
    set_target(&server, &json!({"url": "https://hooks.example.com/x", "tenants": ["nobody"]}))
        .await
        .names("tenants");
    set_target(&server, &json!({"url": "https://hooks.example.com/x", "style": "fax"})).await.names("style");
    // A word that no rule has would be told of nothing, and nobody would notice.
    set_target(&server, &json!({"url": "https://hooks.example.com/x", "rules": ["silense"]}))
        .await
        .names("rules");
    server.get(&format!("{ACME}?rule=silense")).await.is(400).names_parameter("rule");
    server.get(&format!("{ACME}?rule=Unknown-Tracking-Number")).await.is(200);
    server.send(server.request("GET", "/api/v1/alert-targets")).await.problem(401);
}

#[tokio::test]
async fn f2_a_positive_reply_is_an_alert_over_http_and_to_a_target_and_names_no_person() {
    let (site, receiver) = (site(), Receiver::start(204).await);
    let server = site.start().await;
    set_target(&server, &json!({"url": receiver.url, "rules": ["positive_reply"]})).await.is(201);
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    bison::deliver(&server, &bison::replied("LEAD_REPLIED", 1, bison::lead(7), &now)).await.is(200);
    await_ticks(&server).await;
    assert!(server.all_items("acme", "alerts").await.is_empty(), "null control: a reply alone is none");
    bison::deliver(&server, &bison::replied("LEAD_INTERESTED", 1, bison::lead(7), &now)).await.is(200);
    let told = receiver.wait_for(1).await.remove(0).json();
    assert_eq!(
        (&told["data"]["rule"], &told["data"]["figures"]["lead_id"]),
        (&json!("positive_reply"), &json!("7")),
        "{told}"
    );
    bison::deliver(&server, &bison::replied("LEAD_INTERESTED", 2, bison::lead(7), &now)).await.is(200);
    await_ticks(&server).await;
    let raised = await_alerts(&server, ACME, |items| items.len() == 1).await;
    let text = Value::from(raised).to_string();
    assert!(
        !text.contains("lead7@") && !text.contains("John") && !told.to_string().contains("lead7@"),
        "{text}"
    );
    let path = "/api/v1/tenants/acme/outreach/leads/7/stage";
    let request = server.request("POST", path).bearer_auth(TOKEN).json(&json!({"stage": "quoting"}));
    server.send(request).await.is(201);
    await_alerts(&server, &format!("{ACME}?state=cleared"), |items| items.len() == 1).await;
    assert_eq!(receiver.all().len(), 1, "told once");
}

#[tokio::test]
async fn f2_a_bit_that_flips_in_the_log_while_it_serves_is_an_alert_of_the_operator_and_of_no_tenant() {
    let (site, receiver) = (site(), Receiver::start(204).await);
    let server = site.start().await;
    set_target(&server, &json!({"url": receiver.url, "rules": ["audit_violation"]})).await.is(201);
    server.post("acme", &answered("CA1", 45, AT)).await.is(201);
    await_ticks(&server).await;
    let of_nobody = "/api/v1/alerts?rule=audit_violation";
    await_alerts(&server, of_nobody, |items| items.is_empty()).await;
    let path = site.data().join("journal/00000000000000000001.open");
    let file = std::fs::File::options().read(true).write(true).open(path).expect("the open segment");
    let flip = || {
        use std::os::unix::fs::FileExt;
        let mut byte = [0];
        file.read_exact_at(&mut byte, 4_096 + 100).expect("reads");
        file.write_all_at(&[byte[0] ^ 1], 4_096 + 100).expect("writes");
    };
    flip();
    let raised = await_alerts(&server, of_nobody, |items| items.len() == 1).await;
    assert_eq!(raised[0]["subject"], "journal/00000000000000000001.open");
    assert_eq!(receiver.wait_for(1).await[0].json()["data"]["rule"], "audit_violation");
    assert!(server.all_items("acme", "alerts").await.is_empty());
    server.post("acme", &answered("CA2", 45, AT)).await.is(201);
    flip();
    await_alerts(&server, &format!("{of_nobody}&state=cleared"), |items| items.len() == 1).await;
    server.stop();
}

#[tokio::test]
async fn d9_a_reply_rate_that_dropped_is_an_alert_once_with_its_figures_and_one_of_few_sends_is_none() {
    let site = Site::new();
    let server = site.start().await;
    let days_ago = |days: i64| {
        (chrono::Utc::now() - chrono::Duration::days(days)).format("%Y-%m-%dT17:00:00Z").to_string()
    };
    let poll = |tenant: &str, days: i64, sends: u64, replies: u64| {
        let at = days_ago(days);
        let fact =
            facts::fact("emailbison", &format!("account/{tenant}/{at}"), "sender_account_observed", &at);
        facts::with(
            fact,
            json!({"instance": "i.example", "workspace": "17", "account_id": "1", "email": "a@s.example",
            "status": "connected", "sends": sends, "replies": replies, "email_provider": "Gmail"}),
        )
    };
    // acme: 50 of 1,000, then 39 of 1,000; globex: the same rates on 99 sends a day at most.
    let acme = [(5, 0, 0), (4, 1_000, 50), (3, 2_000, 89)]
        .map(|(days, sends, replies)| poll("acme", days, sends, replies));
    let globex = [(5, 0, 0), (4, 99, 10), (3, 198, 10)]
        .map(|(days, sends, replies)| poll("globex", days, sends, replies));
    server.record("acme", &acme).await;
    server.record("globex", &globex).await;
    server.kill();
    let server = site.start().await;
    let raised = await_alerts(&server, ACME, |items| !items.is_empty()).await;
    assert_eq!((&raised[0]["rule"], &raised[0]["subject"]), (&json!("reply_rate_drop"), &json!("Gmail")));
    let figures = ["reply_rate", "reply_rate_before", "sends", "replies", "day_before"]
        .map(|name| raised[0]["figures"][name].clone());
    assert_eq!(
        figures,
        [json!("3.90"), json!("5.00"), json!("1000"), json!("39"), json!(&days_ago(4)[..10])]
    );
    assert!(server.all_items("globex", "alerts").await.is_empty(), "under 100 sends a rate says little");
    server.kill();
    let server = site.start().await;
    await_ticks(&server).await;
    assert_eq!(server.all_items("acme", "alerts").await.len(), 1, "once");
}
