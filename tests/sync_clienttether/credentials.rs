//! Credentials: changed by a reload; those of another tenant, who holds the same records then, without naming it (B13).

use super::*;
use crate::common::alerts::await_alerts;

#[tokio::test]
async fn b13_two_tenants_with_one_key_are_both_told_until_one_reads_its_own_account() {
    let (crm, account) = played(20).await;
    let own = CtAccount::with_leads("web-key-own", 7);
    let other = StandIn::start(own).await.expect("a port");
    let of = |url: &str, key: &str| {
        let table = format!(
            "[tenant.clienttether]\nbase_url = \"{url}/v2/api/\"\nweb_key = \"{key}\"\naccess_token = \"access\"\n"
        );
        format!("{}{table}", tables(&crm.url(), KEY))
    };
    let site = Site::with(&of(&crm.url(), KEY));
    let server = site.start().await;
    succeeds(&server).await;
    let alerts = |tenant: &str| format!("/api/v1/tenants/{tenant}/alerts?rule=equal_snapshots");
    assert_eq!(server.all_items("acme", "alerts?rule=equal_snapshots").await.len(), 0, "null control");
    let run = async |server: &Server| {
        server.command("globex", "sync/run", &json!({})).await.is(202);
    };
    run(&server).await;
    for tenant in ["acme", "globex"] {
        let told =
            await_alerts(&server, &alerts(tenant), |items| items.iter().any(|item| item["state"] == "open"))
                .await;
        let text = json!(told).to_string();
        let foreign = if tenant == "acme" { "globex" } else { "acme" };
        assert!(text.contains("wrong credentials") && !text.contains(foreign), "{text}");
    }
    drop(account);
    site.configure(&of(&other.url(), "web-key-own"));
    server.hang_up();
    server.says("configuration reloaded").await;
    run(&server).await;
    for tenant in ["acme", "globex"] {
        await_alerts(&server, &alerts(tenant), |items| items.iter().all(|item| item["state"] == "cleared"))
            .await;
    }
}

#[tokio::test]
async fn b2_a_reload_changes_credentials_and_a_source_that_is_gone_is_canceled() {
    let (crm, _) = played(3).await;
    let site = Site::with(&tables(&crm.url(), "wrong-key"));
    let server = site.start().await;
    fails(&server, "answered 401").await;
    site.configure(&tables(&crm.url(), KEY));
    server.hang_up();
    server.says("configuration reloaded").await;
    succeeds(&server).await;
    crm.script(LEADS, (0, 1), StandInFault::Slow(Duration::from_secs(20)));
    let begun = begin(&server).await.is(202).json.clone();
    let without = tables(&crm.url(), KEY);
    let (head, rest) = without.split_once("[tenant.clienttether]").expect("the table");
    let tail = rest.split_once("[[tenant]]").expect("the other tenant").1;
    site.configure(&format!("{head}[[tenant]]{tail}"));
    server.hang_up();
    let run = ended(&server, begun["run_id"].as_str().expect("an id")).await;
    assert_eq!(run["error"], "canceled", "{run}");
    begin(&server).await.problem(409);
}
