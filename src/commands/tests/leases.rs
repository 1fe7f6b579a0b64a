//! Leases: one node at a time, taken over when it is gone or gives up.

use std::time::Duration;

use domain::members::Text;

use super::House;
use super::prepared::{nothing, on, result};
use super::rows::{Again, Row, Two, row};
use crate::commands::{Commands, LeaseTerms};
use crate::testing::SECOND;

const TERMS: LeaseTerms = LeaseTerms {
    name: "duty",
    lasts: Duration::from_secs(20),
    renewed_at: Duration::from_secs(10),
    spared: Duration::from_secs(5),
};

fn take(commands: &Commands, node: &str) -> Option<i64> {
    let node = Text::new(node).expect("a name");
    commands.take_lease(TERMS, &node).expect("decided").map(|until| until.0)
}

fn give_back(commands: &Commands, node: &str) {
    commands.give_lease_back(TERMS, &Text::new(node).expect("a name")).expect("decided");
}

fn taken(house: &House) -> String {
    take(&house.commands, "a");
    String::new()
}

/// The commands of this file.
pub fn rows() -> Vec<Row> {
    vec![
        row("take_lease", nothing, |c, _| result(Ok::<_, ()>(take(c, "a"))), Again::Stands, Two::One),
        row(
            "give_lease_back",
            taken,
            |c, _| {
                give_back(c, "a");
                Ok(())
            },
            Again::Stands,
            Two::One,
        ),
    ]
}

#[test]
fn a_lease_is_one_nodes_until_its_time_is_over_and_the_time_that_clocks_may_differ() {
    let house = on(House::new());
    let (a, b) = (house.commands.clone(), house.other_node());
    let first = take(&a, "a").expect("free");
    assert_eq!(take(&b, "b"), None, "another node has it");
    let position = house.head();
    assert_eq!((take(&a, "a"), house.head()), (Some(first), position), "no fact while most of it is left");
    let pass = |seconds: i64| house.harness.time.advance(seconds * SECOND);
    pass(11);
    let renewed = take(&a, "a").expect("renewed");
    assert!(renewed > first && house.head() == position + 1);
    pass(21);
    assert_eq!(take(&b, "b"), None, "clocks may differ");
    pass(5);
    assert!(take(&b, "b").is_some(), "taken over");
    assert_eq!(take(&a, "a"), None, "and lost by the first");
    give_back(&a, "a");
    assert_eq!(take(&a, "a"), None, "what is another's cannot be given back");
    give_back(&b, "b");
    assert!(take(&a, "a").is_some(), "given back, it is free at once");
    house.close();
}
