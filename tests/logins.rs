//! Logins that strangers try to deny, and what they try to learn by them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::stranger::{ask, fresh, log_in_from, login};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};
use serde_json::json;

const ANN: &str = "ann@example.com";
const PASSWORD: &str = "correct horse battery";
const RIGHT: (&str, &str) = (ANN, PASSWORD);
const WRONG: (&str, &str) = (ANN, "wrong horse battery");

async fn with_ann(site: &Site) -> Server {
    let server = site.start().await;
    let body = json!({"email": ANN, "name": "Ann", "password": PASSWORD});
    server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201);
    server
}

/// The cookies of a login: of the session, and of the device.
fn cookies(login: &Answer) -> (String, String) {
    let set: Vec<&str> =
        login.is(200).headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok()).collect();
    let [session, device] = ["factfold_session=", "factfold_device="].map(|name| {
        let found =
            set.iter().find(|set| set.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {set:?}"));
        assert!(
            found.contains("HttpOnly") && found.contains("SameSite=Lax") && found.contains("Secure"),
            "{found}"
        );
        found.split(';').next().expect("a cookie").to_owned()
    });
    (session, device)
}

async fn fail_ten_times(server: &Server, from: Ipv4Addr) {
    for _ in 0..10 {
        log_in_from(server, from, WRONG, &[]).await.problem(401);
    }
    let refused = log_in_from(server, from, RIGHT, &[]).await;
    assert_eq!(refused.problem(429)["code"], "too_many_attempts");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 800), "{refused:?}");
}

#[tokio::test]
async fn ten_wrong_passwords_lock_nobody_out_at_another_address_or_on_a_known_device() {
    let server = with_ann(&Site::new()).await;
    let (here, there) = (fresh(), fresh());
    let (session, device) = cookies(&log_in_from(&server, here, RIGHT, &[]).await);
    fail_ten_times(&server, here).await;
    log_in_from(&server, there, RIGHT, &[]).await.is(200);
    log_in_from(&server, here, RIGHT, &[("cookie", &device)]).await.is(200);
    log_in_from(&server, here, RIGHT, &[("cookie", &session)]).await.is(200);
    // It is Ann's device, and known to nobody else.
    let body = json!({"email": "bob@example.com", "name": "Bob", "password": PASSWORD});
    server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201);
    let bob = ("bob@example.com", PASSWORD);
    for _ in 0..10 {
        let wrong = (bob.0, "wrong horse battery");
        log_in_from(&server, here, wrong, &[("cookie", &device)]).await.problem(401);
    }
    log_in_from(&server, here, bob, &[("cookie", &device)]).await.problem(429);
    // Whoever has the device cannot try passwords without end either.
    for _ in 0..10 {
        log_in_from(&server, here, WRONG, &[("cookie", &device)]).await.problem(401);
    }
    log_in_from(&server, here, RIGHT, &[("cookie", &device)]).await.problem(429);
}

#[tokio::test]
async fn an_address_that_tries_one_name_after_the_other_is_refused_and_others_are_not() {
    let server = with_ann(&Site::new()).await;
    let here = fresh();
    let mut heard = 0;
    for n in 0..80 {
        let answer = ask(&server, here, &login(&format!("nobody{n}@example.com"), PASSWORD)).await;
        let is_refused = answer.starts_with("HTTP/1.1 429");
        assert!(is_refused || answer.starts_with("HTTP/1.1 401"), "{answer}");
        heard += usize::from(!is_refused);
    }
    assert_eq!(heard, 60);
    log_in_from(&server, here, RIGHT, &[]).await.problem(429);
    log_in_from(&server, fresh(), RIGHT, &[]).await.is(200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_limits_of_its_own() {
    let proxy = fresh();
    for (trusted, expected) in
        [(format!("[http]\ntrusted_proxies = [\"{proxy}\"]\n"), 200), (String::new(), 429)]
    {
        let server = with_ann(&Site::with(&format!("{trusted}{TWO_TENANTS}"))).await;
        for _ in 0..10 {
            // What a client makes up stands before what the proxy appends.
            let named = [("x-forwarded-for", "192.0.2.77, 198.51.100.1")];
            log_in_from(&server, proxy, WRONG, &named).await.problem(401);
        }
        log_in_from(&server, proxy, RIGHT, &[("x-forwarded-for", "192.0.2.5, 198.51.100.1")])
            .await
            .problem(429);
        // Null control: without the setting all clients are one.
        let other = [("x-forwarded-for", "198.51.100.1, 203.0.113.2")];
        log_in_from(&server, proxy, RIGHT, &other).await.is(expected);
    }
}

/// Wrong logins without a pause, each from an address and under a name of its own, until the task is aborted.
async fn flood(server: Arc<Server>, lane: usize) {
    for n in 0.. {
        ask(&server, fresh(), &login(&format!("nobody{lane}-{n}@example.com"), PASSWORD)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_flood_of_wrong_logins_honest_ones_are_heard() {
    let server = Arc::new(with_ann(&Site::new()).await);
    let (_, device) = cookies(&log_in_from(&server, fresh(), RIGHT, &[]).await);
    let flood: Vec<_> = (0..32).map(|lane| tokio::spawn(flood(Arc::clone(&server), lane))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    for headers in [&[][..], &[("cookie", device.as_str())]] {
        let began = Instant::now();
        log_in_from(&server, fresh(), RIGHT, headers).await.is(200);
        assert!(began.elapsed() < Duration::from_secs(4), "waited {:?} with {headers:?}", began.elapsed());
    }
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}

/// The middle of how long these answers take.
async fn median(server: &Server, times: &mut Vec<Duration>, request: &str) -> Duration {
    let began = Instant::now();
    assert!(ask(server, fresh(), request).await.starts_with("HTTP/1.1 401"));
    times.push(began.elapsed());
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn how_long_an_answer_takes_does_not_tell_whether_there_is_such_a_user() {
    let server = with_ann(&Site::new()).await;
    let [known, unknown, endless] = [
        login(ANN, "wrong horse battery"),
        login("nobody@example.com", "wrong horse battery"),
        login(ANN, &"wrong horse battery".repeat(60)),
    ];
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut medians = [Duration::ZERO; 3];
    for _ in 0..25 {
        for (at, request) in [&known, &unknown, &endless].into_iter().enumerate() {
            medians[at] = median(&server, &mut times[at], request).await;
        }
    }
    let [known, unknown, endless] = medians;
    let apart = known.abs_diff(unknown);
    assert!(apart < known / 4, "a known name takes {known:?}, an unknown one {unknown:?}");
    // Null control: work that is left out shows.
    assert!(endless < known / 2, "{endless:?} and {known:?}");
}
