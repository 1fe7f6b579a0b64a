//! Access over a real log in a temporary directory: what was answered holds at once and after a restart.

use std::ops::Deref;

use domain::facts::access::Role;
use domain::keys::TenantId;
use domain::members::{Email, Instant, Text};
use tempfile::TempDir;

use std::sync::Arc;

use super::invitations::{acceptance, new_invitation};
use crate::access::{Access, AccessError, AccessLink, INVITATION_SECONDS, LOGIN_SECONDS};
use crate::commands::{Commands, LoggedIn, NewInvitation, NewToken, NewUser, Parts, UserChange};
use crate::directory::{AlertTargets, TenantRegistry};
use crate::follow::{Fold, Follower, fold_history};
use crate::ingest::Ingest;
use crate::log::{Log, Sizes};
use crate::testing::{self, DAY, TestClock};

/// Access that follows its log.
struct Open {
    access: Arc<Access>,
    commands: Commands<()>,
    log: Log,
    follower: Follower,
}

impl Deref for Open {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.follower.close();
    }
}

struct World {
    dir: TempDir,
    time: TestClock,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("directory"), time: TestClock::standing(DAY) }
    }

    fn open(&self) -> Open {
        let log = testing::open_log(&self.dir, &self.time, Sizes::default());
        let admin = Some(&b"the-admin-from-the-start"[..]);
        let access = Arc::new(Access::new(testing::secret(), self.time.clock(), admin));
        let folds: Vec<Arc<dyn Fold>> = vec![Arc::clone(&access) as _];
        fold_history(&log.snapshot(), &folds).expect("folded");
        let follower = Follower::start("access", &log, access.checkpoint().position(), folds, None);
        let registry = Arc::new(TenantRegistry::fixed(testing::empty_directory()));
        let commands = Commands::new(Parts {
            log: log.clone(),
            ingest: Arc::new(Ingest::new(
                log.clone(),
                testing::secret(),
                self.time.clock(),
                testing::PUBLIC_URL.to_owned(),
                Arc::clone(&registry),
            )),
            access: Arc::clone(&access),
            registry,
            alert_targets: Arc::new(AlertTargets::default()),
            leases: Arc::default(),
            secret: testing::secret(),
            clock: self.time.clock(),
        });
        Open { access, commands, log, follower: follower.expect("started") }
    }

    fn pass(&self, micros: i64) {
        self.time.advance(micros);
    }
}

fn text(text: &str) -> Text {
    Text::new(text).expect("text")
}

fn tenant(id: &str) -> TenantId {
    TenantId::new(id).expect("tenant")
}

fn new_token(role: Role, tenants: &[&str]) -> NewToken {
    NewToken { name: text("ci"), role, tenants: tenants.iter().map(|name| (*name).to_owned()).collect() }
}

fn ann() -> NewUser {
    NewUser {
        email: Email::new("Ann@Example.com").expect("email"),
        name: Some(text("Ann")),
        password: "correct horse battery".to_owned(),
        role: None,
    }
}

fn try_log_in(access: &Open, password: &str) -> Result<Option<LoggedIn>, AccessError> {
    let attempt = testing::attempt("ann@example.com", password);
    let verified = pollster::block_on(access.verify(attempt))?;
    verified.map_or(Ok(None), |verified| access.commands.log_in(&verified))
}

fn log_in(access: &Open, password: &str) -> Option<LoggedIn> {
    try_log_in(access, password).expect("heard")
}

#[test]
fn given_a_token_when_it_is_issued_and_revoked_then_both_hold_at_once_and_after_a_restart() {
    let world = World::new();
    let access = world.open();
    let viewer = access.commands.issue_token("admin", &new_token(Role::Viewer, &["acme"])).expect("issued");
    let operator = access.commands.issue_token("admin", &new_token(Role::Operator, &["*"])).expect("issued");
    let caller = access.bearer(&viewer.token).expect("known");
    assert_eq!(caller.role_in(&tenant("acme")), Some(Role::Viewer));
    assert_eq!((caller.role_in(&tenant("globex")), caller.role_everywhere()), (None, None));
    assert_eq!(access.bearer(&operator.token).and_then(|c| c.role_everywhere()), Some(Role::Operator));

    access.commands.revoke_token("admin", viewer.id.as_str()).expect("revoked");
    access.commands.revoke_token("admin", viewer.id.as_str()).expect("again is no error");
    assert!(access.bearer(&viewer.token).is_none());
    assert!(matches!(access.commands.revoke_token("admin", "no"), Err(AccessError::NotFound("token"))));

    access.log.clone().close();
    let access = world.open();
    assert!(access.bearer(&viewer.token).is_none() && access.bearer(&operator.token).is_some());
    assert!(access.bearer("the-admin-from-the-start").is_some());
}

#[test]
fn given_a_token_when_any_part_of_it_is_another_then_it_opens_nothing() {
    let world = World::new();
    let access = world.open();
    let [one, other] =
        [(); 2].map(|()| access.commands.issue_token("admin", &new_token(Role::Admin, &[])).expect("issued"));
    let (id, _) = one.token["ff_".len()..].split_once('_').expect("parts");
    let (_, secret) = other.token["ff_".len()..].split_once('_').expect("parts");
    let id_alone = format!("ff_{id}_");
    for wrong in [&format!("ff_{id}_{secret}"), &id_alone, &one.token[3..], "", "ff__"] {
        assert!(access.bearer(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn given_a_viewer_or_agent_when_no_tenant_is_named_then_no_token_is_issued() {
    let world = World::new();
    let access = world.open();
    for (role, tenants) in [
        (Role::Viewer, &[][..]),
        (Role::Agent, &["*"]),
        (Role::Admin, &["*", "acme"]),
        (Role::Admin, &["Acme"]),
    ] {
        let refused = access.commands.issue_token("admin", &new_token(role, tenants)).map(|_| ());
        assert!(matches!(refused, Err(AccessError::Invalid { pointer: "/tenants", .. })), "{refused:?}");
    }
    assert_eq!(access.known().tokens.len(), 0);
}

#[test]
fn given_a_user_when_he_logs_in_and_out_then_the_cookie_opens_what_he_is_member_of() {
    let world = World::new();
    let access = world.open();
    let id = access.commands.add_user("admin", &ann()).expect("added");
    assert!(log_in(&access, "wrong horse battery").is_none());
    let login = log_in(&access, "correct horse battery").expect("logged in");
    assert_eq!(access.cookie(&login.cookie).expect("known").role_in(&tenant("acme")), None);
    access.commands.grant("admin", id.as_str(), &tenant("acme"), Role::Agent).expect("granted");
    assert_eq!(access.cookie(&login.cookie).expect("known").role_in(&tenant("acme")), Some(Role::Agent));
    assert!(access.bearer(&login.cookie).is_none(), "a cookie is no token");
    access.commands.revoke_membership("admin", id.as_str(), &tenant("acme")).expect("revoked");
    assert_eq!(access.cookie(&login.cookie).expect("known").role_in(&tenant("acme")), None);
    access.commands.log_out(&login.cookie).expect("logged out");
    assert!(access.cookie(&login.cookie).is_none());
}

#[test]
fn given_a_login_when_it_expires_or_the_password_changes_or_the_user_goes_then_it_is_over() {
    let world = World::new();
    let access = world.open();
    let id = access.commands.add_user("admin", &ann()).expect("added");
    let login = log_in(&access, "correct horse battery").expect("logged in");
    world.pass(i64::from(LOGIN_SECONDS) * 1_000_000 - 1);
    assert!(access.cookie(&login.cookie).is_some());
    world.pass(1);
    assert!(access.cookie(&login.cookie).is_none());

    let login = log_in(&access, "correct horse battery").expect("logged in");
    let change = UserChange { name: Some(text("Ann B.")), ..UserChange::default() };
    access.commands.change_user("admin", id.as_str(), &change).expect("changed");
    assert!(access.cookie(&login.cookie).is_some(), "another name ends nothing");
    let change = UserChange { password: Some("another horse battery".into()), ..UserChange::default() };
    access.commands.change_user("admin", id.as_str(), &change).expect("changed");
    assert!(access.cookie(&login.cookie).is_none());

    let login = log_in(&access, "another horse battery").expect("logged in");
    access.commands.remove_user("admin", id.as_str()).expect("removed");
    assert!(access.cookie(&login.cookie).is_none() && log_in(&access, "another horse battery").is_none());
}

#[test]
fn given_a_hundred_open_logins_when_there_is_one_more_then_the_oldest_is_over() {
    let world = World::new();
    let access = world.open();
    access.commands.add_user("admin", &ann()).expect("added");
    let attempt = testing::attempt("ann@example.com", "correct horse battery");
    let verified = pollster::block_on(access.verify(attempt)).expect("heard").expect("verified");
    let logins: Vec<LoggedIn> = (0..102)
        .map(|_| {
            world.pass(1_000_000);
            access.commands.log_in(&verified).expect("heard").expect("logged in")
        })
        .collect();
    let open: Vec<bool> = logins.iter().map(|login| access.cookie(&login.cookie).is_some()).collect();
    assert!(!open[0] && !open[1] && open[2..].iter().all(|open| *open), "{open:?}");
}

#[test]
fn given_failed_logins_when_there_were_ten_then_even_the_right_password_must_wait() {
    let world = World::new();
    let access = world.open();
    access.commands.add_user("admin", &ann()).expect("added");
    for _ in 0..10 {
        assert!(log_in(&access, "wrong").is_none());
    }
    let waits = try_log_in(&access, "correct horse battery");
    assert!(matches!(waits, Err(AccessError::TooManyAttempts(900))), "{:?}", waits.map(|_| ()));
    world.pass(15 * 60 * 1_000_000);
    assert!(log_in(&access, "correct horse battery").is_some());
}

#[test]
fn given_an_email_when_another_user_has_it_then_it_is_taken() {
    let world = World::new();
    let access = world.open();
    access.commands.add_user("admin", &ann()).expect("added");
    assert!(matches!(access.commands.add_user("admin", &ann()), Err(AccessError::Taken(_))));
}

#[test]
fn given_an_invitation_when_its_time_is_over_then_it_opens_nothing_and_is_forgotten_later() {
    let world = World::new();
    let access = world.open();
    let here = testing::attempt("ann@example.com", "").network;
    let open = access.commands.invite("admin", &new_invitation()).expect("invited");
    let other = NewInvitation { email: Email::new("bob@example.com").expect("email"), ..new_invitation() };
    let accepted = access.commands.invite("admin", &other).expect("invited");
    world.pass(i64::from(INVITATION_SECONDS) * 1_000_000 - 1);
    assert_eq!(access.link(&open.token, here).expect("open"), AccessLink::Invitation(open.id.clone()));
    access.commands.accept_invitation(accepted.id.as_str(), &acceptance()).expect("accepted");
    world.pass(1);
    let unknown =
        |result: Result<(), AccessError>| matches!(result, Err(AccessError::NotFound("invitation")));
    assert!(unknown(access.link(&open.token, here).map(drop)));
    assert!(unknown(access.commands.accept_invitation(open.id.as_str(), &acceptance()).map(drop)));
    let states = || -> Vec<&str> {
        let known = access.known();
        known.invitations.iter().map(|(_, one)| one.state(Instant(i64::MAX)).as_str()).collect()
    };
    assert_eq!(states(), ["expired", "accepted"]);
    access.commands.withdraw_invitation("admin", open.id.as_str()).expect("nothing is left to withdraw");
    world.pass(91 * DAY);
    access.commands.invite("admin", &new_invitation()).expect("invited");
    assert_eq!(states(), ["expired"], "the new one alone is listed, at the end of time");

    access.log.clone().close();
    let access = world.open();
    assert_eq!(access.known().users.len(), 1, "whoever accepted has the login after a restart");
}
