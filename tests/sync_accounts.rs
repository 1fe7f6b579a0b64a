//! Email Bison's sender accounts from outside (D6, D8; L7, L8, L12): a real server polls a stand-in over real sockets.

use std::time::{Duration, Instant};

use crate::common::runs::{instead, too_many};
use crate::common::shifted::Shifted;
use crate::common::site::files;
use crate::common::{Server, Site};
use factfold::standins::emailbison::BisonInstance;
use factfold::standins::{PlayedAnswer, StandIn, StandInFault};
use serde_json::{Value, json};

const SOURCE: &str = "emailbison";
/// An id, a bar and what is secret of it.
const TOKEN: &str = "17|bison-canary-61";
const LIST: &str = "sender-emails";

fn tables(url: &str, workspaces: &str) -> String {
    format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n\
         timezone = \"America/New_York\"\nworkspaces = {workspaces}\n[tenant.emailbison]\nbase_url = \"{url}\"\n\
         api_key = \"{TOKEN}\"\npoll_seconds = 300\n"
    )
}

async fn played(accounts: u64) -> (StandIn, BisonInstance, Site) {
    let instance = BisonInstance::with_accounts(TOKEN, accounts);
    let stand_in = StandIn::start(instance.clone()).await.expect("a port");
    let site = Site::with(&tables(&stand_in.url(), r#"["acme client"]"#));
    (stand_in, instance, site)
}

async fn status(server: &Server) -> [Value; 3] {
    let status = server.read("acme", "sender-accounts/status").await;
    ["accounts", "connected", "disconnected"].map(|member| status[member].clone())
}

/// Accounts as they are served, and the facts about them.
async fn figures(server: &Server) -> [Vec<Value>; 3] {
    [
        server.all_items("acme", "sender-accounts?limit=500").await,
        server.all_items("acme", "facts?kind=sender_account_observed&limit=500").await,
        server.all_items("acme", "facts?kind=sender_account_removed&limit=500").await,
    ]
}

#[tokio::test]
async fn d6_twelve_thousand_accounts_come_in_eight_hundred_pages_at_once() {
    let (stand_in, instance, site) = played(12_000).await;
    let server = site.start().await;
    stand_in.script(LIST, (0, 10_000), StandInFault::Slow(Duration::from_millis(100)));
    let began = Instant::now();
    assert_eq!(server.run_succeeds(SOURCE).await, 12_000);
    let first = began.elapsed();
    assert_eq!(stand_in.requests().len(), 1 + 800, "the token's workspace, and each page once");
    let most = stand_in.most_at_once();
    assert!(most > 4, "expected pages in parallel, {most} at most");
    assert_eq!(status(&server).await, [json!(12_000), json!(12_000), json!(0)]);
    instance.set(7_777, "status", json!("Not connected"));
    let began = Instant::now();
    assert_eq!(server.run_succeeds(SOURCE).await, 1, "one changed of all");
    assert_eq!(status(&server).await, [json!(12_000), json!(11_999), json!(1)]);
    eprintln!(
        "12,000 accounts, 800 pages of 100 ms: first poll {first:?}, second {:?}, {most} requests at once, {} MiB",
        began.elapsed(),
        server.memory()
    );
}

#[tokio::test]
async fn d6_only_changes_become_facts_and_an_account_that_is_gone_is_removed() {
    let (stand_in, instance, site) = played(40).await;
    let server = site.start().await;
    let never = server.source(SOURCE).await;
    assert_eq!((&never["state"], &never["last_success_at"]), (&json!("never"), &json!(null)), "{never}");
    assert!(never["next_run_at"].is_string(), "{never}");
    assert_eq!(server.run_succeeds(SOURCE).await, 40);
    let account = |id: u64| format!("sender-accounts?search=john{id}%40");
    let first = server.all_items("acme", &account(7)).await[0].clone();
    for (member, expected) in [
        ("account_id", json!("7")),
        ("instance", json!("127.0.0.1")),
        ("workspace", json!("17")),
        ("status", json!("connected")),
        ("sends", json!(107)),
        ("replies", json!(10)),
        ("bounces", json!(2)),
        ("email_provider", json!("Gmail")),
        ("reseller", json!("Hypertide")),
        ("tags", json!(["Google", "Hypertide"])),
    ] {
        assert_eq!(first[member], expected, "{member} of {first}");
    }
    assert_eq!(server.run_succeeds(SOURCE).await, 0, "nothing changed");

    instance.set(1, "status", json!("Failed"));
    instance.set(2, "emails_sent_count", json!(1_000));
    instance.set(3, "tags", json!([{"id": 9, "name": "reseller: Joe's Boxes", "default": false}]));
    instance.remove(40);
    instance.add(41);
    assert_eq!(server.run_succeeds(SOURCE).await, 4, "counters of the day are known already");
    assert_eq!(status(&server).await, [json!(40), json!(39), json!(1)]);
    assert_eq!(server.all_items("acme", &account(40)).await, Vec::<Value>::new());
    assert_eq!(server.all_items("acme", &account(3)).await[0]["reseller"], "Joe's Boxes");
    let removed = server.all_items("acme", "facts?kind=sender_account_removed").await;
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!((&removed[0]["body"]["account_id"], server.run_succeeds(SOURCE).await), (&json!("40"), 0));
    // It comes back.
    instance.add(40);
    assert_eq!(server.run_succeeds(SOURCE).await, 1);
    assert_eq!(status(&server).await[0], 41);
    let asked: Vec<String> =
        stand_in.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert!(asked.iter().all(|header| *header == format!("Bearer {TOKEN}")), "{asked:?}");
}

#[tokio::test]
async fn l7_a_page_that_is_missing_or_a_refusal_removes_no_account_and_changes_no_figure() {
    let (stand_in, instance, site) = played(40).await;
    let server = site.start().await;
    server.run_succeeds(SOURCE).await;
    let before = figures(&server).await;
    instance.set(1, "status", json!("Disconnected"));
    instance.remove(39);
    let refusal =
        |status| StandInFault::Answer(PlayedAnswer::json(status, json!({"message": "Unauthenticated."})));
    let page =
        |total: u64, last_page: u64| json!({"data": [], "meta": {"last_page": last_page, "total": total}});
    for (on, fault, words) in [
        ("sender-emails?page=2", refusal(404), "sender-emails: answered 404: Unauthenticated."),
        ("sender-emails?page=1", refusal(401), "sender-emails: answered 401: Unauthenticated."),
        ("api/users", refusal(401), "users: answered 401"),
        (
            LIST,
            instead(json!({"success": false, "message": "down"})),
            "refused with success false: sender-emails: down",
        ),
        ("page=3", instead(json!({"data": {"success": false, "message": "busy"}})), "sender-emails: busy"),
        (LIST, instead("<html>"), "sender-emails: the answer is not JSON"),
        (LIST, instead("{\"data\": []}"), "no meta.last_page"),
        ("page=2", instead(page(39, 3)), "24 of 39 accounts came"),
        ("page=2", instead(page(38, 3)), "its length changed"),
        (
            LIST,
            instead("{\"data\": [{\"id\": 1}], \"meta\": {\"last_page\": 1}}"),
            "account 1 without a valid email",
        ),
        ("page=2", StandInFault::Cut, "sender-emails: the connection broke"),
    ] {
        stand_in.heal();
        stand_in.script(on, (0, 100), fault);
        server.run_fails(SOURCE, words).await;
        assert_eq!(figures(&server).await, before, "{words}");
    }
    // Null control: the same list, whole.
    stand_in.heal();
    assert_eq!(server.run_succeeds(SOURCE).await, 2);
    assert_eq!(status(&server).await, [json!(39), json!(38), json!(1)]);
    // A list that is whole and empty says that all are gone.
    stand_in.script(LIST, (0, 1), instead(page(0, 1)));
    assert_eq!(server.run_succeeds(SOURCE).await, 39);
    assert_eq!(status(&server).await[0], 0);
}

#[tokio::test]
async fn b3_a_storm_of_429_slow_and_broken_answers_is_weathered_page_by_page() {
    let (stand_in, _, site) = played(600).await;
    let server = site.start().await;
    stand_in.script(LIST, (5, 30), too_many(1));
    stand_in.script("page=39", (0, 2), StandInFault::Cut);
    stand_in.script("page=38", (0, 1), StandInFault::Closed);
    stand_in.script("page=37", (0, 1), StandInFault::Answer(PlayedAnswer::json(502, "<html>")));
    stand_in.script("page=36", (0, 1), StandInFault::Slow(Duration::from_secs(2)));
    let began = Instant::now();
    assert_eq!(server.run_succeeds(SOURCE).await, 600);
    let again = stand_in.requests().len() - 41;
    assert!((34..=35).contains(&again), "each failure is one more request: {again}");
    eprintln!(
        "600 accounts through 30 answers of 429 and 4 broken ones: {:?}, {again} requests again",
        began.elapsed()
    );
}

#[tokio::test]
async fn b13_a_token_of_another_workspace_is_refused() {
    let instance = BisonInstance::with_accounts(TOKEN, 3);
    let stand_in = StandIn::start(instance).await.expect("a port");
    for (workspaces, is_taken) in [(r#"["Globex", "18"]"#, false), (r#"["17"]"#, true), ("[]", true)] {
        let server = Site::with(&tables(&stand_in.url(), workspaces)).start().await;
        match is_taken {
            true => assert_eq!(server.run_succeeds(SOURCE).await, 3, "{workspaces}"),
            false => {
                server.run_fails(SOURCE, "a workspace that is not the tenant's").await;
                assert_eq!(status(&server).await[0], 0);
            }
        }
    }
}

#[tokio::test]
async fn d6_totals_become_facts_once_a_day_and_days_have_what_they_gained() {
    let (_stand_in, instance, site) = played(2).await;
    let shifted = Shifted::on(site);
    let poll = async |at: &str, totals: [u64; 2], expected: u64| {
        for (id, sends) in (1..).zip(totals) {
            instance.set(id, "emails_sent_count", json!(sends));
        }
        let server = shifted.start_at(at).await;
        assert_eq!(server.updated_since(SOURCE, at).await, expected, "{at}");
        server
    };
    // Midnight in New York is 05:00Z.
    poll("2027-01-11T16:00:00Z", [100, 100], 2).await.stop();
    poll("2027-01-12T04:52:00Z", [120, 100], 1).await.stop();
    poll("2027-01-12T16:00:00Z", [130, 100], 1).await.stop();
    poll("2027-01-12T17:00:00Z", [135, 100], 0).await.stop();
    poll("2027-01-13T04:52:00Z", [150, 100], 2).await.stop();
    let server = poll("2027-01-13T04:57:00Z", [151, 100], 0).await;
    let days = server.all_items("acme", "provider-performance?from=2027-01-11&to=2027-01-12").await;
    let sends: Vec<_> = days.iter().map(|day| (&day["sends"], &day["measured_accounts"])).collect();
    assert_eq!(
        sends.last(),
        Some(&(&json!(30), &json!(2))),
        "of 120 and 100 at the end of the day before: {days:?}"
    );
}

#[tokio::test]
async fn l12_the_token_is_in_no_log_error_fact_file_or_configuration_as_shown() {
    let (stand_in, _, site) = played(3).await;
    let server = site.start().await;
    let quoting = json!({"success": false, "message": format!("token {TOKEN} is wrong")});
    stand_in.script(LIST, (0, 1), instead(&quoting));
    server.run_fails(SOURCE, "token *** is wrong").await;
    stand_in.script(LIST, (0, 1), StandInFault::Answer(PlayedAnswer::json(401, &quoting)));
    server.run_fails(SOURCE, "answered 401: token *** is wrong").await;
    server.run_succeeds(SOURCE).await;
    let facts = Value::from(server.all_facts("acme").await).to_string();
    for text in [server.said(), site.cli(&["config", "show"]).all(), facts] {
        assert!(!text.contains("canary"), "{text}");
    }
    server.stop();
    for file in files(&site.data()) {
        let bytes = std::fs::read(&file).expect("read");
        assert!(!bytes.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "{}", file.display());
    }
}

/// A reply as the list has it.
fn reply(id: u64, at: &str) -> Value {
    json!({
        "id": id, "uuid": format!("7d0c5a3e-0000-4000-8000-{id:012}"), "subject": "Re: test", "interested": false,
        "automated_reply": false, "text_body": "Sounds good", "date_received": at, "type": "Tracked Reply",
        "folder": "Inbox", "from_email_address": format!("lead{id}@example.com"), "lead_id": id, "campaign_id": 2,
        "scheduled_email_id": 4, "sender_email_id": 3, "primary_to_email_address": "from@acme.example",
        "created_at": at, "updated_at": at,
    })
}

#[tokio::test]
async fn f3_replies_that_no_webhook_brought_are_filled_in_once_and_those_that_came_count_once() {
    let (stand_in, instance, site) = played(1).await;
    let endpoint = "[[endpoint]]\nid = \"eb-00000001\"\nprovider = \"emailbison\"\ntenant = \"acme\"\n";
    site.configure(&format!("{}{endpoint}", tables(&stand_in.url(), r#"["acme client"]"#)));
    let server = site.start().await;
    for id in 1..=40 {
        instance.add_reply(reply(id, "2026-04-01T10:00:00.000000Z"));
    }
    // The last instant of March in New York, and others that are no replies of these days.
    instance.add_reply(reply(50, "2026-04-01T03:59:59.999999Z"));
    for (id, member, value) in [
        (51, "type", json!("Outgoing Email")),
        (52, "type", json!("Bounced")),
        (53, "type", json!("Untracked Reply")),
        (54, "automated_reply", json!(true)),
    ] {
        let mut row = reply(id, "2026-04-01T10:00:00.000000Z");
        row[member] = value;
        instance.add_reply(row);
    }
    // One came by webhook, with more than the list tells.
    let delivered = json!({
        "event": {"type": "LEAD_REPLIED", "instance_url": stand_in.url(), "workspace_id": 17},
        "data": {
            "reply": {"id": 7, "date_received": "2026-04-01T10:00:00.000000Z", "text_body": "Sounds good"},
            "campaign_event": {"id": 6007, "created_at": "2026-04-01T10:00:05.000000Z"},
            "lead": {"id": 7, "email": "lead7@example.com", "first_name": "Pat"}, "campaign": {"id": 2, "name": "Spring"},
        },
    });
    let hook = server.request("POST", "/hooks/emailbison/eb-00000001").body(delivered.to_string());
    server.send(hook).await.is(200);
    let replies =
        async || server.read("acme", "metrics/days?from=2026-04-01&to=2026-04-01").await["items"][0].clone();
    assert_eq!(replies().await["replies"], 1);
    for (expected, why) in [(39, "all but the one that came"), (0, "all are known")] {
        let body = json!({"source": SOURCE, "from": "2026-04-01", "to": "2026-04-01"});
        let run = server.run_source(&body).await;
        assert_eq!(
            (&run["status"], &run["records_updated"]),
            (&json!("success"), &json!(expected)),
            "{why}: {run}"
        );
        let day = replies().await;
        assert_eq!((&day["replies"], &day["unique_replies"]), (&json!(40), &json!(40)), "{day}");
    }
    let told = server.all_items("acme", "facts?kind=difference_observed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let body = &told[0]["body"];
    assert_eq!([&body["listed"], &body["known"], &body["missing"]], [40, 1, 39], "{body}");
}

#[tokio::test]
async fn e9_replies_that_a_run_recorded_before_it_failed_are_told_by_the_next() {
    let (stand_in, instance, site) = played(1).await;
    let server = site.start().await;
    (1..=40).for_each(|id| instance.add_reply(reply(id, "2026-04-01T10:00:00.000000Z")));
    let body = json!({"source": SOURCE, "from": "2026-04-01", "to": "2026-04-01"});
    // The third page of three is not read.
    stand_in.script("eyJ30", (0, 1), instead(json!({"data": [], "errors": {"cursor": ["is gone"]}})));
    let run = server.run_source(&body).await;
    assert_eq!(
        (&run["status"], &run["error"]),
        (&json!("failed"), &json!("refused with error: replies: {\"cursor\":[\"is gone\"]}")),
        "{run}"
    );
    let told = async || server.all_items("acme", "facts?kind=difference_observed").await;
    assert_eq!(told().await, Vec::<Value>::new());
    for expected in [10, 0] {
        let run = server.run_source(&body).await;
        assert_eq!((&run["status"], &run["records_updated"]), (&json!("success"), &json!(expected)), "{run}");
        let told = told().await;
        assert_eq!((told.len(), &told[0]["body"]["missing"]), (1, &json!(40)), "{told:?}");
    }
}
