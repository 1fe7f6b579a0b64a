//! What one endpoint may bring that is proven by its id alone, and what scrapes are told.

use crate::common::bison::{self, lead, sent};
use crate::common::twilio::{self, ended};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";
const AT: &str = "2025-10-09T12:00:00.000000Z";
/// An event is of some 1 KiB, so five fit at once.
const FEW_KIB: &str = "[limits]\nendpoint_kib_per_second = 1\nendpoint_kib_burst = 5\n";
const FEW: &str = "[limits]\nendpoint_deliveries_per_second = 1\nendpoint_deliveries_burst = 2\n";

/// The usual site, whose Email Bison endpoint is acme's, under these limits.
fn site(limits: &str) -> Site {
    let bound =
        TWO_TENANTS.replace("provider = \"emailbison\"", "provider = \"emailbison\"\ntenant = \"acme\"");
    Site::with(&format!("{limits}{bound}"))
}

/// Statuses of so many events that come at once.
async fn flood(server: &Server, count: u64) -> Vec<u16> {
    let mut statuses = Vec::new();
    for n in 0..count {
        let answer = bison::deliver(server, &sent("EMAIL_SENT", n, lead(n), AT)).await;
        if answer.status == 429 {
            assert_eq!(answer.problem(429)["code"], "too_many_requests");
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0), "{answer:?}");
        }
        statuses.push(answer.status);
    }
    statuses
}

async fn health(server: &Server, provider: &str) -> Value {
    let health = server.get("/api/v1/tenants/acme/webhook-health").await.is(200).json.clone();
    let items = health["items"].as_array().expect("items").clone();
    items.into_iter().find(|item| item["provider"] == provider).expect("the endpoint")
}

#[tokio::test]
async fn an_endpoint_proven_by_its_id_alone_is_limited_by_number_and_size_and_health_says_so() {
    for limits in [FEW, FEW_KIB] {
        let site = site(limits);
        let server = site.start().await;
        let statuses = flood(&server, 8).await;
        let recorded = statuses.iter().filter(|status| **status == 200).count() as u64;
        assert!((2..=6).contains(&recorded) && statuses[..2] == [200, 200], "{limits}: {statuses:?}");
        let told = health(&server, "emailbison").await;
        assert_eq!((&told["limited"], &told["success"]), (&json!(8 - recorded), &json!(recorded)), "{told}");
        assert_eq!(told["healthy"], true, "what was taken is well");
        let listed = server.get("/api/v1/tenants/acme/deliveries?outcome=limited").await;
        assert_eq!(listed.is(200).json["items"][0]["error"], "too_many_deliveries");
        let sent = server.read("acme", "metrics/month?month=2025-10").await["emails_sent"].clone();
        assert_eq!(sent, recorded, "nothing of the rest is kept");
        // A signed endpoint beside it is not limited, however much it brings.
        for n in 0..12 {
            let form = ended(&format!("CA{n}"), "completed", 45, STAMP);
            assert_eq!(twilio::deliver(&server, &form).await.is(200).outcome(), "recorded");
        }
        assert_eq!(health(&server, "twilio").await["limited"], 0);
    }
    let server = site("").start().await;
    assert_eq!(flood(&server, 8).await, [200; 8], "the default is more than a provider sends");
    assert_eq!(health(&server, "emailbison").await["limited"], 0);
}

async fn scraped(server: &Server) -> String {
    server.send(server.request("GET", "/metrics").bearer_auth(TOKEN)).await.is(200).text.clone()
}

#[tokio::test]
async fn scrapes_have_figures_by_tenant_where_the_configuration_says_so() {
    let now = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S +0000").to_string();
    for (tables, told) in [("[metrics]\nfigures = true\n", true), ("", false)] {
        let server = site(tables).start().await;
        twilio::deliver(&server, &ended("CA1", "completed", 45, &now)).await.is(200);
        twilio::deliver(&server, &ended("CA2", "completed", 5, &now)).await.is(200);
        let month = server.read("acme", "metrics/month").await;
        let text = scraped(&server).await;
        for figure in ["calls", "qualified", "talk_seconds", "emails_sent", "positive_replies"] {
            let line = format!("factfold_month_{figure}{{tenant=\"acme\"}} {}", month[figure]);
            assert_eq!(text.lines().any(|found| found == line), told, "{line}\n{text}");
        }
        assert_eq!(text.contains("globex"), told);
        assert!(!text.contains("_control") && !text.contains("ann@example.com"), "{text}");
        if told {
            assert_eq!((&month["calls"], &month["qualified"]), (&json!(2), &json!(1)), "{month}");
        }
    }
}
