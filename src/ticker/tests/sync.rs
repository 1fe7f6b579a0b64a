//! What syncs tell: runs that fail, and equal snapshots of two tenants (B4, B13).

use super::*;

/// A run of a tenant that read these leads.
fn synced(house: &House, tenant: &str, run: &str, status: &str, leads: &[&str]) {
    let records: Vec<_> = leads.iter().map(|id| serde_json::json!({"id": id})).collect();
    let [read, ended] = [(); 2].map(|()| house.harness.time.advance(SECOND));
    let part = serde_json::json!({"run_id": run, "source": "clienttether", "resource": "leads",
        "observed_at": Instant(read).to_string(), "part": 1, "parts": 1, "records": records});
    let end = serde_json::json!({"run_id": run, "source": "clienttether", "status": status});
    house.append(tenant, "snapshot_taken", run, read, part);
    house.append(tenant, "sync_finished", run, ended, end);
}

#[test]
fn b4_runs_that_fail_raise_one_alert_until_one_succeeds() {
    let house = house();
    synced(&house, "acme", "r1", "success", &["1"]);
    assert_eq!(house.alerts_at(T0 + HOUR), []);
    synced(&house, "acme", "r2", "failed", &["1"]);
    assert_eq!(house.alerts_at(T0 + 2 * HOUR), [alert("sync_failing", "open")]);
    synced(&house, "acme", "r3", "failed", &["1"]);
    assert_eq!(
        house.alerts_at(T0 + 3 * HOUR),
        [alert("sync_failing", "open")],
        "one alert, however many fail"
    );
    synced(&house, "acme", "r4", "success", &["1"]);
    assert_eq!(house.alerts_at(T0 + 4 * HOUR), [alert("sync_failing", "cleared")]);
    house.end();
}

#[test]
fn b4_each_source_that_fails_has_an_alert_of_its_own() {
    let house = house();
    let ended = |source: &str, run: &str, status: &str| {
        let at = house.harness.time.advance(SECOND);
        let end = serde_json::json!({"run_id": run, "source": source, "status": status});
        house.append("acme", "sync_finished", run, at, end);
    };
    ended("google_ads", "g1", "failed");
    ended("callrail", "c1", "failed");
    ended("meta", "m1", "success");
    assert_eq!(house.alerts_at(T0 + HOUR), [alert("sync_failing", "open"), alert("sync_failing", "open")]);
    ended("callrail", "c2", "success");
    let alerts = house.alerts_at(T0 + 2 * HOUR);
    assert_eq!(
        alerts.iter().filter(|told| **told == alert("sync_failing", "cleared")).count(),
        1,
        "{alerts:?}"
    );
    house.end();
}

#[test]
fn b13_equal_snapshots_of_two_tenants_raise_an_alert_that_does_not_name_the_other() {
    let house = house();
    synced(&house, "acme", "r1", "success", &["1", "2"]);
    synced(&house, "globex", "r1", "success", &["2", "3"]);
    assert_eq!(house.alerts_at(T0 + HOUR), [], "other records");
    synced(&house, "globex", "r2", "success", &["2", "1"]);
    assert_eq!(house.alerts_at(T0 + 2 * HOUR), [alert("equal_snapshots", "open")]);
    let said =
        house.harness.log.read(house.harness.log.head().position).expect("reads").expect("the last fact");
    assert_eq!(said.view().expect("record").header.tenant, "globex", "both are told");
    let about = |name: &str| said.bytes.windows(name.len()).any(|part| part == name.as_bytes());
    assert!(about("globex") && !about("acme"));
    synced(&house, "globex", "r3", "success", &["7"]);
    assert_eq!(house.alerts_at(T0 + 3 * HOUR), [alert("equal_snapshots", "cleared")]);
    house.end();
}
