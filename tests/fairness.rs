//! G19, G20: one tenant's flood does not starve another, nor does its viewer. The quiet tenant waits at most three times as long as it does alone,
//! on two cores shared by the flood, its sender and a debug build of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::common::facts::answered;
use crate::common::size::sized;
use crate::common::{Server, Site, TOKEN};

const AT: &str = "2025-10-09T12:00:00Z";
/// Facts that a quiet tenant posts in a round, with a reading after each.
const ASKED: u64 = 75;
/// Connections of a flood, and facts of each of its batches.
const CONNECTIONS: usize = 32;
const LINES: u64 = 500;
/// Facts of the tenant that a viewer asks for the past of, small and full.
const PAST_FACTS: (u64, u64) = (4_000, 1_000_000);
/// What a viewer may ask for again and again, and on how many connections.
const READINGS: [(usize, &str); 3] = [
    (8, "facts?subject=N"),
    (60, "metrics/month?month=2025-10&as_of_position=N"),
    (8, "restatements?as_of_position=N"),
];
/// What the machine's other processes, and turns on a core, may add.
const NOISE: Duration = Duration::from_millis(30);

/// 99th percentile of what a tenant waits for a fact to be durable, and for a figure.
async fn p99(server: &Server, tenant: &str, round: &str, asked: u64) -> Duration {
    let mut waited = Vec::new();
    for n in 0..asked {
        let began = Instant::now();
        server.post(tenant, &answered(&format!("{round}-{n}"), 45, AT)).await.is(201);
        waited.push(began.elapsed());
        let began = Instant::now();
        server.get(&format!("/api/v1/tenants/{tenant}/metrics/month?month=2025-10")).await.is(200);
        waited.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    waited.sort_unstable();
    waited[(waited.len() * 99).div_ceil(100) - 1]
}

/// Requests on many connections, from a thread of their own, until dropped.
struct Flood {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends what `next` makes again and again on each connection.
    async fn begin(
        connections: usize,
        next: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder + Send + Sync + 'static,
    ) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, counted, next) = (Arc::clone(&stop), Arc::clone(&answered), Arc::new(next));
        let sending = move |client: reqwest::Client| {
            let (stopping, counted, next) = (Arc::clone(&stopping), Arc::clone(&counted), Arc::clone(&next));
            async move {
                while !stopping.load(Ordering::Relaxed) {
                    if next(&client).send().await.is_ok_and(|answer| answer.status() == 200) {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        };
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let client = reqwest::Client::new();
            runtime.block_on(async {
                let all: JoinSet<()> = (0..connections).map(|_| sending(client.clone())).collect();
                all.join_all().await
            });
        });
        let flood = Self { stop, answered, thread: Some(thread) };
        while flood.answered.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        flood
    }

    /// Batches of new facts to one tenant.
    async fn of_facts(server: &Server, tenant: &str) -> Self {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let url = format!("{}/api/v1/tenants/{tenant}/facts", server.base);
        let line = answered("KEY", 45, AT).to_string() + "\n";
        Self::begin(CONNECTIONS, move |client| {
            let from = KEYS.fetch_add(LINES, Ordering::Relaxed);
            let lines: String =
                (from..from + LINES).map(|n| line.replace("KEY", &format!("flood{n}"))).collect();
            let request = client.post(&url).bearer_auth(TOKEN).body(lines);
            request.header("content-type", "application/x-ndjson")
        })
        .await
    }

    /// Readings of one tenant by one viewer, each at another position or for another thing that is not there: `N` stands
    /// for the number.
    async fn of_readings(server: &Server, viewer: &str, connections: usize, route: &str) -> Self {
        let (url, viewer) = (format!("{}/api/v1/tenants/acme/{route}", server.base), viewer.to_owned());
        let (count, facts) = (AtomicU64::new(0), sized(PAST_FACTS.0, PAST_FACTS.1));
        Self::begin(connections, move |client| {
            let n = 1 + count.fetch_add(1, Ordering::Relaxed) * 7 % facts;
            client.get(url.replace("=N", &format!("={n}"))).bearer_auth(&viewer)
        })
        .await
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the flood broke off");
        }
    }
}

#[tokio::test]
async fn g19_a_tenant_is_answered_beside_a_flood_and_null_control_not_within_it() {
    let server = Site::new().start().await;
    let (mut told, mut is_so) = (Vec::new(), false);
    for round in 0..3 {
        let alone = p99(&server, "globex", &format!("alone{round}"), ASKED).await;
        let flood = Flood::of_facts(&server, "acme").await;
        let beside = p99(&server, "globex", &format!("beside{round}"), ASKED).await;
        let within = p99(&server, "acme", &format!("within{round}"), 3).await;
        drop(flood);
        let bound = alone * 3 + NOISE;
        is_so |= beside <= bound && within > bound;
        told.push(format!("alone {alone:?}, beside the flood {beside:?}, within it {within:?}"));
        if is_so {
            break;
        }
    }
    assert!(is_so, "in none of three rounds: {told:#?}");
}

#[tokio::test]
async fn g20_a_tenant_is_answered_beside_anothers_viewer_and_null_control_not_beside_its_own_flood() {
    let server = Site::new().start().await;
    for from in (0..sized(PAST_FACTS.0, PAST_FACTS.1)).step_by(4_000) {
        let lines: String =
            (from..from + 4_000).map(|n| format!("{}\n", answered(&format!("past{n}"), 45, AT))).collect();
        let posted = server.post_raw("acme", "application/x-ndjson", lines).await;
        assert_eq!(posted.is(200).json["recorded"], 4_000, "{posted:?}");
    }
    let viewer = server.token("viewer", &["acme"]).await;
    let (mut told, mut is_so) = (Vec::new(), [false; READINGS.len()]);
    for round in 0..3 {
        for (at, (connections, route)) in READINGS.into_iter().enumerate() {
            if is_so[at] {
                continue;
            }
            let name = format!("{round}-{at}");
            let alone = p99(&server, "globex", &format!("alone-{name}"), ASKED).await;
            let flood = Flood::of_readings(&server, &viewer, connections, route).await;
            let beside = p99(&server, "globex", &format!("beside-{name}"), ASKED).await;
            drop(flood);
            is_so[at] = beside <= alone * 3 + NOISE;
            told.push(format!("{route}: alone {alone:?}, beside {beside:?}"));
        }
        if is_so == [true; READINGS.len()] {
            break;
        }
    }
    eprintln!("{told:#?}");
    assert_eq!(is_so, [true; READINGS.len()], "{told:#?}");
    let alone = p99(&server, "globex", "alone", ASKED).await;
    let flood = Flood::of_facts(&server, "globex").await;
    let within = p99(&server, "globex", "within", 3).await;
    drop(flood);
    assert!(within > alone * 3 + NOISE, "alone {alone:?}, within its own flood {within:?}");
}
