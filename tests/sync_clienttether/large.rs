//! A large account: memory is bounded and what comes in meanwhile is not held up; the figures are said.

use super::*;
use crate::common::facts::answered;
use crate::common::size;

/// Records facts one after the other until `until` says so; how long each took.
async fn recorded(server: &Server, name: &str, mut until: impl FnMut(usize) -> bool) -> Vec<Duration> {
    let mut taken = Vec::new();
    while !until(taken.len()) {
        let fact = answered(&format!("{name}-{}", taken.len()), 60, "2026-01-20T12:00:00Z");
        let began = Instant::now();
        server.post("globex", &fact).await.is(201);
        taken.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    taken.sort_unstable();
    taken
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)]
}

/// The CRM on a thread that gives way to all others: what it stands for is another machine.
async fn elsewhere(leads: usize) -> StandIn {
    let give_way = || {
        rustix::process::nice(19).expect("a lower priority");
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime =
        runtime.worker_threads(1).on_thread_start(give_way).enable_all().build().expect("a runtime");
    let crm = runtime.spawn(async move { played(leads).await.0 }).await.expect("a stand-in");
    // It ends with the process.
    std::mem::forget(runtime);
    crm
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_snapshot_is_read_page_by_page_in_bounded_memory() {
    // The account that was read into five tenants (L12) is the full size.
    let many = size::leads(2_500, 162_000);
    let crm = elsewhere(many).await;
    let server = site(&crm.url()).start().await;
    let alone = recorded(&server, "alone", |count| count == size::sized(400, 2_000)).await;
    let (before, began) = (server.memory(), Instant::now());
    let is_read = std::sync::atomic::AtomicBool::new(false);
    let beside = async {
        recorded(&server, "beside", |count| count > 0 && is_read.load(std::sync::atomic::Ordering::Relaxed))
            .await
    };
    let run = async {
        succeeds(&server).await;
        is_read.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (beside, ()) = tokio::join!(beside, run);
    let held = server.memory().saturating_sub(before);
    eprintln!(
        "{many} leads in {:?}, {held} MiB more than before; p99 of a fact {:?} alone, {:?} beside ({} facts)",
        began.elapsed(),
        p99(&alone),
        p99(&beside),
        beside.len()
    );
    // The read models hold some 500 bytes a record, the run some 200 and its compressed parts.
    assert!(held < 64 + many as u64 / 500, "{held} MiB for {many} leads");
    // A debug build folds and compares too slowly to be judged by.
    if std::env::var("FACTFOLD_TIMINGS").is_ok_and(|timings| timings == "judge") {
        assert!(p99(&beside) <= 2 * p99(&alone), "{:?} against {:?} alone", p99(&beside), p99(&alone));
    }
    let leads = server.read("acme", "leads/summary").await;
    assert_eq!(leads["total_leads"], many, "{leads}");
}
