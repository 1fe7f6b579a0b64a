//! Tries and waits, against a stand-in over real sockets and with a clock of the test's own.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::outbound::Allowed;
use crate::standins::{PlayedAnswer, PlayedProvider, PlayedRequest, StandIn, StandInFault};

struct Always;

impl PlayedProvider for Always {
    fn answer(&self, _: &PlayedRequest) -> PlayedAnswer {
        PlayedAnswer::json(200, json!({"data": []}))
    }
}

/// A fetcher whose sleeps pass at once, and what it slept in milliseconds.
fn fetcher() -> (Fetcher, Arc<Mutex<Vec<u64>>>) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (slept, passed) = (Arc::<Mutex<Vec<u64>>>::default(), Arc::<AtomicU64>::default());
    let (told, now) = (Arc::clone(&slept), Arc::clone(&passed));
    let timing = Timing {
        clock: Arc::new(|| 1_445_412_480 * 1_000_000),
        elapsed: Arc::new(move || Duration::from_millis(now.load(Ordering::Relaxed))),
        sleep: Arc::new(move |time: Duration| {
            let millis = time.as_millis() as u64;
            passed.fetch_add(millis, Ordering::Relaxed);
            told.lock().push(millis);
            Box::pin(std::future::ready(()))
        }),
    };
    (Fetcher::new(Client::new(Allowed::new(&["127.0.0.1".into()])), timing), slept)
}

fn answer(status: u16, retry_after: Option<&str>) -> StandInFault {
    let headers = retry_after.map(|text| ("retry-after", text.to_owned())).into_iter().collect();
    StandInFault::Answer(PlayedAnswer { headers, ..PlayedAnswer::json(status, "{}") })
}

/// What comes of a fetch under faults: its outcome, how often it was tried, and the waits between the tries.
async fn fetched(faults: &[StandInFault]) -> (Result<u16, String>, usize, Vec<u64>) {
    let stand_in = StandIn::start(Always).await.expect("a port");
    for fault in faults {
        stand_in.script("/", (0, 1), fault.clone());
    }
    let (fetcher, slept) = fetcher();
    let request = OutboundRequest::get(&stand_in.url()).time_max(Duration::from_millis(300));
    let fetched = fetcher.fetch(&request, &CancellationToken::new(), &|_| {}).await;
    let fetched = fetched.map(|answer| answer.status).map_err(|error| error.to_string());
    // The host's pace is the rest: less than a second at this count.
    let waits = slept.lock().iter().copied().filter(|millis| *millis >= 1_000).collect();
    (fetched, stand_in.requests().len(), waits)
}

#[tokio::test]
async fn b3_one_try_and_three_retries_after_one_two_and_four_seconds_on_what_may_pass() {
    let slow = StandInFault::Slow(Duration::from_secs(2));
    for fault in [
        answer(500, None),
        answer(503, None),
        answer(429, None),
        StandInFault::Cut,
        StandInFault::Closed,
        slow,
    ] {
        let three = vec![fault.clone(); 3];
        assert_eq!(fetched(&three).await, (Ok(200), 4, vec![1_000, 2_000, 4_000]), "{fault:?}");
        let four = vec![fault.clone(); 4];
        let (outcome, tries, waits) = fetched(&four).await;
        assert!(outcome.is_err(), "{fault:?}");
        assert_eq!((tries, waits), (4, vec![1_000, 2_000, 4_000]), "{fault:?}");
    }
}

#[tokio::test]
async fn b3_no_other_status_is_tried_again() {
    for status in [301, 400, 401, 403, 404, 408, 422] {
        let (outcome, tries, _) = fetched(&[answer(status, Some("7"))]).await;
        assert_eq!((outcome, tries), (Err(format!("answered {status}")), 1));
    }
}

#[tokio::test]
async fn b3_a_wait_that_is_asked_for_beats_ours_as_seconds_or_date_up_to_a_minute() {
    let date = "Wed, 21 Oct 2015 07:28:05 GMT";
    let faults = [answer(429, Some("7")), answer(503, Some(date)), answer(429, Some("3600"))];
    // After a 429 nobody asks the host before that time: the wait itself, and no more.
    assert_eq!(fetched(&faults).await, (Ok(200), 4, vec![7_000, 5_000, 60_000]));
}

#[tokio::test]
async fn a_fetch_ends_when_it_is_canceled() {
    let stand_in = StandIn::start(Always).await.expect("a port");
    stand_in.script("/", (0, 1), StandInFault::Slow(Duration::from_secs(20)));
    let (fetcher, _) = fetcher();
    let canceled = CancellationToken::new();
    let request = OutboundRequest::get(&stand_in.url());
    let fetching = fetcher.fetch(&request, &canceled, &|_| {});
    let canceling = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        canceled.cancel();
    };
    let (fetched, ()) = tokio::join!(fetching, canceling);
    assert!(matches!(fetched, Err(SyncError::Canceled)), "{fetched:?}");
}
