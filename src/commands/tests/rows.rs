//! A row for every command: what it needs, how it is sent, and what is so when it is sent twice.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::facts::access::Role;
use domain::rules::outcomes::Outcome;

use super::House;
use super::prepared::*;
use crate::commands::{AlertAttempt, Commands, RunEnd, UserChange};
use crate::config::Config;
use crate::ingest::verdict::ConflictVerdict;

/// Sends a command; the text is what was prepared for it, such as an id.
pub type Run = fn(&Commands, &str) -> Result<(), String>;

/// A command, and what is so of it.
pub struct Row {
    /// Its function, and after a comma which case of it.
    pub name: &'static str,
    pub prepare: fn(&House) -> String,
    pub run: Run,
    /// Facts that it appends the first time.
    pub facts: u64,
    pub again: Again,
    pub two: Two,
}

/// What a command does that is sent again.
pub enum Again {
    /// It is answered, and nothing is appended.
    Stands,
    /// It is one more by design: nothing in the request says that it is the same.
    Another,
    /// It is refused with this word, and nothing is appended.
    Refused(&'static str),
}

/// What two commands do that decide on one state.
pub enum Two {
    /// The facts of one of them are recorded, and both are answered.
    One,
    /// Each appends its own, by design.
    Each,
    /// As `One`, but the second is refused with this word.
    OneRefused(&'static str),
    /// No key holds it: on one node the second waits for the first, and is refused with this word.
    Locked(&'static str),
}

/// The row of a command that records one fact.
pub fn row(name: &'static str, prepare: fn(&House) -> String, run: Run, again: Again, two: Two) -> Row {
    Row { name, prepare, run, facts: 1, again, two }
}

/// Every command.
pub fn rows() -> Vec<Row> {
    let others_apart = [
        super::calls::rows(),
        super::erasures::rows(),
        super::invitations::rows(),
        super::leases::rows(),
        super::reports::rows(),
        super::voids::rows(),
    ];
    others_apart.into_iter().flatten().chain(others()).collect()
}

fn others() -> Vec<Row> {
    use Again::{Another, Refused, Stands};
    vec![
        row("start_session", nothing, |c, _| started(c).map(drop), Stands, Two::One),
        // Each resume of an active session is one more sign of life.
        row(
            "resume_session",
            session,
            |c, id| result(on(c.resume_session(&acme(), &text(id)))),
            Another,
            Two::One,
        ),
        row("end_session", session, |c, id| result(on(c.end_session(&acme(), &text(id)))), Stands, Two::One),
        row(
            "attempt_lead",
            session,
            |c, id| {
                let outcome = Outcome::parse("busy").expect("an outcome");
                result(on(c.attempt_lead(&acme(), &text(id), &text("lead-1"), outcome)))
            },
            Stands,
            Two::One,
        ),
        row(
            "next_lead",
            session,
            |c, id| result(on(c.next_lead(&acme(), &text(id), &text("1")))),
            Stands,
            Two::One,
        ),
        row(
            "dispose_call",
            nothing,
            |c, _| result(on(c.dispose_call(&acme(), None, disposition()))),
            Another,
            Two::Each,
        ),
        row(
            "dispose_call, keyed",
            nothing,
            |c, _| result(on(c.dispose_call(&acme(), Some(&once()), disposition()))),
            Stands,
            Two::One,
        ),
        row(
            "write_note",
            nothing,
            |c, _| result(on(c.write_note(&acme(), None, new_note()))),
            Another,
            Two::Each,
        ),
        row(
            "write_note, keyed",
            nothing,
            |c, _| result(on(c.write_note(&acme(), Some(&once()), new_note()))),
            Stands,
            Two::One,
        ),
        row(
            "remove_note",
            note,
            |c, id| result(on(c.remove_note(&acme(), &text(id), None))),
            Stands,
            Two::One,
        ),
        // Without a key two requests that come at once cannot be told from two acts of one content.
        row(
            "set_target",
            nothing,
            |c, _| result(on(c.set_target(&acme(), None, wanted()))),
            Stands,
            Two::Each,
        ),
        row(
            "set_target, keyed",
            nothing,
            |c, _| result(on(c.set_target(&acme(), Some(&once()), wanted()))),
            Stands,
            Two::One,
        ),
        row("stage_lead", lead, |c, id| stage(c, None, id), Stands, Two::Each),
        row("stage_lead, keyed", lead, |c, id| stage(c, Some(&once()), id), Stands, Two::One),
        row(
            "decide_conflict",
            conflict,
            |c, id| result(on(c.decide_conflict(&acme(), at(id), ConflictVerdict::Accept, None))),
            Stands,
            Two::One,
        ),
        row(
            "decide_conflict, rejected",
            conflict,
            |c, id| result(on(c.decide_conflict(&acme(), at(id), ConflictVerdict::Reject, None))),
            Stands,
            Two::One,
        ),
        // The fact of the delivery, and that it is resolved.
        Row {
            facts: 2,
            ..row(
                "retry_quarantined",
                quarantined,
                |c, id| result(on(c.retry_quarantined(&nobody(), id, None))),
                Stands,
                Two::One,
            )
        },
        Row {
            facts: 2,
            ..row(
                "retry_delivery",
                quarantined_at,
                |c, id| result(on(c.retry_delivery(&nobody(), at(id), None))),
                Stands,
                Two::One,
            )
        },
        Row {
            facts: 2,
            ..row(
                "retry_deliveries",
                quarantined_at,
                |c, id| result(on(c.retry_deliveries(&[(nobody(), at(id))], None))),
                Stands,
                Two::One,
            )
        },
        Row {
            facts: 2,
            ..row(
                "retry_open",
                quarantined,
                |c, _| result(on(c.retry_open(&nobody(), None, 0, None))),
                Stands,
                Two::One,
            )
        },
        row(
            "finish_import",
            nothing,
            |c, _| result(c.finish_import(&acme(), import_of(1))),
            Stands,
            Two::One,
        ),
        row(
            "finish_import, of what is known",
            nothing,
            |c, _| result(c.finish_import(&acme(), import_of(0))),
            Stands,
            Two::One,
        ),
        row(
            "begin_with_file",
            nothing,
            |c, _| result(c.begin_with_file(&file("17"), &BTreeSet::new())),
            Stands,
            Two::One,
        ),
        row("load_file", nothing, |c, _| result(c.load_file(&file("17"))), Stands, Two::One),
        row("load_file, otherwise", configured, |c, _| result(c.load_file(&file("18"))), Stands, Two::One),
        row(
            "load_file, without a tenant",
            configured,
            |c, _| result(c.load_file(&Config::default())),
            Stands,
            Two::One,
        ),
        row(
            "add_endpoint",
            nothing,
            |c, _| result(c.add_endpoint("admin", &new_endpoint(Some("endpoint-1")))),
            Refused("Taken"),
            Two::OneRefused("Taken"),
        ),
        row(
            "add_endpoint, without an id",
            nothing,
            |c, _| result(c.add_endpoint("admin", &new_endpoint(None))),
            Another,
            Two::Each,
        ),
        row(
            "remove_endpoint",
            endpoint,
            |c, id| result(c.remove_endpoint("admin", "emailbison", id)),
            Refused("NotFound"),
            Two::OneRefused("NotFound"),
        ),
        row(
            "issue_token",
            nothing,
            |c, _| result(c.issue_token("admin", &new_token()).map(|issued| issued.id)),
            Another,
            Two::Each,
        ),
        row("revoke_token", token, |c, id| result(c.revoke_token("admin", id)), Stands, Two::One),
        row(
            "add_user",
            nothing,
            |c, _| result(c.add_user("admin", &new_user())),
            Refused("Taken"),
            Two::Locked("Taken"),
        ),
        row("set_up", setup, set_up, Refused("NotFound"), Two::Locked("NotFound")),
        row(
            "change_user",
            user,
            |c, id| {
                let change = UserChange { name: Some(text("Ann")), ..UserChange::default() };
                result(c.change_user("admin", id, &change))
            },
            Stands,
            Two::One,
        ),
        // It ends all logins, so it is an act of its own each time.
        row(
            "change_user, password",
            user,
            |c, id| {
                let change = UserChange { password: Some(PASSWORD.to_owned()), ..UserChange::default() };
                result(c.change_user("admin", id, &change))
            },
            Another,
            Two::Each,
        ),
        row(
            "remove_user",
            user,
            |c, id| result(c.remove_user("admin", id)),
            Refused("NotFound"),
            Two::OneRefused("NotFound"),
        ),
        row("grant", user, |c, id| result(c.grant("admin", id, &acme(), Role::Viewer)), Stands, Two::One),
        row(
            "revoke_membership",
            member,
            |c, id| result(c.revoke_membership("admin", id, &acme())),
            Refused("NotFound"),
            Two::OneRefused("NotFound"),
        ),
        row(
            "log_in",
            user,
            |c, _| match log_in(c) {
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{:?}", other.map(|_| "no login"))),
            },
            Another,
            Two::Each,
        ),
        row("log_out", login, |c, cookie| result(c.log_out(cookie)), Stands, Two::One),
        row(
            "set_alert_target",
            nothing,
            |c, _| result(on(c.set_alert_target(new_target()))),
            Another,
            Two::Each,
        ),
        row(
            "remove_alert_target",
            target,
            |c, id| result(on(c.remove_alert_target(id, None))),
            Refused("NotFound"),
            Two::OneRefused("NotFound"),
        ),
        row(
            "record_attempt",
            alert,
            |c, id| {
                let attempts = on(c.resend_alert(&acme(), id, None)).expect("decided");
                let mut first = attempts.into_iter().map(|attempt| AlertAttempt { number: 1, ..attempt });
                first.try_for_each(|made| result(on(c.record_attempt(&made, Some(200), None))))
            },
            Stands,
            Two::One,
        ),
        row(
            "begin_run",
            nothing,
            |c, _| result(on(c.begin_run(&acme(), "clienttether"))),
            Another,
            Two::Each,
        ),
        row(
            "end_run",
            nothing,
            |c, _| {
                let end = RunEnd::Success { updated: 1 };
                result(on(c.end_run(&acme(), ("clienttether", "r1"), &end, &Bytes::new())))
            },
            Stands,
            Two::One,
        ),
        // Its facts are those of the attempts, which the outbox appends under their numbers.
        Row {
            facts: 0,
            ..row(
                "resend_alert",
                alert,
                |c, id| result(on(c.resend_alert(&acme(), id, None))),
                Stands,
                Two::One,
            )
        },
        Row {
            facts: 0,
            ..row(
                "resend_message",
                alert,
                |c, id| result(on(c.resend_message(&acme(), id, None))),
                Stands,
                Two::One,
            )
        },
    ]
}
