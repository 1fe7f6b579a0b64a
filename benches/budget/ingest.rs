//! P1: one fact per request, the server and the bare one by turns under the same load.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::client::{Load, Seen};
use super::sample::{self, Template};
use super::site::{Server, Site};
use super::table::{self, Line};
use super::{Options, Outcome};

/// What two runs of one server saw, and its processor time for a request.
struct Both {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    processor_us: f64,
}

/// Prints P1; `sync_us` is what one fdatasync takes.
pub fn measure(options: &Options, sync_us: f64) -> Outcome<()> {
    table::head("P1  ingest over HTTP, one fact per request; beside it a handler that stores nothing");
    println!("one fdatasync takes {sync_us:.0} µs: 64 / fdatasync is {}", table::rate(64e6 / sync_us));
    let lasts = if options.quick { Duration::from_millis(700) } else { Duration::from_secs(3) };
    let facts = "/api/v1/tenants/acme/facts";
    for connections in [1, 16, 64, 256] {
        let goal = (connections == 64).then_some((0.6, "≥ 0.6 of the limit"));
        one(
            &format!("event, {connections} connections"),
            facts,
            sample::outreach(),
            (connections, lasts),
            goal,
        )?;
    }
    let (hook, goal) = ("/hooks/emailbison/eb-budget", Some((0.55, "≥ 0.55 of the limit")));
    one("EMAIL_SENT hook, 64 connections", hook, sample::email_sent(), (64, lasts), goal)
}

fn one(
    what: &str,
    path: &str,
    template: Template,
    (connections, lasts): (usize, Duration),
    goal: Option<(f64, &'static str)>,
) -> Outcome<()> {
    let (site, bare) = (Site::new()?, Server::bare()?);
    let server = site.serve()?;
    let bytes = template.len();
    let next = Arc::new(AtomicU64::new(0));
    let load = |server: &Server| Load {
        address: server.address.clone(),
        path: path.to_owned(),
        template: template.clone(),
        connections,
        lasts,
        next: Arc::clone(&next),
    };
    let (mut limit, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        for (server, runs) in [(&bare, &mut limit), (&server, &mut seen)] {
            let before = server.processor();
            let run = load(server).run()?;
            runs.push((run, server.processor() - before));
        }
    }
    let warmed = lasts.as_secs_f64() / (lasts.as_secs_f64() + super::client::WARM_UP.as_secs_f64());
    let (limit, seen) = (both(&limit, warmed), both(&seen, warmed));
    let ratio = seen.per_second / limit.per_second;
    table::line(Line {
        what: &format!("{what}, {bytes} B"),
        figure: table::rate(seen.per_second),
        limit: table::rate(limit.per_second),
        ratio: Some(ratio),
        goal: goal.map(|(least, words)| (words, ratio >= least)),
    });
    table::line(Line {
        what: "  p50 / p99",
        figure: format!("{:.2} / {:.2} ms", seen.p50_ms, seen.p99_ms),
        limit: format!("{:.2} / {:.2} ms", limit.p50_ms, limit.p99_ms),
        ratio: None,
        goal: goal.map(|_| ("p99 ≤ 2 × the limit's", seen.p99_ms <= 2.0 * limit.p99_ms)),
    });
    table::line(Line {
        what: "  the server's processor time a request",
        figure: format!("{:.1} µs", seen.processor_us),
        limit: format!("{:.1} µs", limit.processor_us),
        ratio: Some(limit.processor_us / seen.processor_us),
        goal: None,
    });
    server.stop()
}

/// The mean of two runs; of the tail the worse one. `warmed` is the counted share of a run's time.
fn both(runs: &[(Seen, Duration)], warmed: f64) -> Both {
    let count = runs.len() as f64;
    let mean = |of: fn(&Seen) -> f64| runs.iter().map(|(seen, _)| of(seen)).sum::<f64>() / count;
    let requests: f64 = runs.iter().map(|(seen, _)| seen.requests / warmed).sum();
    let processor: f64 = runs.iter().map(|(_, processor)| processor.as_secs_f64()).sum();
    Both {
        per_second: mean(|seen| seen.per_second),
        p50_ms: mean(|seen| seen.p50_ms),
        p99_ms: runs.iter().map(|(seen, _)| seen.p99_ms).fold(0.0, f64::max),
        processor_us: processor * 1e6 / requests,
    }
}
