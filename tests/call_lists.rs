//! Lists of calls from outside (F3, E9; A1 to A5): the same calls by webhooks and by the provider's own list, what
//! nobody delivered, and what never ended. A real server reads stand-ins over real sockets.

use crate::common::call_lists::{
    CANARY, Call, LISTERS, Lister, calls, complete_through, differences, ended, played, updated,
};
use crate::common::site::files;
use crate::common::tracker::{callrail, deliver_callrail, with};
use crate::common::{Server, TOKEN};
use chrono::{DateTime, TimeDelta, Utc};
use factfold::standins::{PlayedAnswer, StandInFault};
use serde_json::{Value, json};

const DAY: Option<(&str, &str)> = Some(("2025-10-09", "2025-10-09"));

/// What is served of the calls, without positions.
async fn served(server: &Server, lister: Lister, calls: &[Call]) -> Vec<Value> {
    let mut served = vec![server.read("acme", "metrics/month?month=2025-10").await];
    for call in calls {
        served.push(server.read("acme", &format!("calls/{}", lister.call_id(call))).await);
    }
    for one in &mut served {
        let members = one.as_object_mut().expect("an object");
        // Moments of the two ways may differ by what they round, and facts are as many as came.
        for name in ["position", "at", "facts", "history", "fact_count"] {
            members.remove(name);
        }
    }
    served
}

async fn deliver(server: &Server, lister: Lister, calls: &[Call]) {
    for call in calls {
        lister.deliver(server, call).await;
    }
}

#[tokio::test]
async fn f3_the_same_calls_by_webhook_and_by_list_in_any_order_are_each_once_and_figures_are_equal() {
    let calls = calls(50);
    for lister in LISTERS {
        let mut all = Vec::new();
        for order in ["webhooks first", "list first", "interleaved", "at once"] {
            let (provider, _) = played(lister, &calls, 20).await;
            let site = lister.site(&provider.url());
            let server = site.start().await;
            match order {
                "webhooks first" => {
                    deliver(&server, lister, &calls).await;
                    let news = updated(&server, lister, DAY).await;
                    // Twilio's callbacks do not say when a call began; its list does.
                    assert_eq!(news, if lister == Lister::Twilio { 50 } else { 0 }, "{lister:?}");
                }
                "list first" => {
                    assert_eq!(updated(&server, lister, DAY).await, 50, "{lister:?}");
                    deliver(&server, lister, &calls).await;
                }
                "interleaved" => {
                    let (some, others): (Vec<Call>, Vec<Call>) =
                        calls.iter().cloned().partition(|call| call.number % 2 == 0);
                    deliver(&server, lister, &some).await;
                    updated(&server, lister, DAY).await;
                    deliver(&server, lister, &others).await;
                }
                _ => {
                    // The backfill of a day while its webhooks come.
                    tokio::join!(updated(&server, lister, DAY), deliver(&server, lister, &calls));
                }
            }
            // Whatever was still to be learned is learned now, and once.
            updated(&server, lister, DAY).await;
            assert_eq!(updated(&server, lister, DAY).await, 0, "{lister:?}, {order}: nothing is new");
            let month = server.read("acme", "metrics/month?month=2025-10").await;
            assert_eq!((&month["calls"], &month["answered"]), (&json!(50), &json!(40)), "{order}: {month}");
            assert_eq!(
                server.all_items("acme", "facts?kind=conflict_observed").await,
                Vec::<Value>::new(),
                "{lister:?}, {order}"
            );
            all.push((order, served(&server, lister, &calls).await));
            server.stop();
        }
        let (_, first) = &all[0];
        for (order, other) in &all[1..] {
            for (one, other) in first.iter().zip(other) {
                assert_eq!(one, other, "{lister:?}, {order}");
            }
        }
    }
}

#[tokio::test]
async fn e9_a_call_that_nobody_delivered_counts_once_and_is_told_and_so_is_one_that_the_list_lacks() {
    let calls = calls(10);
    for lister in LISTERS {
        let (provider, account) = played(lister, &calls, 250).await;
        let server = lister.site(&provider.url()).start().await;
        deliver(&server, lister, &calls[1..]).await;
        assert_eq!(complete_through(&server, lister).await, json!(null), "nothing is known, and not 0");
        updated(&server, lister, DAY).await;
        let month = server.read("acme", "metrics/month?month=2025-10").await;
        assert_eq!(month["calls"], 10, "{month}");
        let told = differences(&server).await;
        let counts = |told: &Value| {
            ["listed", "known", "missing", "unlisted", "closing", "missing_ids"]
                .map(|name| told[name].clone())
        };
        let missing = lister.call_id(&calls[0]);
        assert_eq!(
            counts(&told[0]),
            [json!(10), json!(9), json!(1), json!(0), json!("run"), json!([missing])],
            "{told:?}"
        );
        assert_eq!(complete_through(&server, lister).await, "2025-10-10T04:00:00Z", "the tenant's day");

        updated(&server, lister, DAY).await;
        assert_eq!(differences(&server).await.len(), 1, "it was closed");
        account.remove(&lister.id(&calls[3]));
        updated(&server, lister, DAY).await;
        let told = differences(&server).await;
        assert_eq!((&told[1]["unlisted"], &told[1]["closing"]), (&json!(1), &json!("person")), "{told:?}");
        assert_eq!(told[1]["unlisted_ids"], json!([lister.call_id(&calls[3])]));
        let month = server.read("acme", "metrics/month?month=2025-10").await;
        assert_eq!(month["calls"], 10, "what was delivered counts, listed or not");
        server.stop();
    }
}

#[tokio::test]
async fn b4_a_list_that_is_not_read_to_its_end_covers_nothing_and_the_next_run_makes_up_for_it() {
    let calls = calls(10);
    for lister in LISTERS {
        let (provider, _) = played(lister, &calls, 4).await;
        let site = lister.site(&provider.url());
        let server = site.start().await;
        let refusal = |status| StandInFault::Answer(PlayedAnswer::json(status, json!({"error": CANARY})));
        let broken = |body: Value| StandInFault::Answer(PlayedAnswer::json(200, body));
        for (on, fault, words) in [
            (lister.second_page(), refusal(404), "the list of calls: answered 404"),
            ("alls.json", refusal(401), "the list of calls: answered 401"),
            (
                lister.second_page(),
                broken(json!({"error": "down"})),
                "refused with error: the list of calls: down",
            ),
            (
                lister.second_page(),
                broken(json!({"calls": [], "total_pages": 3, "total_records": 10,
                "total_entries": 10, "next_page_uri": "https://elsewhere.example/"})),
                "",
            ),
        ] {
            provider.heal();
            provider.script(on, (0, 100), fault);
            let run = ended(&server, lister, DAY).await;
            assert_eq!(run["status"], "failed", "{lister:?}: {run}");
            assert!(run["error"].as_str().is_some_and(|error| error.contains(words)), "{words}: {run}");
            assert_eq!(complete_through(&server, lister).await, json!(null), "{run}");
        }
        assert!(differences(&server).await.is_empty());
        // Null control, and what passes: a storm with both spellings of Retry-After, an answer cut in its middle.
        provider.heal();
        for after in ["0".to_owned(), Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()] {
            let busy =
                PlayedAnswer { headers: vec![("retry-after", after)], ..PlayedAnswer::json(429, "{}") };
            provider.script(lister.second_page(), (0, 1), StandInFault::Answer(busy));
        }
        provider.script("alls.json", (0, 1), StandInFault::Cut);
        updated(&server, lister, DAY).await;
        let month = server.read("acme", "metrics/month?month=2025-10").await;
        assert_eq!(month["calls"], 10, "each once, also those of the page that had come: {month}");
        assert_eq!(complete_through(&server, lister).await, "2025-10-10T04:00:00Z");

        let shown = site.cli(&["config", "show"]);
        let facts = Value::from(server.all_facts("acme").await).to_string();
        for text in [server.said(), shown.all(), facts] {
            assert!(!text.contains("canary"), "{text}");
        }
        server.stop();
        for file in files(&site.data()) {
            let bytes = std::fs::read(&file).expect("read");
            let has = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            assert!(!has, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn e9_a_list_that_becomes_shorter_while_it_is_read_may_lack_a_call() {
    let lister = Lister::CallRail;
    let (provider, _) = played(lister, &calls(10), 4).await;
    let server = lister.site(&provider.url()).start().await;
    let shorter = json!({"page": 2, "per_page": 4, "total_pages": 3, "total_records": 9, "calls": []});
    provider.script("&page=2", (0, 1), StandInFault::Answer(PlayedAnswer::json(200, shorter)));
    let run = ended(&server, lister, DAY).await;
    assert_eq!(run["error"], "incomplete: the list of calls became shorter while it was read", "{run}");
    let fewer = json!({"page": 3, "per_page": 4, "total_pages": 3, "total_records": 10, "calls": []});
    provider.script("&page=3", (0, 1), StandInFault::Answer(PlayedAnswer::json(200, fewer)));
    let run = ended(&server, lister, DAY).await;
    assert_eq!(run["error"], "incomplete: 8 of 10 calls came", "{run}");
    assert_eq!(updated(&server, lister, DAY).await, 2, "the two that were missing");
}

#[tokio::test]
async fn e9_a_call_that_got_stuck_is_asked_for_and_closed_within_one_run() {
    let lister = Lister::CallRail;
    // Too old for the first run's list.
    let call = Call { number: 7, began: Utc::now() - TimeDelta::days(10) };
    let gone = Call { number: 8, began: call.began };
    let fresh = Call { number: 9, began: Utc::now() - TimeDelta::minutes(10) };
    let (provider, _) = played(lister, std::slice::from_ref(&call), 250).await;
    let server = lister.site(&provider.url()).start().await;
    for begun in [&call, &gone, &fresh] {
        let body = with(
            callrail(&lister.id(begun)),
            json!({"answered": false, "call_type": "missed", "duration": "0", "datetime": "", "timestamp": "",
                "start_time": begun.began.to_rfc3339()}),
        );
        assert_eq!(deliver_callrail(&server, "pre_call", &body).await.is(200).outcome(), "recorded");
    }
    let status = async |call: &Call| {
        server.read("acme", &format!("calls/{}", lister.call_id(call))).await["call_status"].clone()
    };
    assert_eq!(status(&call).await, "initiated");
    updated(&server, lister, None).await;
    assert_eq!(
        [status(&call).await, status(&gone).await, status(&fresh).await],
        [json!("completed"), json!("initiated"), json!("initiated")]
    );
    let asked = |call: &Call| {
        let path = format!("/calls/{}.json", lister.id(call));
        provider.requests().iter().filter(|request| request.path.ends_with(&path)).count()
    };
    assert_eq!([asked(&call), asked(&gone), asked(&fresh)], [1, 1, 0]);
    assert_eq!(updated(&server, lister, None).await, 0);
    assert_eq!([asked(&call), asked(&gone)], [1, 2], "what has ended is not asked for again");
    let through = complete_through(&server, lister).await;
    let through = DateTime::parse_from_rfc3339(through.as_str().expect("an instant")).expect("an instant");
    let lag = Utc::now() - through.to_utc();
    assert!(lag > TimeDelta::minutes(29) && lag < TimeDelta::minutes(35), "{through}");
}

#[tokio::test]
async fn g15_a_backfill_of_a_day_on_which_the_clock_is_set_has_the_tenants_day_alone() {
    for lister in LISTERS {
        // 2 November 2025 has 25 hours in New York.
        let times =
            ["2025-11-02T03:59:59Z", "2025-11-02T04:00:00Z", "2025-11-03T04:59:59Z", "2025-11-03T05:00:00Z"];
        let call = |(number, time): (usize, &&str)| Call {
            number: number as u32 + 1,
            began: DateTime::parse_from_rfc3339(time).expect("a time").to_utc(),
        };
        let calls: Vec<Call> = times.iter().enumerate().map(call).collect();
        let (provider, _) = played(lister, &calls, 250).await;
        let server = lister.site(&provider.url()).start().await;
        assert_eq!(updated(&server, lister, Some(("2025-11-02", "2025-11-02"))).await, 2, "{lister:?}");
        assert_eq!(complete_through(&server, lister).await, "2025-11-03T05:00:00Z");
        let mut ids: Vec<Value> =
            server.all_items("acme", "calls").await.iter().map(|call| call["call_id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        assert_eq!(ids, [&calls[1], &calls[2]].map(|call| json!(lister.call_id(call))), "{lister:?}");
        server.stop();
    }
}

#[tokio::test]
async fn l12_a_call_of_another_tenants_number_is_left_to_that_tenants_own_list() {
    let lister = Lister::CallRail;
    let calls = calls(2);
    let (provider, account) = played(lister, &calls, 250).await;
    account
        .put(with(lister.row(&calls[1]), json!({"company_name": "Globex", "tracking_phone_number": null})));
    let server = lister.site(&provider.url()).start().await;
    assert_eq!(updated(&server, lister, DAY).await, 1);
    for (tenant, count) in [("acme", 1), ("globex", 0)] {
        let path = format!("/api/v1/tenants/{tenant}/calls");
        let listed = server.send(server.request("GET", &path).bearer_auth(TOKEN)).await.is(200).json.clone();
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(count), "{tenant}: {listed}");
    }
}
