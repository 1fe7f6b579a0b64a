//! A site whose log holds most kinds of facts, including conflicts, quarantine and reports.

use serde_json::json;

use super::crm::good;
use super::facts::{answered, disposed, four_stages, mail, staged};
use super::{Server, Site, TOKEN, TWO_TENANTS, bison};

/// When all of it happened.
pub const AT: &str = "2025-10-09T12:00:00Z";

/// The configuration that holds when it has been lived in.
pub fn second_configuration() -> String {
    TWO_TENANTS.replace("\"17\"]", "\"17\", \"77\"]")
}

/// Calls, mails, a CRM run, a session, a disposition, a note, a target and reports; a conflict accepted and one
/// rejected, one quarantined delivery that was mapped and one that was not, a second configuration; a token.
pub async fn lived_in() -> Site {
    let site = Site::new();
    let server = site.start().await;
    let mut facts = four_stages("CA1");
    facts.extend((10..20).map(|n| answered(&format!("CA{n}"), n * 4, AT)));
    facts.extend((0..5).map(|n| mail("email_sent", n, json!({"id": n.to_string()}), AT)));
    facts.push(mail("lead_interested", 9, json!({"id": "3", "email": "lead@example.org"}), AT));
    facts.push(staged(1, json!({"id": "3"}), "won", AT));
    facts.push(disposed("CA10", 1, "connected", AT));
    let lead = json!({"id": "7", "contact_name": "Bob Quill", "source": "web", "stage": "New Lead",
        "contact_type": "1"});
    facts.extend(good("run-1", "leads", AT, json!([lead])));
    server.record("acme", &facts).await;
    server.record("globex", &[answered("GX1", 90, AT)]).await;
    let session = server.start_session(&["L1", "L2"]).await;
    server.mark_attempt(&session, "L1", "connected").await.is(201);
    server.command("acme", "notes", &json!({"content": "calls back"})).await.is(201);
    let target = server.request("PUT", "/api/v1/tenants/acme/targets/2025-10/qualified").bearer_auth(TOKEN);
    server.send(target.json(&json!({"value": 20}))).await;
    conflicts(&server).await;
    server.command("globex", "facts", &answered("GX2", 30, AT)).await.is(201);
    let draft = json!({"period": "2025-10", "narrative": "October."});
    let draft = server.command("acme", "reports", &draft).await;
    let report = draft.is(201).json["report_id"].as_str().expect("id").to_owned();
    server.command("acme", &format!("reports/{report}/publish"), &json!({})).await.is(200);
    server.record("acme", &[answered("CA99", 300, AT)]).await;
    let moved = |workspace: u32| {
        let event = bison::sent("EMAIL_SENT", 50 + u64::from(workspace), bison::lead(1), AT).to_string();
        let event = event.replace("\"workspace_id\":17", &format!("\"workspace_id\":{workspace}"));
        event.replace("Acme Client", "Moved")
    };
    for workspace in [77, 78] {
        let answer = bison::deliver_raw(&server, moved(workspace)).await;
        assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    }
    server.token("auditor", &[]).await;
    server.stop();
    site.configure(&second_configuration());
    let server = site.start().await;
    let retried = server.send(server.request("POST", "/api/v1/quarantine/retry").bearer_auth(TOKEN)).await;
    assert_eq!(retried.is(200).json["resolved"], 1, "{}", retried.text);
    server.stop();
    site
}

async fn conflicts(server: &Server) {
    for (call, seconds) in [("CA11", 500), ("CA12", 600)] {
        server.post("acme", &answered(call, seconds, AT)).await.problem(409);
    }
    server.record("acme", &[answered("CA30", 20, AT)]).await;
    let open = server.read("acme", "conflicts").await["items"].clone();
    let ids: Vec<String> =
        open.as_array().expect("items").iter().map(|it| it["conflict_id"].to_string()).collect();
    server.command("acme", &format!("conflicts/{}/accept", ids[0]), &json!({})).await.is(200);
    server.command("acme", &format!("conflicts/{}/reject", ids[1]), &json!({})).await.is(200);
}
