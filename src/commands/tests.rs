//! Commands over a real log: races under one key, idempotency keys, and a state that is not folded.

mod access;
mod calls;
mod erasures;
mod invitations;
mod leases;
mod meeting;
mod prepared;
mod reports;
mod rows;
mod table;
mod voids;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::call::{CallDisposed, CallFact};
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use domain::members::{Instant, LongText, Text};
use domain::rules::decision::{Decision, NewFact};
use domain::rules::outcomes::Outcome;
use serde_json::Value;

pub use self::meeting::meet;
use super::{CommandError, Commands, IdempotencyKey, Parts, Receipt, StateError};
use crate::access::Access;
use crate::directory::{AlertTargets, Leases, TenantRegistry};
use crate::follow::{Fold, Follower};
use crate::ingest::Ingest;
use crate::testing::{self, Harness, T0, TestClock};
use crate::views::{TenantView, Views};

struct House {
    commands: Commands,
    views: Views,
    ingest: Arc<Ingest>,
    parts: Parts,
    control: Follower,
    acme: TenantId,
    harness: Harness,
}

impl House {
    /// A log with one call, `A`, so that the tenant is known.
    async fn new() -> Self {
        let harness = Harness::new(TestClock::stepping(T0, 1_000));
        let (log, secret, clock) = (harness.log.clone(), testing::secret(), harness.clock());
        let access = Arc::new(Access::new(secret.clone(), Arc::clone(&clock), None));
        let (registry, alert_targets) = (Arc::<TenantRegistry>::default(), Arc::<AlertTargets>::default());
        let leases = Arc::<Leases>::default();
        let folds: Vec<Arc<dyn Fold>> = vec![
            Arc::clone(&access) as _,
            Arc::clone(&registry) as _,
            Arc::clone(&alert_targets) as _,
            Arc::clone(&leases) as _,
        ];
        let control = Follower::start("control", &log, 0, folds, None).expect("a follower");
        let ingest = Arc::new(harness.ingest_of(Arc::clone(&registry)));
        let ours = Arc::clone(&ingest);
        let parts = Parts { log, ingest: ours, access, registry, alert_targets, leases, secret, clock };
        let views = harness.views();
        let commands = Commands::new(parts.clone()).with_views(views.clone());
        let acme = TenantId::new("acme").unwrap();
        let record = NewFact { key: key("call/A"), occurred_at: None, fact: disposed("A", "busy", None) };
        commands.append(&acme, record, &Bytes::new(), commands.now()).await.unwrap();
        Self { commands, views, ingest, parts, control, acme, harness }
    }

    /// Commands with locks of their own, as on another node.
    fn other_node(&self) -> Commands {
        Commands::new(self.parts.clone()).with_views(self.views.clone())
    }

    fn head(&self) -> Position {
        self.harness.log.head().position
    }

    /// The external id of the fact at a position.
    fn key_at(&self, position: Position) -> String {
        let record = self.harness.log.read(position).unwrap().unwrap();
        record.view().unwrap().header.external_id.to_owned()
    }

    /// Appends a fact of acme past the commands.
    fn arrive(&self, kind: &str, body: Value) {
        let fact = testing::draft("acme", &format!("elsewhere/{}", self.head()), T0, kind, body);
        self.harness.append(vec![fact]);
    }

    fn close(self) {
        self.views.close();
        self.control.close();
        self.harness.log.close();
    }
}

/// A key that these tests choose.
fn key(text: &str) -> EngineKey {
    EngineKey::Idempotent { key: text.into() }
}

fn disposed(call: &str, outcome: &str, note: Option<&str>) -> Fact {
    Fact::Call(CallFact::Disposed(CallDisposed {
        call_id: Text::new(call).unwrap(),
        outcome: Outcome::parse(outcome).unwrap(),
        agent: None,
        lead_id: None,
        session_id: None,
        note: note.and_then(LongText::new),
    }))
}

/// Takes the first number without a call: a resource that only one may have.
fn take_number(view: &TenantView, mine: &str, note: &str) -> Result<Decision<usize>, String> {
    for number in 0..20 {
        let Some(call) = view.call(&number.to_string()) else {
            let fact = Fact::Call(CallFact::Disposed(CallDisposed {
                lead_id: Text::new(mine),
                ..match disposed(&number.to_string(), "callback", Some(note)) {
                    Fact::Call(CallFact::Disposed(body)) => body,
                    other => panic!("{other:?}"),
                }
            }));
            return Ok(Decision::Append(NewFact {
                key: key(&format!("number/{number}")),
                occurred_at: None,
                fact,
            }));
        };
        if call.call.lead_id.as_deref() == Some(mine) {
            return Ok(Decision::Stands(number));
        }
    }
    Err("all are taken".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_racers_for_one_key_when_decided_then_one_is_recorded_and_the_others_decide_again() {
    let house = House::new().await;
    let racers = (0..8).map(|n| {
        let (commands, acme) = (house.commands.clone(), house.acme.clone());
        tokio::spawn(async move {
            let mine = format!("racer {n}");
            commands.decide(&acme, |view, _| take_number(view, &mine, "hello")).await.unwrap()
        })
    });
    let mut numbers = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        let Receipt { answer, recorded } = racer.await.unwrap();
        assert!(recorded.is_some(), "each has one of its own");
        numbers.push(answer);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
    assert_eq!(house.harness.log.head().position, 9, "no more facts than were wanted");
    let again = house.commands.decide(&house.acme, |view, _| take_number(view, "racer 3", "other")).await;
    assert_eq!(again.unwrap().recorded, None, "deciding again records nothing");
    house.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_control_keys_that_are_not_of_the_state_let_two_have_one_number() {
    let house = House::new().await;
    let both = Arc::new(Barrier::new(2));
    let racers = (0..2).map(|n| {
        let (commands, acme, both) = (house.commands.clone(), house.acme.clone(), Arc::clone(&both));
        tokio::spawn(async move {
            let (mine, mut met) = (format!("racer {n}"), false);
            let decide = |view: &TenantView, _: Instant| {
                let decision = if met { Ok(Decision::Stands(0)) } else { take_number(view, &mine, "hello") };
                // Both read the same state before either has recorded.
                if !std::mem::replace(&mut met, true) {
                    both.wait();
                }
                decision.map(|decision| match decision {
                    Decision::Append(record) => {
                        Decision::Append(NewFact { key: key(&format!("{}/{mine}", record.key)), ..record })
                    }
                    decided => decided,
                })
            };
            commands.decide(&acme, decide).await.unwrap()
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert!(racer.await.unwrap().recorded.is_some());
    }
    assert_eq!(house.harness.log.head().position, 3, "two facts say that they took number 0");
    house.close();
}

#[tokio::test]
async fn given_a_refusal_a_stubborn_command_or_a_state_behind_then_each_has_its_error_and_nothing_is_recorded()
 {
    let mut house = House::new().await;
    let refused = house.commands.decide(&house.acme, |_, _| Err::<Decision<()>, _>("no")).await;
    assert!(matches!(refused, Err(CommandError::Rejected("no"))));
    let record = NewFact { key: key("call/A"), occurred_at: None, fact: disposed("A", "dnc", None) };
    let stubborn =
        house.commands.decide(&house.acme, |_, _| Ok::<Decision<()>, &str>(Decision::Append(record.clone())));
    assert!(matches!(stubborn.await, Err(CommandError::Contended)));
    let nobody = TenantId::new("nobody").unwrap();
    let unknown = house.commands.decide(&nobody, |_, _| Ok::<_, &str>(Decision::Stands(()))).await;
    assert!(matches!(unknown, Err(CommandError::State(StateError::UnknownTenant))));
    assert_eq!(house.harness.log.head().position, 1);

    house.views.close();
    house.commands.patience = Duration::from_millis(20);
    let late = NewFact { key: key("late"), occurred_at: None, fact: disposed("L", "busy", None) };
    house.commands.append(&house.acme, late, &Bytes::new(), house.commands.now()).await.unwrap();
    let behind = house.commands.decide(&house.acme, |_, _| Ok::<_, &str>(Decision::Stands(()))).await;
    assert!(matches!(behind, Err(CommandError::State(StateError::NotFolded(2)))));
    house.close();
}

async fn dispose(
    house: &House,
    key: Option<&str>,
    call: &str,
    outcome: &str,
) -> Result<Receipt<Position>, CommandError<&'static str>> {
    let key = key.map(|key| IdempotencyKey::new(key).unwrap());
    let fact = |view: &TenantView, _: Option<&Fact>| {
        view.call("A").ok_or("no call A").map(|_| Some(disposed(call, outcome, Some("by phone"))))
    };
    house.commands.once(&house.acme, key.as_ref(), fact).await
}

#[tokio::test]
async fn given_an_idempotency_key_when_sent_again_then_the_first_answers_and_another_body_is_a_mismatch() {
    let house = House::new().await;
    let first = dispose(&house, Some("k1"), "A", "voicemail").await.unwrap();
    assert_eq!(first, Receipt { answer: 2, recorded: Some(2) });
    let again = dispose(&house, Some("k1"), "A", "voicemail").await.unwrap();
    assert_eq!(again, Receipt { answer: 2, recorded: None });
    for (call, outcome) in [("A", "busy"), ("B", "voicemail")] {
        let other = dispose(&house, Some("k1"), call, outcome).await;
        assert!(matches!(other, Err(CommandError::Mismatch(2))), "{other:?}");
    }
    let without = dispose(&house, None, "A", "voicemail").await.unwrap();
    assert_eq!(without.recorded, Some(3), "without a key every request is one more fact");
    assert_eq!(house.harness.log.head().position, 3);
    house.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_racers_with_one_idempotency_key_then_one_fact() {
    let house = Arc::new(House::new().await);
    let racers = (0..8).map(|_| {
        let house = Arc::clone(&house);
        tokio::spawn(async move { dispose(&house, Some("k"), "A", "busy").await.unwrap() })
    });
    let mut recorded = 0;
    for racer in racers.collect::<Vec<_>>() {
        let done = racer.await.unwrap();
        assert_eq!(done.answer, 2);
        recorded += usize::from(done.recorded.is_some());
    }
    assert_eq!((recorded, house.harness.log.head().position), (1, 2));
    house.views.close();
}

#[test]
fn idempotency_keys_are_taken_as_they_are_or_refused() {
    for bad in ["", " k", "k\u{7}", &"k".repeat(508)] {
        assert!(IdempotencyKey::new(bad).is_err(), "{bad:?}");
    }
    assert!(IdempotencyKey::new(&"k".repeat(507)).is_ok());
}
