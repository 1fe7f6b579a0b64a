//! The rows of reports, and what of two who write at once stays.

use domain::members::LongText;
use domain::rules::reports::{ReportRejection, ReportState};

use super::House;
use super::meeting::{Meeting, attend};
use super::prepared::{acme, nothing, on, once, period, published, report, result, text};
use super::rows::{Again, Row, Two, row};
use crate::commands::{CommandError, Commands};

fn rewrite(commands: &Commands, id: &str, narrative: &str) -> Result<(), CommandError<ReportRejection>> {
    on(commands.rewrite_report(&acme(), &text(id), LongText::new(narrative))).map(drop)
}

pub fn rows() -> Vec<Row> {
    vec![
        row(
            "draft_report",
            nothing,
            |c, _| result(on(c.draft_report(&acme(), None, period(), None))),
            Again::Another,
            Two::Each,
        ),
        row(
            "draft_report, keyed",
            nothing,
            |c, _| result(on(c.draft_report(&acme(), Some(&once()), period(), None))),
            Again::Stands,
            Two::One,
        ),
        row(
            "move_report, published",
            report,
            |c, id| result(on(c.move_report(&acme(), &text(id), ReportState::Published))),
            Again::Stands,
            Two::One,
        ),
        row(
            "move_report, withdrawn",
            published,
            |c, id| result(on(c.move_report(&acme(), &text(id), ReportState::Withdrawn))),
            Again::Stands,
            Two::One,
        ),
        row(
            "rewrite_report",
            report,
            |c, id| result(rewrite(c, id, "A good month.")),
            Again::Stands,
            Two::One,
        ),
    ]
}

/// The narrative of a report, and where it stands.
fn stands(house: &House, id: &str) -> (Option<String>, ReportState) {
    let view = on(house.commands.folded(&acme())).expect("folded");
    view.with(|tenant, _| {
        let row = tenant.reports.rows.get(id).expect("a report");
        (row.narrative().map(|narrative| narrative.to_string()), row.state())
    })
}

#[test]
fn b14_given_a_publication_and_a_change_of_the_text_at_once_then_what_is_published_has_one_text() {
    let house = on(House::new());
    let id = report(&house);
    let meeting = std::sync::Arc::new(Meeting::default());
    let publisher = {
        let (commands, id, meeting) = (house.commands.clone(), id.clone(), std::sync::Arc::clone(&meeting));
        std::thread::spawn(move || {
            attend(Some(meeting));
            on(commands.move_report(&acme(), &text(&id), ReportState::Published)).map(drop)
        })
    };
    let writer = {
        let (commands, id, meeting) = (house.other_node(), id.clone(), std::sync::Arc::clone(&meeting));
        std::thread::spawn(move || {
            attend(Some(meeting));
            rewrite(&commands, &id, "A good month.")
        })
    };
    let (publication, change) = (publisher.join().expect("no panic"), writer.join().expect("no panic"));
    publication.expect("published, before the change or with it");
    let expected = match change {
        Ok(()) => Some("A good month.".to_owned()),
        Err(CommandError::Rejected(ReportRejection::Published)) => None,
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(stands(&house, &id), (expected, ReportState::Published));
    house.close();
}

#[test]
fn b14_given_a_draft_when_its_text_is_changed_again_and_again_then_the_last_one_stands() {
    let house = on(House::new());
    let id = report(&house);
    for narrative in ["One.", "Two.", "One.", "Three."] {
        rewrite(&house.commands, &id, narrative).expect("written");
        assert_eq!(stands(&house, &id), (Some(narrative.to_owned()), ReportState::Draft));
    }
    rewrite(&house.commands, &id, " ").expect("taken away");
    assert_eq!(stands(&house, &id), (None, ReportState::Draft));
    house.close();
}
