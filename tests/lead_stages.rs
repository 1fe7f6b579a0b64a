//! Stages that people give to outreach leads, over HTTP (D3).

use crate::common::facts::{fact, mail, with};
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

fn leads() -> Vec<Value> {
    vec![
        mail(
            "lead_replied",
            1,
            json!({"id": "41", "email": "Ada@x.example", "first_name": "Ada"}),
            "2025-10-08T12:00:00Z",
        ),
        mail("email_bounced", 2, json!({"id": "42"}), "2025-10-08T12:00:00Z"),
        mail("lead_replied", 3, json!({"email": "bo@x.example"}), "2025-10-08T12:00:00Z"),
    ]
}

async fn stage(server: &Server, lead: &str, stage: &str) -> Answer {
    let path = format!("/api/v1/tenants/acme/outreach/leads/{lead}/stage");
    server.send(server.request("POST", &path).bearer_auth(TOKEN).json(&json!({"stage": stage}))).await
}

async fn lead(server: &Server, lead: &str) -> Answer {
    let path = format!("/api/v1/tenants/acme/outreach/leads/{lead}?min_position={}", server.seen());
    server.get(&path).await
}

#[tokio::test]
async fn d3_a_person_puts_a_lead_anywhere_and_the_same_again_is_existing() {
    let server = Site::new().start().await;
    server.record("acme", &leads()).await;
    for (to, status, outcome) in [
        ("quoting", 201, "recorded"),
        ("Quoting", 200, "existing"),
        ("won", 201, "recorded"),
        ("follow_up", 201, "recorded"),
    ] {
        let answer = stage(&server, "41", to).await;
        answer.is(status);
        assert_eq!(
            (&answer.json["outcome"], &answer.json["stage"]),
            (&json!(outcome), &json!(to.to_lowercase()))
        );
        assert_eq!(lead(&server, "41").await.is(200).json["stage"], to.to_lowercase());
    }
    let facts = server.all_facts("acme").await;
    let staged: Vec<_> = facts.iter().filter(|fact| fact["kind"] == "lead_staged").collect();
    assert_eq!(staged.len(), 3, "{staged:?}");
    assert_eq!(staged[0]["body"]["lead"], json!({"id": "41"}), "{staged:?}");
    assert_eq!(staged[0]["body"]["workspace"], "17", "{staged:?}");
}

#[tokio::test]
async fn d3_what_happened_before_a_persons_word_does_not_overrule_it_and_what_comes_later_does_by_rank() {
    let server = Site::new().start().await;
    server.record("acme", &leads()).await;
    stage(&server, "42", "interested").await.is(201);
    assert_eq!(lead(&server, "42").await.json["stage"], "interested", "the bounce was before");
    let later = (chrono::Utc::now() + chrono::Duration::minutes(5)).to_rfc3339();
    server.record("acme", &[mail("lead_replied", 4, json!({"id": "42"}), &later)]).await;
    assert_eq!(lead(&server, "42").await.json["stage"], "interested", "a lower rank");
    server.record("acme", &[mail("lead_unsubscribed", 5, json!({"id": "42"}), &later)]).await;
    assert_eq!(lead(&server, "42").await.json["stage"], "unsubscribed", "a higher rank");
}

#[tokio::test]
async fn d3_a_lead_is_found_by_id_by_the_lists_id_and_by_email() {
    let server = Site::new().start().await;
    server.record("acme", &leads()).await;
    assert_eq!(lead(&server, "ADA%40x.example").await.is(200).json["lead_id"], "41");
    let by_email = lead(&server, "bo%40x.example").await;
    let id = by_email.is(200).json["lead_id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with('@'), "{id}");
    stage(&server, &id, "lost").await.is(201);
    assert_eq!(lead(&server, &id).await.is(200).json["stage"], "lost");
    let found = server.all_items("acme", "outreach/leads?stage=lost").await;
    assert!(found.len() == 1 && found[0]["email"] == "bo@x.example", "{found:?}");
}

#[tokio::test]
async fn d3_an_id_of_several_workspaces_needs_the_workspace() {
    let server = Site::new().start().await;
    let there = with(
        fact("emailbison", "other/1", "lead_replied", "2025-10-08T12:00:00Z"),
        json!({"instance": "dedi.emailbison.com", "workspace": "19", "lead": {"id": "41"}}),
    );
    server.record("acme", &[leads(), vec![there]].concat()).await;
    assert_eq!(lead(&server, "41").await.is(409).json["code"], "ambiguous_lead");
    stage(&server, "41", "won").await.is(409);
    let path = "/api/v1/tenants/acme/outreach/leads/41/stage?workspace=19";
    let put = server.request("POST", path).bearer_auth(TOKEN).json(&json!({"stage": "won"}));
    server.send(put).await.is(201);
    let of = |workspace: &str| format!("outreach/leads/41?workspace={workspace}");
    assert_eq!(server.read("acme", &of("19")).await["stage"], "won");
    assert_eq!(server.read("acme", &of("17")).await["stage"], "replied", "the other is another lead");
}

#[tokio::test]
async fn d3_unknown_leads_and_stages_are_refused() {
    let server = Site::new().start().await;
    server.record("acme", &leads()).await;
    lead(&server, "77").await.is(404);
    lead(&server, "@77").await.is(404);
    stage(&server, "77", "won").await.is(404);
    for word in ["replied", "bounced", "sold"] {
        let answer = stage(&server, "41", word).await;
        answer.is(422);
        assert!(answer.text.contains("/stage"), "{}", answer.text);
    }
}

#[tokio::test]
async fn d3_one_idempotency_key_stages_a_lead_once_for_ever() {
    let server = Site::new().start().await;
    server.record("acme", &leads()).await;
    let put = |stage: &str| {
        let path = "/api/v1/tenants/acme/outreach/leads/41/stage";
        let request = server.request("POST", path).bearer_auth(TOKEN).header("idempotency-key", "K1");
        server.send(request.json(&json!({"stage": stage})))
    };
    put("won").await.is(201);
    stage(&server, "41", "lost").await.is(201);
    put("won").await.is(200);
    assert_eq!(lead(&server, "41").await.json["stage"], "lost", "the key was used before");
    put("quoting").await.is(422);
}
