//! The rows of invitations.

use std::net::IpAddr;

use domain::facts::access::Role;

use super::House;
use super::prepared::{PASSWORD, acme, email, nothing, result};
use super::rows::{Again, Row, Two, row};
use crate::commands::{Acceptance, NewInvitation};

pub fn new_invitation() -> NewInvitation {
    NewInvitation { email: email(), role: None, memberships: [(acme(), Role::Viewer)].into() }
}

pub fn acceptance() -> Acceptance {
    Acceptance { name: None, password: PASSWORD.to_owned(), network: IpAddr::from([127, 0, 0, 1]) }
}

fn invited(house: &House) -> String {
    house.commands.invite("admin", &new_invitation()).expect("invited").id.to_string()
}

pub fn rows() -> Vec<Row> {
    vec![
        // A further one takes the place of the first.
        row(
            "invite",
            nothing,
            |c, _| result(c.invite("admin", &new_invitation()).map(|issued| issued.id)),
            Again::Another,
            Two::Each,
        ),
        row(
            "withdraw_invitation",
            invited,
            |c, id| result(c.withdraw_invitation("admin", id)),
            Again::Stands,
            Two::One,
        ),
        row(
            "accept_invitation",
            invited,
            |c, id| result(c.accept_invitation(id, &acceptance()).map(|user| user.id)),
            Again::Refused("NotFound"),
            Two::OneRefused("NotFound"),
        ),
    ]
}
