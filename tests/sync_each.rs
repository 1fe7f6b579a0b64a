//! Every source through every way to fail (L3, L7, L8, B4): after each the figures are as before, the sources' states and
//! coverage say what is so, and the next run makes up for it. A real server reads stand-ins over real sockets.

use std::time::Duration;

use crate::common::call_lists::{Call, Lister, calls, differences};
use crate::common::runs::{instead, too_many};
use crate::common::size::kills;
use crate::common::{Server, Site};
use chrono::Utc;
use factfold::standins::calls::CallAccount;
use factfold::standins::clienttether::CtAccount;
use factfold::standins::emailbison::BisonInstance;
use factfold::standins::google_ads::{GoogleAccount, GoogleSecrets};
use factfold::standins::meta_ads::MetaAccount;
use factfold::standins::{PlayedAnswer, StandIn, StandInFault};
use serde_json::{Value, json};

const KEY: &str = "each-canary-81";
/// More than a page of each source.
const ROWS: u64 = 40;

/// A source with rows to read.
struct Pulled {
    name: &'static str,
    stand_in: StandIn,
    site: Site,
    /// What its runs are asked for.
    body: Value,
    /// In the path of a request that is not the last.
    page: &'static str,
    /// An empty list with an error code, and an error behind data, both with 200.
    errors: [Value; 2],
    /// Where its figures are served.
    routes: Vec<String>,
    /// Adds a row, or changes one.
    change: Box<dyn Fn() + Send + Sync>,
}

impl Pulled {
    async fn figures(&self, server: &Server) -> Vec<Value> {
        let mut figures = Vec::new();
        for route in &self.routes {
            let mut told = server.read("acme", route).await;
            let members = told.as_object_mut().expect("an object");
            // When something was read differs from run to run.
            for name in [
                "position",
                "at",
                "as_of",
                "observed_at",
                "ad_spend_observed_at",
                "coverage",
                "last_sync_at",
                "history",
            ] {
                members.remove(name);
            }
            figures.push(told);
        }
        figures
    }

    async fn run(&self, server: &Server) -> Value {
        server.run_source(&self.body).await
    }

    async fn succeeds(&self, server: &Server) -> Value {
        let run = self.run(server).await;
        assert_eq!(
            (&run["status"], &run["error"]),
            (&json!("success"), &json!(null)),
            "{}: {run}",
            self.name
        );
        let state = server.source(self.name).await;
        assert_eq!((&state["state"], &state["error"]), (&json!("success"), &json!(null)), "{state}");
        run
    }
}

fn site(tables: &str, url: &str) -> Site {
    Site::with(&format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[sync]\nschedule = \"0 0 1 1 *\"\n[[tenant]]\nid = \"acme\"\n\
         name = \"Acme\"\ntimezone = \"America/New_York\"\ncurrency = \"USD\"\n{}",
        tables.replace("{url}", url)
    ))
}

async fn clienttether() -> Pulled {
    let account = CtAccount::with_leads(KEY, 250);
    let stand_in = StandIn::start(account.clone()).await.expect("a port");
    let table = format!("[tenant.clienttether]\nbase_url = \"{{url}}/v2/api/\"\nweb_key = \"{KEY}\"\n");
    let site = site(&table, &stand_in.url());
    Pulled {
        name: "clienttether",
        stand_in,
        site,
        body: json!({"source": "clienttether"}),
        page: "read_client_list",
        errors: [
            json!({"ResultCode": "CT_500", "Message": "Something went wrong", "data": []}),
            json!({"ResultCode": "CT_429", "Message": "Too many", "TotalRecord": 1, "data": [{"client_id": "1"}]}),
        ],
        routes: vec!["leads/summary".into(), "pipeline".into()],
        change: Box::new(move || account.put_client("8999999", "New Lead", "Referral")),
    }
}

async fn emailbison() -> Pulled {
    let instance = BisonInstance::with_accounts(KEY, ROWS);
    let stand_in = StandIn::start(instance.clone()).await.expect("a port");
    let table =
        format!("workspaces = [\"17\"]\n[tenant.emailbison]\nbase_url = \"{{url}}\"\napi_key = \"{KEY}\"\n");
    let site = site(&table, &stand_in.url());
    Pulled {
        name: "emailbison",
        stand_in,
        site,
        body: json!({"source": "emailbison"}),
        page: "sender-emails",
        errors: [
            json!({"data": [], "meta": {"last_page": 1, "total": 0}, "errors": {"workspace": ["Not available"]}}),
            json!({"data": {"success": false, "message": "Record not found."}}),
        ],
        routes: vec!["sender-accounts/status".into()],
        change: Box::new(move || instance.add(ROWS + 1)),
    }
}

/// Today in the account's zone, and the month that has it.
fn today() -> (String, String) {
    let now = Utc::now().with_timezone(&chrono_tz::America::New_York);
    (now.format("%Y-%m-%d").to_string(), now.format("%Y-%m").to_string())
}

async fn google_ads() -> Pulled {
    let secrets = GoogleSecrets {
        developer_token: "developer".into(),
        client_secret: "client".into(),
        refresh_token: "refresh".into(),
        access_token: KEY.into(),
    };
    let account = GoogleAccount::new("1234567890", "USD", "America/New_York", secrets);
    let (day, month) = today();
    account.spend(&day, 70_000);
    let stand_in = StandIn::start(account.clone()).await.expect("a port");
    let table = "[tenant.google_ads]\nbase_url = \"{url}/v26\"\ntoken_url = \"{url}/token\"\ncustomer_id = \"123-456-7890\"\n\
                 developer_token = \"developer\"\nclient_id = \"id\"\nclient_secret = \"client\"\n\
                 refresh_token = \"refresh\"\n";
    let site = site(table, &stand_in.url());
    let error = json!({"error": {"code": 500, "message": "Internal error", "status": "INTERNAL"}});
    Pulled {
        name: "google_ads",
        stand_in,
        site,
        body: json!({"source": "google_ads"}),
        page: "searchStream",
        errors: [json!([{"results": []}, error]), error],
        routes: vec![format!("metrics/month?month={month}")],
        change: Box::new(move || account.spend(&day, 90_000)),
    }
}

async fn meta() -> Pulled {
    let account = MetaAccount::new("42", "USD", "America/New_York", KEY);
    let (day, month) = today();
    account.spend(&day, "0.07");
    let stand_in = StandIn::start(account.clone()).await.expect("a port");
    let table = format!(
        "[tenant.meta_ads]\nbase_url = \"{{url}}/v25.0\"\naccount_id = \"act_42\"\naccess_token = \"{KEY}\"\n"
    );
    let site = site(&table, &stand_in.url());
    let error = json!({"message": "Please reduce the amount of data", "type": "OAuthException", "code": 1});
    Pulled {
        name: "meta",
        stand_in,
        site,
        body: json!({"source": "meta"}),
        page: "act_42",
        errors: [json!({"data": [], "error": error}), json!({"error": error})],
        routes: vec![format!("metrics/month?month={month}")],
        change: Box::new(move || account.spend(&day, "0.09")),
    }
}

/// A list of calls in four pages; with a first row that nobody can deliver any more.
async fn listed(lister: Lister) -> Pulled {
    let account: CallAccount = lister.account().with_pages_of(10);
    calls(ROWS as u32).iter().for_each(|call| account.put(lister.row(call)));
    let stand_in = StandIn::start(account.clone()).await.expect("a port");
    let site = lister.site(&stand_in.url());
    let more = Call { number: 77, began: calls(1)[0].began + chrono::TimeDelta::hours(3) };
    let [empty, behind] = match lister {
        Lister::CallRail => [
            json!({"page": 1, "per_page": 10, "total_pages": 1, "total_records": 0, "calls": [], "error": "Account suspended"}),
            json!({"error": "Invalid account"}),
        ],
        Lister::Ctm => [
            json!({"page": 1, "total_pages": 1, "total_entries": 0, "calls": [], "errors": ["Not authorized"]}),
            json!({"error": "Invalid account"}),
        ],
        Lister::Twilio => [
            json!({"calls": [], "next_page_uri": null, "code": 20_429, "message": "Too Many Requests", "status": 429}),
            json!({"code": 20_500, "message": "Internal Server Error", "status": 500}),
        ],
    };
    Pulled {
        name: lister.source(),
        stand_in,
        site,
        body: json!({"source": lister.source(), "from": "2025-10-09", "to": "2025-10-09"}),
        page: "alls.json",
        errors: [empty, behind],
        routes: vec!["metrics/month?month=2025-10".into()],
        change: Box::new(move || account.put(lister.row(&more))),
    }
}

async fn callrail() -> Pulled {
    listed(Lister::CallRail).await
}

async fn ctm() -> Pulled {
    listed(Lister::Ctm).await
}

async fn twilio() -> Pulled {
    listed(Lister::Twilio).await
}

/// Ways to fail that no try of the four gets past, each with what the run's error must say.
fn lasting(errors: &[Value; 2]) -> Vec<(&'static str, StandInFault, &'static str)> {
    let status = |status: u16| StandInFault::Answer(PlayedAnswer::json(status, json!({"error": KEY})));
    vec![
        ("a page that is missing", status(404), "404"),
        ("a refusal of the credentials", status(401), "401"),
        ("an empty list with an error code", instead(&errors[0]), "refused with"),
        ("an error inside a 200", instead(&errors[1]), ""),
        ("no JSON", instead("<html>down for maintenance</html>"), "not JSON"),
        ("a storm of 429 that does not end", too_many(0), "429"),
    ]
}

async fn fails_and_makes_up(pulled: Pulled) {
    let server = pulled.site.start().await;
    let never = server.source(pulled.name).await;
    assert_eq!((&never["state"], &never["complete_through"]), (&json!("never"), &json!(null)), "{never}");
    let unread = pulled.figures(&server).await;
    // Nothing was read yet, so nothing of a source that fails is known, and nothing of it is 0.
    pulled.stand_in.script(pulled.page, (0, 100), StandInFault::Answer(PlayedAnswer::json(403, "{}")));
    assert_eq!(pulled.run(&server).await["status"], "failed");
    assert_eq!(pulled.figures(&server).await, unread, "{}", pulled.name);
    assert_eq!(server.source(pulled.name).await["complete_through"], json!(null));
    pulled.stand_in.heal();
    pulled.succeeds(&server).await;
    let read = pulled.figures(&server).await;
    assert_ne!(read, unread, "{}", pulled.name);

    (pulled.change)();
    let before = server.source(pulled.name).await;
    for (what, fault, words) in lasting(&pulled.errors) {
        pulled.stand_in.script(pulled.page, (0, 100), fault);
        let run = pulled.run(&server).await;
        let told = format!("{}, {what}: {run}", pulled.name);
        assert_eq!((&run["status"], &run["records_updated"]), (&json!("failed"), &json!(0)), "{told}");
        let error = run["error"].as_str().expect("an error");
        assert!(error.contains(words) && !error.contains("canary"), "expected {words:?}: {told}");
        assert_eq!(pulled.figures(&server).await, read, "{told}");
        let state = server.source(pulled.name).await;
        assert_eq!((&state["state"], &state["error"]), (&json!("failed"), &run["error"]), "{told}");
        for member in ["complete_through", "last_success_at"] {
            assert_eq!(state[member], before[member], "{member}: {told}");
        }
        pulled.stand_in.heal();
    }
    // What a run gets past: an answer cut in its body, a closed connection, two 429, each once.
    for fault in [StandInFault::Cut, StandInFault::Closed, too_many(0)] {
        pulled.stand_in.script(pulled.page, (0, 1), fault);
    }
    pulled.succeeds(&server).await;
    assert_ne!(pulled.figures(&server).await, read, "{}: the change came at last", pulled.name);
    assert_ne!(server.source(pulled.name).await["last_success_at"], before["last_success_at"]);
    for text in [server.said(), Value::from(server.all_facts("acme").await).to_string()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

/// kill -9 at some moments of a run, each time with the next run behind it: the same figures as of one run, and what nobody
/// had delivered is told once.
async fn killed_and_goes_on(pulled: Pulled, whole: Pulled) {
    let server = whole.site.start().await;
    whole.succeeds(&server).await;
    let expected = whole.figures(&server).await;
    let told: u64 = differences(&server).await.iter().filter_map(|told| told["missing"].as_u64()).sum();
    server.stop();

    pulled.stand_in.script("", (0, 100_000), StandInFault::Slow(Duration::from_millis(25)));
    let rounds = kills(4, 100);
    let mut server = pulled.site.start().await;
    for round in 0..rounds {
        server.command("acme", "sync/run", &pulled.body).await.is(202);
        // From before the first answer to behind the end of a list of four pages.
        tokio::time::sleep(Duration::from_millis(10 + (round * 67) % 240)).await;
        server.kill();
        server = pulled.site.start().await;
        let runs = server.all_items("acme", "sync/runs").await;
        let is_own = |run: &&Value| run["source"] == pulled.name;
        let last = runs.iter().rfind(is_own).expect("the first run is listed");
        assert_ne!(last["status"], "running", "{}: {last}", pulled.name);
    }
    // The start makes up for the run that was killed; one that goes on is answered in place of another.
    pulled.succeeds(&server).await;
    pulled.succeeds(&server).await;
    assert_eq!(pulled.figures(&server).await, expected, "{}", pulled.name);
    let again: u64 = differences(&server).await.iter().filter_map(|told| told["missing"].as_u64()).sum();
    assert_eq!(again, told, "{}: {:?}", pulled.name, differences(&server).await);
}

macro_rules! sources {
    ($($source:ident)*) => {
        mod l7_every_failure {
            $(#[tokio::test]
            async fn $source() {
                super::fails_and_makes_up(super::$source().await).await;
            })*
        }
        mod b4_killed_at_any_moment {
            $(#[tokio::test]
            async fn $source() {
                super::killed_and_goes_on(super::$source().await, super::$source().await).await;
            })*
        }
    };
}

sources! { clienttether emailbison google_ads meta callrail ctm twilio }

#[tokio::test]
async fn e9_what_a_run_recorded_before_it_failed_is_told_by_the_next_that_succeeds() {
    for lister in [Lister::CallRail, Lister::Ctm, Lister::Twilio] {
        let pulled = listed(lister).await;
        let server = pulled.site.start().await;
        pulled.stand_in.script(lister.second_page(), (0, 1), instead(json!({"error": "down"})));
        assert_eq!(pulled.run(&server).await["status"], "failed");
        let month = server.read("acme", "metrics/month?month=2025-10").await;
        assert_eq!(month["calls"], 10, "the first page counts: {month}");
        assert!(differences(&server).await.is_empty());
        pulled.succeeds(&server).await;
        let told = differences(&server).await;
        assert_eq!(
            (told.len(), &told[0]["missing"], &told[0]["known"]),
            (1, &json!(ROWS), &json!(0)),
            "{told:?}"
        );
        pulled.succeeds(&server).await;
        assert_eq!(differences(&server).await.len(), 1, "{lister:?}: told once");
        // Null control: what a webhook had delivered is known, also to the run behind one that failed.
        server.stop();
        let pulled = listed(lister).await;
        let server = pulled.site.start().await;
        for call in &calls(ROWS as u32)[..5] {
            lister.deliver(&server, call).await;
        }
        pulled.stand_in.script(lister.second_page(), (0, 1), instead(json!({"error": "down"})));
        assert_eq!(pulled.run(&server).await["status"], "failed");
        pulled.succeeds(&server).await;
        let told = differences(&server).await;
        assert_eq!(
            (&told[0]["missing"], &told[0]["known"]),
            (&json!(ROWS - 5), &json!(5)),
            "{lister:?}: {told:?}"
        );
        server.stop();
    }
}
