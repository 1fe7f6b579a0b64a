//! The demo's user: an admin with a password of this run, and a link that logs in and opens the dashboard.

use domain::facts::access::Role;
use domain::members::{Email, Text};
use serde_json::{Value, json};

use super::super::Failure;
use crate::commands::NewUser;
use crate::engine::Engine;

const EMAIL: &str = "demo@factfold.example";

/// How a person logs in to the demo.
pub struct DemoLogin {
    base_url: String,
    password: String,
}

/// Adds the demo's user. Blocks.
pub fn add(engine: &Engine, base_url: &str) -> Result<DemoLogin, Failure> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
    let password = hex::encode(bytes);
    let email = Email::new(EMAIL).ok_or_else(|| Failure::Failed(format!("{EMAIL} is no address")))?;
    let (name, role) = (Text::new("Demo"), Some(Role::Admin));
    let new = NewUser { email, name, password: password.clone(), role };
    engine.commands.add_user("demo", &new)?;
    Ok(DemoLogin { base_url: base_url.to_owned(), password })
}

impl DemoLogin {
    /// The link. What stands behind `#` is not sent to the server, and the page takes it on this machine alone.
    fn link(&self) -> String {
        format!("{}/login#email={EMAIL}&password={}", self.base_url, self.password)
    }

    /// As lines for a person.
    pub fn told(&self) -> String {
        format!("Login     {EMAIL}, password {}\nOpen      {}", self.password, self.link())
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({"email": EMAIL, "password": self.password, "link": self.link()})
    }
}
