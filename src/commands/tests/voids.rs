//! Undo: its rows of the table, and that a decision whose fact was voided can be made again under the next key.

use std::collections::BTreeSet;

use domain::keys::Position;
use domain::rules::outcomes::Outcome;
use domain::rules::reports::ReportState;

use super::House;
use super::prepared::{acme, at, email, lead, note, on, once, report, result, session, text};
use super::rows::{Again, Row, Two, row};
use crate::commands::{Commands, NewVoid, Undo, UndoOutcome, VoidRejection, VoidSelection};

fn fact(house: &House) -> String {
    lead(house);
    house.head().to_string()
}

fn voided(house: &House) -> String {
    let id = fact(house);
    void(&house.commands, at(&id));
    id
}

fn mistake() -> NewVoid {
    NewVoid { reason: text("imported by mistake"), by: None }
}

fn void(commands: &Commands, position: Position) {
    on(commands.void_fact(&acme(), None, position, &mistake())).expect("voided");
}

pub fn rows() -> Vec<Row> {
    use Again::{Refused, Stands};
    vec![
        row(
            "void_fact",
            fact,
            |c, id| result(on(c.void_fact(&acme(), None, at(id), &mistake()))),
            Refused("AlreadyVoided"),
            Two::OneRefused("AlreadyVoided"),
        ),
        row(
            "void_fact, keyed",
            fact,
            |c, id| result(on(c.void_fact(&acme(), Some(&once()), at(id), &mistake()))),
            Stands,
            Two::One,
        ),
        row(
            "restore_fact",
            voided,
            |c, id| result(on(c.restore_fact(&acme(), at(id), None))),
            Stands,
            Two::One,
        ),
        row(
            "undo_facts",
            fact,
            |c, id| result(on(c.undo_facts(&acme(), &[Some(at(id))], &Undo::Void(mistake()), false))),
            Stands,
            Two::One,
        ),
        row(
            "undo_facts, restored",
            voided,
            |c, id| result(on(c.undo_facts(&acme(), &[Some(at(id))], &Undo::Restore(None), false))),
            Stands,
            Two::One,
        ),
    ]
}

#[test]
fn e13_given_a_fact_when_voided_and_restored_over_and_over_then_each_decision_has_its_key() {
    let house = on(House::new());
    let place = at(&fact(&house));
    let mut keys = Vec::new();
    for _ in 0..3 {
        void(&house.commands, place);
        keys.push(house.key_at(house.head()));
        on(house.commands.restore_fact(&acme(), place, None)).expect("restored");
        keys.push(house.key_at(house.head()));
    }
    let expected = (0..3).flat_map(|n| [format!("void/{place}/{n}"), format!("void/{place}/{n}/restored")]);
    assert_eq!(keys, expected.collect::<Vec<_>>());
    house.close();
}

#[test]
fn e13_given_facts_of_the_engine_voids_and_others_facts_when_voided_then_refused_by_name() {
    let house = on(House::new());
    let place = at(&voided(&house));
    let (void_at, word) = (house.head(), |position| {
        let done = on(house.commands.void_fact(&acme(), None, position, &mistake()));
        format!("{:?}", done.expect_err("refused"))
    });
    assert!(word(place).contains("AlreadyVoided"), "{}", word(place));
    assert!(word(void_at).contains("NotVoidable(\"fact_voided\")"), "{}", word(void_at));
    assert!(word(void_at + 9).contains("NotFound"), "{}", word(void_at + 9));
    let never = at(&fact(&house));
    let restored = on(house.commands.restore_fact(&acme(), never, None));
    assert!(format!("{restored:?}").contains("NotVoided"), "{restored:?}");
    let other = on(house.commands.void_fact(&acme(), Some(&once()), never, &mistake())).expect("voided");
    let again = NewVoid { reason: text("another reason"), by: None };
    let mismatch = on(house.commands.void_fact(&acme(), Some(&once()), never, &again));
    assert!(format!("{mismatch:?}").contains(&format!("Mismatch({})", other.answer)), "{mismatch:?}");
    house.close();
}

#[test]
fn e13_given_many_when_undone_then_each_is_told_by_itself_and_one_that_is_named_twice_once() {
    let house = on(House::new());
    let places: Vec<Position> = (0..3).map(|_| at(&fact(&house))).collect();
    void(&house.commands, places[1]);
    let head = house.head();
    let keys = VoidSelection::Facts {
        provider: None,
        kind: domain::facts::kind_named("lead_interested"),
        recorded_from: None,
        recorded_to: None,
    };
    let mut selected = on(house.commands.selected_facts(&acme(), keys)).expect("selected");
    assert_eq!(selected, places.iter().copied().map(Some).collect::<Vec<_>>());
    selected.extend([Some(places[0]), None, Some(head)]);
    let void = Undo::Void(mistake());
    let would = on(house.commands.undo_facts(&acme(), &selected, &void, true)).expect("told");
    let rejected = UndoOutcome::Rejected;
    let told = |first, third| {
        vec![
            first,
            UndoOutcome::Stands(head),
            third,
            UndoOutcome::Stands(places[0]),
            rejected(VoidRejection::NotFound),
            rejected(VoidRejection::NotVoidable("fact_voided")),
        ]
    };
    assert_eq!(would, told(UndoOutcome::Would(places[0]), UndoOutcome::Would(places[2])));
    assert_eq!(house.head(), head, "nothing was recorded");
    let done = on(house.commands.undo_facts(&acme(), &selected, &void, false)).expect("done");
    assert_eq!(done, told(UndoOutcome::Recorded(head + 1), UndoOutcome::Recorded(head + 2)));
    house.close();
}

/// A decision that is made, voided and made again, with the key of each; the last is decided without a void between.
type Decision = fn(&Commands, &str) -> Result<(), String>;

/// What the decision needs, the decision, and the three keys of an id.
type Case = (fn(&House) -> String, Decision, &'static str);

#[test]
fn e13_given_decisions_whose_facts_were_voided_when_made_again_then_under_the_next_keys() {
    let attempt: Decision = |c, id| {
        let outcome = Outcome::parse("busy").expect("an outcome");
        result(on(c.attempt_lead(&acme(), &text(id), &text("lead-1"), outcome)))
    };
    let end: Decision = |c, id| result(on(c.end_session(&acme(), &text(id))));
    let remove: Decision = |c, id| result(on(c.remove_note(&acme(), &text(id), None)));
    let publish: Decision = |c, id| result(on(c.move_report(&acme(), &text(id), ReportState::Published)));
    let start: Decision = |c, _| {
        let leads = [text("lead-1")];
        result(on(c.start_session(&acme(), &email(), &text("p"), &leads)))
    };
    let cases: [Case; 5] = [
        (
            session,
            attempt,
            "session/{}/attempt/lead-1|session/{}/attempt/lead-1/1|session/{}/attempt/lead-1/2",
        ),
        (session, end, "session/{}/end|again/1/session/{}/end|again/2/session/{}/end"),
        (note, remove, ""),
        (report, publish, ""),
        (
            |_| String::new(),
            start,
            "session/ann@example.com/p/0|session/ann@example.com/p/1|session/ann@example.com/p/2",
        ),
    ];
    for (prepare, decide, expected) in cases {
        let house = on(House::new());
        let id = prepare(&house);
        let mut keys = Vec::new();
        for _ in 0..3 {
            let before = house.head();
            decide(&house.commands, &id).expect("decided");
            assert_eq!(house.head(), before + 1, "{expected}");
            keys.push(house.key_at(house.head()));
            decide(&house.commands, &id).expect("stands");
            assert_eq!(house.head(), before + 1, "decided again it stands: {expected}");
            void(&house.commands, house.head());
        }
        let known: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(known.len(), 3, "{keys:?}");
        if !expected.is_empty() {
            assert_eq!(keys.join("|"), expected.replace("{}", &id));
        }
        house.close();
    }
}
