//! When runs are due, by the times that the tests tell.

use super::*;
use crate::directory::Secret;
use crate::sync::source::Reading;

struct Client(Cadence);

impl SourceClient for Client {
    fn name(&self) -> SourceName {
        SourceName::ClientTether
    }

    fn cadence(&self) -> Cadence {
        self.0
    }

    fn secrets(&self) -> Vec<&Secret> {
        Vec::new()
    }

    fn read(self: Arc<Self>, _: SyncRun) -> Reading {
        Box::pin(async { Ok(()) })
    }
}

fn at(text: &str) -> Instant {
    Instant::parse(text).expect("an instant")
}

/// When a source is due whose last run began then, or that was first configured then.
fn due(schedule: &str, cadence: Cadence, since: &str) -> String {
    let zone = ZoneName::parse("America/New_York").expect("a zone");
    let schedule = CronSchedule::parse(schedule).expect("a schedule");
    let sources = TenantSources { schedule, zone, clients: Vec::new() };
    let memory = Memory { since: at(since), is_overdue: false, not_before: at("2020-01-01T00:00:00Z") };
    due_at(&sources, &Client(cadence), memory).expect("a time").to_string()
}

#[test]
fn b2_a_source_that_never_ran_has_missed_nothing_and_missed_runs_are_made_up_for_by_one() {
    // First configured at 10:30: not before 11:00.
    assert_eq!(due("0 * * * *", Cadence::Scheduled, "2025-10-09T10:30:00Z"), "2025-10-09T11:00:00Z");
    // Down for three days: the run of 11:00 is due at once, and the next is counted from when it begins.
    assert_eq!(due("0 * * * *", Cadence::Scheduled, "2025-10-06T10:00:00Z"), "2025-10-06T11:00:00Z");
    assert_eq!(due("0 * * * *", Cadence::Scheduled, "2025-10-09T10:47:12Z"), "2025-10-09T11:00:00Z");
    let five = Cadence::Every(Duration::from_secs(300));
    assert_eq!(due("0 * * * *", five, "2025-10-09T10:47:12Z"), "2025-10-09T10:52:12Z");
}

#[test]
fn b2_the_tenants_own_midnight_decides_also_where_its_clock_is_set() {
    assert_eq!(due("0 0 * * *", Cadence::Scheduled, "2025-11-02T03:00:00Z"), "2025-11-02T04:00:00Z");
    // The day of 2 November has 25 hours there, that of 8 March 23.
    assert_eq!(due("0 0 * * *", Cadence::Scheduled, "2025-11-02T04:00:00Z"), "2025-11-03T05:00:00Z");
    assert_eq!(due("0 0 * * *", Cadence::Scheduled, "2026-03-08T05:00:00Z"), "2026-03-09T04:00:00Z");
    assert_eq!(due("0 0 1 * *", Cadence::Scheduled, "2025-10-31T12:00:00Z"), "2025-11-01T04:00:00Z");
}

#[test]
fn a_run_that_was_not_to_be_ended_is_due_at_once_and_one_that_could_not_begin_after_a_while() {
    let sources =
        TenantSources { schedule: CronSchedule::default(), zone: ZoneName::UTC, clients: Vec::new() };
    let memory = Memory {
        since: at("2025-10-09T10:30:00Z"),
        is_overdue: true,
        not_before: at("2025-10-09T10:31:00Z"),
    };
    let client = Client(Cadence::Scheduled);
    assert_eq!(due_at(&sources, &client, memory), Some(at("2025-10-09T10:31:00Z")));
    let waiting = Memory { is_overdue: false, not_before: at("2025-10-09T11:00:30Z"), ..memory };
    assert_eq!(due_at(&sources, &client, waiting), Some(at("2025-10-09T11:00:30Z")));
}
