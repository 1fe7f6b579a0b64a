//! Ad spend of Google and Meta from outside (A6; L7, L8, L12): a real server reads stand-ins over real sockets.

use crate::common::runs::{instead, too_many};
use crate::common::shifted::Shifted;
use crate::common::site::files;
use crate::common::{Server, Site};
use factfold::standins::google_ads::{GoogleAccount, GoogleSecrets};
use factfold::standins::meta_ads::MetaAccount;
use factfold::standins::{PlayedAnswer, StandIn, StandInFault};
use serde_json::{Value, json};

const GOOGLE: &str = "google_ads";
const META: &str = "meta";
/// 10:00 on a Wednesday in New York.
const MID_MARCH: &str = "2027-03-10T15:00:00Z";
const CANARIES: [&str; 5] = [
    "developer-canary-71",
    "client-canary-72",
    "refresh-canary-73",
    "ya29.access-canary-74",
    "meta-canary-75",
];

fn google(currency: &str, zone: &str) -> GoogleAccount {
    let [developer_token, client_secret, refresh_token, access_token, _] = CANARIES.map(str::to_owned);
    let secrets = GoogleSecrets { developer_token, client_secret, refresh_token, access_token };
    GoogleAccount::new("1234567890", currency, zone, secrets)
}

struct Played {
    google: StandIn,
    meta: StandIn,
    site: Shifted,
}

/// A tenant of New York with an account of each platform.
async fn played(google: &GoogleAccount, meta: &MetaAccount) -> Played {
    let google = StandIn::start(google.clone()).await.expect("a port");
    let meta = StandIn::start(meta.clone()).await.expect("a port");
    let [developer, client, refresh, _, access] = CANARIES;
    let tables = format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n\
         timezone = \"America/New_York\"\ncurrency = \"USD\"\n\
         [tenant.google_ads]\nbase_url = \"{google}/v26\"\ntoken_url = \"{google}/token\"\n\
         customer_id = \"123-456-7890\"\nlogin_customer_id = \"999-999-9999\"\ndeveloper_token = \"{developer}\"\n\
         client_id = \"id.apps.example\"\nclient_secret = \"{client}\"\nrefresh_token = \"{refresh}\"\n\
         [tenant.meta_ads]\nbase_url = \"{meta}/v25.0\"\naccount_id = \"act_42\"\naccess_token = \"{access}\"\n",
        google = google.url(),
        meta = meta.url(),
    );
    Played { google, meta, site: Shifted::on(Site::with(&tables)) }
}

fn meta(currency: &str) -> MetaAccount {
    MetaAccount::new("42", currency, "America/New_York", CANARIES[4])
}

/// Spend of a month, in dollars.
async fn month(server: &Server, month: &str) -> Value {
    let figures = server.read("acme", &format!("metrics/month?month={month}")).await;
    figures["ad_spend_minor"]["USD"].clone()
}

async fn days(server: &Server) -> Vec<Value> {
    let mut facts = server.all_items("acme", "facts?kind=ad_spend_observed&limit=500").await;
    facts.sort_by_key(|fact| fact["position"].as_u64());
    let body =
        |fact: &Value| json!([fact["body"]["source"], fact["body"]["date"], fact["body"]["amount_minor"]]);
    facts.iter().map(body).collect()
}

#[tokio::test]
async fn a6_the_month_is_read_by_day_exactly_and_only_amounts_that_changed_become_facts() {
    let (google, meta) = (google("USD", "America/New_York"), meta("USD"));
    let played = played(&google, &meta).await;
    let server = played.site.start_at(MID_MARCH).await;
    let unread = server.read("acme", "metrics/month?month=2027-03").await;
    assert_eq!(unread["ad_spend_minor"], json!(null), "{unread}");
    google.spend("2027-02-28", 99_000_000);
    google.spend("2027-03-01", 2_500_000_000);
    google.spend("2027-03-02", 1_005_000);
    google.spend("2027-03-03", 0);
    google.spend("2027-03-10", 70_000);
    google.spend("2027-03-11", 5_000_000);
    meta.spend("2027-03-01", "5339.5");
    meta.spend("2027-03-09", "0.005");
    // Ten days, of which those without a row cost nothing; the day ahead is not asked for.
    assert_eq!(server.run_succeeds(GOOGLE).await, 10);
    assert_eq!(month(&server, "2027-03").await, 250_000 + 101 + 7);
    assert_eq!(server.run_succeeds(META).await, 10);
    assert_eq!(month(&server, "2027-03").await, 250_108 + 533_950 + 1);
    let read = server.read("acme", "metrics/month?month=2027-03").await;
    assert_eq!(read["ad_spend_span"], json!({"from": "2027-03-01", "to": "2027-03-10"}), "{read}");
    assert_eq!(month(&server, "2027-02").await, json!(null), "February was not asked for");
    let facts = days(&server).await;
    assert_eq!(facts[2], json!([GOOGLE, "2027-03-03", 0]), "{facts:?}");

    assert_eq!((server.run_succeeds(GOOGLE).await, server.run_succeeds(META).await), (0, 0));
    google.spend("2027-03-10", 90_000);
    meta.spend("2027-03-09", "0");
    assert_eq!((server.run_succeeds(GOOGLE).await, server.run_succeeds(META).await), (1, 1));
    assert_eq!(month(&server, "2027-03").await, 250_110 + 533_950);
    // An amount that comes back is a fact again.
    google.spend("2027-03-10", 70_000);
    assert_eq!(server.run_succeeds(GOOGLE).await, 1);
    assert_eq!(month(&server, "2027-03").await, 250_108 + 533_950);
    let search = played.google.requests();
    let search = search.iter().find(|request| request.path.contains("searchStream")).expect("a search");
    assert_eq!(search.path, "/v26/customers/1234567890/googleAds:searchStream");
    assert_eq!(search.header("login-customer-id"), "9999999999");
    let next = server.source(GOOGLE).await["next_run_at"].clone();
    assert!(next.as_str().is_some_and(|at| at.starts_with("2027-03-10T15:4")), "45 minutes on: {next}");
}

#[tokio::test]
async fn a6_closed_days_are_read_again_for_seven_days_and_restate_the_month_before() {
    let (google, meta) = (google("USD", "America/New_York"), meta("USD"));
    let played = played(&google, &meta).await;
    let updated = async |server: &Server, since| {
        (server.updated_since(GOOGLE, since).await, server.updated_since(META, since).await)
    };
    google.spend("2027-03-31", 10_000_000);
    meta.spend("2027-03-31", "10");
    let server = played.site.start_at("2027-04-01T03:00:00Z").await;
    assert_eq!(updated(&server, "2027-04-01T03:00:00Z").await, (31, 31));
    assert_eq!(month(&server, "2027-03").await, 2_000, "it is March still in New York");
    server.stop();
    // The platforms correct the last day, after the month is closed.
    google.spend("2027-03-31", 12_000_000);
    meta.spend("2027-03-31", "9.50");
    let server = played.site.start_at("2027-04-07T15:00:00Z").await;
    assert_eq!(updated(&server, "2027-04-07T15:00:00Z").await, (1 + 7, 1 + 7));
    assert_eq!(month(&server, "2027-03").await, 2_150);
    assert_eq!(month(&server, "2027-04").await, 0, "days that were read and have no row cost nothing");
    let restated = server.all_items("acme", "restatements?month=2027-03").await;
    let restated: Vec<_> = restated.iter().filter(|item| item["figure"] == "ad_spend_minor.USD").collect();
    assert_eq!(restated.len(), 1, "{restated:?}");
    assert_eq!((&restated[0]["old"], &restated[0]["new"]), (&json!(2_000), &json!(2_150)), "{restated:?}");
    server.stop();
    google.spend("2027-03-31", 99_000_000);
    meta.spend("2027-03-31", "99");
    let server = played.site.start_at("2027-04-08T15:00:00Z").await;
    assert_eq!(updated(&server, "2027-04-08T15:00:00Z").await, (1, 1));
    assert_eq!(month(&server, "2027-03").await, 2_150, "after seven days it stands");
    // Whoever wants it asks for the days.
    let asked = json!({"source": META, "from": "2027-03-30", "to": "2027-03-31"});
    assert_eq!(server.run_source(&asked).await["records_updated"], 1);
    assert_eq!(month(&server, "2027-03").await, 1_200 + 9_900);
}

#[tokio::test]
async fn a6_days_and_amounts_are_those_of_the_account() {
    let (google, meta) = (google("JPY", "Asia/Tokyo"), meta("KWD"));
    let played = played(&google, &meta).await;
    // It is the first of April in Tokyo, and a day earlier in New York.
    let server = played.site.start_at("2027-03-31T16:00:00Z").await;
    google.spend("2027-04-01", 1_500_000_000);
    meta.spend("2027-03-31", "1.2345");
    meta.spend("2027-04-01", "9");
    server.run_succeeds(GOOGLE).await;
    server.run_succeeds(META).await;
    let spend = async |month: &str| {
        server.read("acme", &format!("metrics/month?month={month}")).await["ad_spend_minor"].clone()
    };
    assert_eq!(spend("2027-04").await, json!({"JPY": 1_500}));
    assert_eq!(spend("2027-03").await, json!({"JPY": 0, "KWD": 1_235}));
}

#[tokio::test]
async fn l8_an_error_in_a_200_a_refusal_or_a_cut_answer_changes_no_figure() {
    let (google, meta) = (google("USD", "UTC"), meta("USD"));
    let played = played(&google, &meta).await;
    google.spend("2027-03-01", 1_000_000);
    meta.spend("2027-03-01", "1");
    let server = played.site.start_at(MID_MARCH).await;
    server.run_succeeds(GOOGLE).await;
    server.run_succeeds(META).await;
    let before = days(&server).await;
    google.spend("2027-03-02", 7_000_000);
    meta.spend("2027-03-02", "7");
    let quota = json!({"error": {"code": 429, "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED"}});
    let row = |id: &str| json!({"customer": {"id": id}, "segments": {"date": "2027-03-02"}, "metrics": {"costMicros": "1"}});
    let stranger = json!([{"results": [row("77")]}]);
    let ahead =
        json!([{"results": [{"customer": {"id": "1234567890"}, "segments": {"date": "2027-03-11"}}]}]);
    for (on, skipped, fault, words) in [
        (
            "/token",
            0,
            StandInFault::Answer(PlayedAnswer::json(
                400,
                json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
            )),
            "token: answered 400: invalid_grant: Token has been expired or revoked.",
        ),
        ("/token", 0, instead("{}"), "no access_token"),
        (
            "search",
            0,
            StandInFault::Answer(PlayedAnswer::json(
                401,
                json!([{"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}]),
            )),
            "searchStream: answered 401: UNAUTHENTICATED: no",
        ),
        (
            "search",
            1,
            instead(json!([{"results": [row("1234567890")]}, quota])),
            "refused with RESOURCE_EXHAUSTED",
        ),
        ("search", 1, instead(stranger), "rows of another account"),
        ("search", 1, instead(ahead), "spend of 2027-03-11, which is not between"),
        ("search", 1, instead("[{\"results\": ["), "not JSON"),
        ("search", 0, instead("[]"), "no account"),
        ("search", 1, StandInFault::Cut, "searchStream: the connection broke"),
    ] {
        played.google.heal();
        played.google.script(on, (skipped, 100), fault);
        server.run_fails(GOOGLE, words).await;
        assert_eq!(days(&server).await, before, "{words}");
    }
    let expired =
        json!({"error": {"message": "Error validating access token", "type": "OAuthException", "code": 190}});
    let day = |from: &str, to: &str, spend: &str| json!({"account_id": "42", "account_currency": "USD", "spend": spend, "date_start": from, "date_stop": to});
    let (one, two) = ("2027-03-01", "2027-03-02");
    let elsewhere =
        json!({"data": [], "paging": {"next": "http://localhost:1/v25.0/act_42/insights?after=1"}});
    for (on, fault, words) in [
        (
            "act_42?",
            StandInFault::Answer(PlayedAnswer::json(400, &expired)),
            "account: answered 400: Error validating access token (190)",
        ),
        ("insights", instead(&expired), "refused with 190: Error validating access token"),
        ("insights", instead("{}"), "insights is not as documented"),
        ("insights", instead(json!({"data": [day(one, two, "1")]})), "not of one day"),
        (
            "insights",
            instead(json!({"data": [day(one, one, "1"), day(one, one, "2")]})),
            "two rows of 2027-03-01",
        ),
        ("insights", instead(json!({"data": [day(one, one, "1,5")]})), "spend is no decimal number"),
        ("insights", instead(elsewhere), "on another host"),
        ("insights", StandInFault::Cut, "insights: the connection broke"),
    ] {
        played.meta.heal();
        played.meta.script(on, (0, 100), fault);
        server.run_fails(META, words).await;
        assert_eq!(days(&server).await, before, "{words}");
    }
    // Null control, through a storm.
    played.google.heal();
    played.meta.heal();
    played.google.script("search", (0, 2), too_many(0));
    played.meta.script("insights", (0, 3), too_many(0));
    assert_eq!((server.run_succeeds(GOOGLE).await, server.run_succeeds(META).await), (1, 1));
}

#[tokio::test]
async fn l7_of_three_pages_of_days_all_come_or_none_counts() {
    let (google, meta) = (google("USD", "UTC"), meta("USD"));
    let played = played(&google, &meta).await;
    for day in 1..=25 {
        meta.spend(&format!("2027-03-{day:02}"), "1.00");
    }
    let server = played.site.start_at("2027-03-25T15:00:00Z").await;
    played.meta.script("after=10", (0, 100), StandInFault::Answer(PlayedAnswer::json(404, "{}")));
    server.run_fails(META, "insights: answered 404").await;
    assert_eq!(month(&server, "2027-03").await, json!(null));
    played.meta.heal();
    assert_eq!(server.run_succeeds(META).await, 25);
    assert_eq!(month(&server, "2027-03").await, 2_500);
    let followed = played.meta.requests();
    assert!(
        followed.iter().all(|request| request.query("access_token").is_none()),
        "it goes in a header alone"
    );
}

#[tokio::test]
async fn l12_no_credential_of_a_platform_is_in_a_log_error_fact_file_or_the_configuration_as_shown() {
    let (google, meta) = (google("USD", "UTC"), meta("USD"));
    let played = played(&google, &meta).await;
    for day in 1..=11 {
        meta.spend(&format!("2027-03-{day:02}"), "1.00");
    }
    let server = played.site.start_at("2027-03-11T15:00:00Z").await;
    let quoting = format!("{} are wrong", CANARIES.join(" "));
    let of_google = json!({"error": {"code": 401, "message": quoting, "status": "UNAUTHENTICATED"}});
    for fault in [instead(&of_google), StandInFault::Answer(PlayedAnswer::json(401, &of_google))] {
        played.google.script("search", (0, 1), fault);
        let error = server.run_fails(GOOGLE, "*** *** *** *** meta-canary-75 are wrong").await;
        assert!(!error.contains("access-canary"), "{error}");
    }
    let of_meta = json!({"error": {"code": 190, "message": CANARIES[4]}});
    played.meta.script("insights", (0, 1), instead(&of_meta));
    server.run_fails(META, "refused with 190: ***").await;
    server.run_succeeds(GOOGLE).await;
    // Two pages, the first of which names the second with the token in it.
    server.run_succeeds(META).await;
    let shown = played.site.site.cli(&["config", "show"]).all();
    assert!(shown.contains("/token") && !shown.contains("canary"), "{shown}");
    server.stop();
    let own = &CANARIES[..4];
    assert!(own.iter().all(|secret| !server.said().contains(secret)), "{}", server.said());
    for file in files(&played.site.site.data()) {
        let bytes = std::fs::read(&file).expect("read");
        let bytes = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
        let has = |secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(own.iter().all(|secret| !has(secret)), "{}", file.display());
    }
}

#[tokio::test]
async fn settings_of_platforms_that_are_wrong_are_refused_at_start_by_line_and_key() {
    let head = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n";
    for (table, words) in [
        (
            "[tenant.meta_ads]\naccount_id = \"my account\"\naccess_token = \"abcdef\"\n",
            "tenant.meta_ads.account_id",
        ),
        (
            "[tenant.meta_ads]\naccount_id = \"1\"\naccess_token = \"env:NO_SUCH_VARIABLE\"\n",
            "NO_SUCH_VARIABLE",
        ),
        (
            "[tenant.emailbison]\nbase_url = \"http://dedi.example\"\napi_key = \"1|abcdef\"\n",
            "tenant.emailbison.base_url",
        ),
        (
            "[tenant.emailbison]\nbase_url = \"https://dedi.example\"\napi_key = \"1|abcdef\"\npoll_seconds = 0\n",
            "tenant.emailbison.poll_seconds",
        ),
        ("[tenant.emailbison]\napi_key = \"1|abcdef\"\n", "base_url"),
        ("[tenant.google_ads]\ncustomer_id = \"1\"\n", "developer_token"),
    ] {
        let refused = Site::with(&format!("{head}{table}")).start_refused();
        assert!(refused.exits(2).stderr.contains(words), "{words}: {}", refused.stderr);
    }
}
