//! Every command in one table: what it appends when it is decided again, and when two are decided on one state.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::members::Instant;
use domain::rules::decision::{Decision, NewFact};
use serde_json::json;
use uuid::Uuid;

use super::meeting::{Meeting, attend, meet};
use super::prepared::{acme, on, result};
use super::rows::{Again, Row, Run, Two, rows};
use super::{House, disposed, key};
use crate::commands::Commands;
use crate::views::TenantView;

/// Facts that were appended, and how often a command was refused with this word.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    facts: u64,
    refused: usize,
    other: Vec<String>,
}

fn seen(house: &House, before: u64, results: Vec<Result<(), String>>, word: Option<&str>) -> Seen {
    let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    let is_it = |error: &String| word.is_some_and(|word| error.contains(word));
    let refused = errors.iter().filter(|error| is_it(error)).count();
    let other = errors.into_iter().filter(|error| !is_it(error)).collect();
    Seen { facts: house.head() - before, refused, other }
}

fn differs(row: &Row, what: &str, seen: &Seen, expected: &Seen) -> Option<String> {
    (seen != expected).then(|| format!("{}: {what}: {seen:?} instead of {expected:?}", row.name))
}

/// What of the row is not so when its command is sent twice, one after the other.
fn wrong_again(row: &Row) -> Vec<String> {
    let house = on(House::new());
    let id = (row.prepare)(&house);
    let before = house.head();
    let first = seen(&house, before, vec![(row.run)(&house.commands, &id)], None);
    let (facts, word) = match row.again {
        Again::Stands => (0, None),
        Again::Another => (row.facts, None),
        Again::Refused(word) => (0, Some(word)),
    };
    let before = house.head();
    let again = seen(&house, before, vec![(row.run)(&house.commands, &id)], word);
    house.close();
    let refused = usize::from(word.is_some());
    let other = Vec::new;
    [
        differs(row, "once", &first, &Seen { facts: row.facts, refused: 0, other: other() }),
        differs(row, "again", &again, &Seen { facts, refused, other: other() }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What two commands that run at the same time have decided on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DecidedOn {
    OneState,
    /// The second has seen one fact more, about something else.
    AnotherFactBetween,
}

/// What of the row is not so when two nodes decide it before either appends, or one node's lock lets only one decide.
fn wrong_of_two(row: &Row, on_what: DecidedOn) -> Option<String> {
    let house = on(House::new());
    let id = (row.prepare)(&house);
    let (facts, word, is_locked) = match row.two {
        Two::One => (row.facts, None, false),
        Two::Each => (2 * row.facts, None, false),
        Two::OneRefused(word) => (row.facts, Some(word), false),
        Two::Locked(word) => (row.facts, Some(word), true),
    };
    let other = if is_locked { house.commands.clone() } else { house.other_node() };
    let (before, meeting) = (house.head(), Arc::new(Meeting::default()));
    let racer = |commands: Commands| {
        let (id, run, meeting) = (id.clone(), row.run, (!is_locked).then(|| Arc::clone(&meeting)));
        std::thread::spawn(move || {
            attend(meeting);
            let result = run(&commands, &id);
            // One that appends nothing is not waited for.
            meet();
            result
        })
    };
    let first = racer(house.commands.clone());
    let mut between = 0;
    if on_what == DecidedOn::AnotherFactBetween && !is_locked {
        meeting.wait_for_first();
        house.arrive("call_disposed", json!({"call_id": "Z", "outcome": "busy"}));
        between = 1;
    }
    let results = [first, racer(other)].map(|racer| racer.join().expect("no panic")).into();
    let two = seen(&house, before + between, results, word);
    house.close();
    let expected = Seen { facts, refused: usize::from(word.is_some()), other: Vec::new() };
    differs(row, "two at once", &two, &expected)
}

#[test]
fn given_a_command_when_it_is_sent_again_then_it_stands_or_is_refused_or_is_one_more_by_design() {
    let wrong: Vec<String> = rows().iter().flat_map(wrong_again).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn given_two_at_once_when_they_are_decided_on_one_state_then_one_fact_or_one_each_by_design() {
    let wrong = |row: &Row| wrong_of_two(row, DecidedOn::OneState);
    let wrong: Vec<String> = rows().iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn given_two_at_once_when_another_fact_comes_between_then_it_makes_no_difference() {
    let wrong = |row: &Row| wrong_of_two(row, DecidedOn::AnotherFactBetween);
    let wrong: Vec<String> = rows().iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Public functions of `src/commands` that decide nothing.
const READS: &[&str] = &[
    "alert_targets",
    "call_account",
    "due_attempts",
    "folded",
    "has_no_tenants",
    "message_id",
    "new",
    "of",
    "open_calls",
    "read_file",
    "requested_call",
    "selected_facts",
    "tenant_changes",
    "title",
    "topic",
    "with_views",
];

#[test]
fn every_command_is_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands");
    let files = std::fs::read_dir(folder).expect("the room").map(|file| file.expect("a file").path());
    let sources =
        files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).expect("text"));
    let named = |line: &str| {
        let declared = line.strip_prefix("    pub async fn ").or_else(|| line.strip_prefix("    pub fn "))?;
        declared.split(['(', '<']).next().map(str::to_owned)
    };
    let found: BTreeSet<String> =
        sources.flat_map(|text| text.lines().filter_map(named).collect::<Vec<_>>()).collect();
    let rows = rows();
    let listed =
        rows.iter().map(|row| row.name.split(',').next().unwrap_or_default()).chain(READS.iter().copied());
    assert_eq!(found, listed.map(str::to_owned).collect());
}

/// Says once that call `N` is taken; asks the read models first, or not.
fn take(commands: &Commands, named: fn(&TenantView) -> String, asks: bool) -> Result<(), String> {
    let mut is_done = false;
    let decide = |view: &TenantView, _: Instant| {
        let is_taken = asks && view.call("N").is_some();
        if std::mem::replace(&mut is_done, true) || is_taken {
            return Ok::<_, &str>(Decision::Stands(()));
        }
        let fact = disposed("N", "callback", None);
        Ok(Decision::Append(NewFact { key: key(&named(view)), occurred_at: None, fact }))
    };
    result(on(commands.decide(&acme(), decide)))
}

#[test]
fn null_control_a_command_that_does_not_ask_or_whose_key_is_not_of_its_state_is_seen() {
    fn fresh(_: &TenantView) -> String {
        Uuid::now_v7().to_string()
    }
    fn of_the_head(view: &TenantView) -> String {
        format!("number/N/{}", view.with(|_, position| position))
    }
    // Whether the table finds fault with it: again, two on one state, two with another fact between.
    let wrong = |name, run: Run| {
        let (prepare, again, two): (fn(&House) -> String, _, _) =
            (|_| String::new(), Again::Stands, Two::One);
        let row = Row { name, prepare, run, facts: 1, again, two };
        let of_two = |on_what| wrong_of_two(&row, on_what).is_some();
        let again = !wrong_again(&row).is_empty();
        (again, of_two(DecidedOn::OneState), of_two(DecidedOn::AnotherFactBetween))
    };
    let right = wrong("right", |commands, _| take(commands, |_| "number/N".to_owned(), true));
    assert_eq!(right, (false, false, false));
    let forgetful = wrong("forgetful", |commands, _| take(commands, fresh, false));
    assert_eq!(forgetful, (true, true, true));
    let fresh_key = wrong("fresh key", |commands, _| take(commands, fresh, true));
    assert_eq!(fresh_key, (false, true, true), "one after the other it is right");
    let key_of_the_head = wrong("key of the head", |commands, _| take(commands, of_the_head, true));
    assert_eq!(key_of_the_head, (false, false, true), "on one state it is right");
}
