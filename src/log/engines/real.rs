//! The conformance suite on the real servers, started for it.

#[path = "../../../tests/common/servers/mod.rs"]
mod servers;

use std::sync::Arc;

use super::SharedLog;
use super::anew_tests::nodes_race_while_the_log_is_made_anew;
use super::conformance::{
    a_broken_chain_stops_every_node, a_log_made_anew_is_followed_by_a_node_that_lags,
    messages_beside_the_log_reach_all, nodes_meet_without_a_log, nodes_race, nodes_race_with_lost_answers,
    nodes_restart_and_join,
};
use super::jetstream::{JetStream, JetStreamSettings};
use super::postgres::{Postgres, PostgresSettings};
use servers::nats::NatsCluster;
use servers::postgres::PostgresPair;

/// Every part of the suite, each on a log of its own.
fn conforms(engine: &dyn Fn(&str) -> Arc<dyn SharedLog>) {
    nodes_meet_without_a_log(&engine("meets"));
    nodes_race(&engine("race"), 300);
    nodes_race_with_lost_answers(&engine("lossy"), 100);
    nodes_restart_and_join(&engine("restart"));
    a_broken_chain_stops_every_node(&engine("chain"));
    messages_beside_the_log_reach_all(&engine("beside"));
    a_log_made_anew_is_followed_by_a_node_that_lags(&engine("anew"));
    nodes_race_while_the_log_is_made_anew(&engine("live"), 400);
}

#[test]
fn jetstream_conforms() {
    let cluster = NatsCluster::start(3);
    conforms(&|stream| {
        let (servers, monitor) = (cluster.urls(), cluster.monitors());
        let settings =
            JetStreamSettings { servers, monitor, stream: stream.into(), ..JetStreamSettings::default() };
        Arc::new(JetStream::new(settings))
    });
    let (servers, monitor) = (cluster.urls(), cluster.monitors());
    let strong =
        JetStreamSettings { servers, monitor, stream: "race".into(), ..JetStreamSettings::default() };
    let warnings =
        |settings: &JetStreamSettings| JetStream::new(settings.clone()).connect(false).unwrap().warnings;
    assert_eq!(warnings(&strong), Vec::<String>::new());
    let unproved = JetStreamSettings { monitor: Vec::new(), ..strong };
    assert!(warnings(&unproved)[0].contains("sync_interval"));
    let missing = JetStreamSettings { stream: "missing".into(), ..unproved };
    let refused = JetStream::new(missing).connect(false).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("stream_missing"), "{refused}");
}

#[test]
fn postgres_conforms() {
    let mut pair = PostgresPair::start();
    conforms(&|database| {
        let url = pair.database(database);
        Arc::new(Postgres::new(PostgresSettings { url, ..PostgresSettings::default() }))
    });
    a_cancelled_commit_is_settled_before_anyone_is_answered(&mut pair);
    pair.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    pair.query("SELECT pg_reload_conf()");
    let connect = |async_standby| {
        Postgres::new(PostgresSettings {
            url: pair.url_of("race"),
            async_standby,
            ..PostgresSettings::default()
        })
        .connect(false)
    };
    crate::testing::until("it is told", || connect(false).is_err());
    let refused = connect(false).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("synchronous_standby_names"), "{refused}");
    assert!(connect(true).unwrap().warnings[0].contains("synchronous_standby_names"));
}

/// A commit that waits for the standby and is cancelled is committed on the primary alone, and the server says so in a
/// notice beside its success.
fn a_cancelled_commit_is_settled_before_anyone_is_answered(pair: &mut PostgresPair) {
    let url = pair.database("cancelled");
    let engine =
        || Arc::new(Postgres::new(PostgresSettings { url: url.clone(), ..PostgresSettings::default() }));
    let node = super::conformance::Node::new(&(engine() as Arc<dyn SharedLog>));
    pair.kill(1);
    let pending = node.log.append(vec![crate::log::testing::draft(1, 9)]).unwrap();
    let waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    crate::testing::until("the commit waits and is cancelled", || pair.query(waiting).contains('t'));
    crate::testing::until("it is committed on the primary", || {
        let url = url.clone();
        pair.query_on(&url, "SELECT count(*) FROM factfold_blocks").trim() == "1"
    });
    let answered = std::thread::spawn(move || pending.wait());
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    if answered.is_finished() {
        panic!("answered while one server alone has the fact: {:?}", answered.join());
    }
    pair.restart(1);
    let answer = answered.join().unwrap().unwrap();
    assert_eq!(answer, [crate::log::Appended::Recorded(1)]);
    pair.await_standby();
    node.log.close();
}
