//! Credentials in what providers say: a provider may quote what it was sent (L12).

use bytes::Bytes;
use parking_lot::RwLock;

/// Shorter texts are no credentials, and stand in other words.
const SECRET_MIN: usize = 4;

/// The credentials of one run.
#[derive(Default)]
pub struct Masking(RwLock<Vec<Box<str>>>);

impl Masking {
    /// Masks these.
    pub fn of(secrets: Vec<Box<str>>) -> Self {
        Self(RwLock::new(secrets))
    }

    /// Masks this one, too.
    pub fn add(&self, secret: &str) {
        self.0.write().push(secret.into());
    }

    /// A text without them.
    pub fn text(&self, text: &str) -> String {
        let secrets = self.0.read();
        let secrets = secrets.iter().filter(|secret| secret.len() >= SECRET_MIN);
        secrets.fold(text.to_owned(), |text, secret| text.replace(&**secret, "***"))
    }

    /// An answer without them.
    pub fn page(&self, page: &Bytes) -> Bytes {
        match std::str::from_utf8(page) {
            Ok(text) if self.0.read().iter().any(|secret| text.contains(&**secret)) => {
                Bytes::from(self.text(text))
            }
            Ok(_) | Err(_) => page.clone(),
        }
    }
}
