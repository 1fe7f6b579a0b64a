//! The setup link: whoever starts a server on an empty directory makes its first admin in a browser.
//!
//! The token lives in this process alone, and opens nothing once there is a user. A start makes another one.

use super::secret::{Fresh, SecretDigest, split};
use super::{Access, AccessError};

impl Access {
    /// The token of a new setup link; none where there are users or tokens already.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn issue_setup(&self) -> Result<Option<String>, AccessError> {
        let is_empty = {
            let known = self.known();
            known.users.is_empty() && known.tokens.is_empty()
        };
        if !is_empty {
            return Ok(None);
        }
        let fresh = Fresh::new()?;
        *self.setup.lock() = SecretDigest::read(fresh.digest.as_str());
        Ok(Some(fresh.text()))
    }

    /// Whether the text is the setup link's token, and there is nobody yet.
    pub fn takes_setup(&self, text: &str) -> bool {
        let digest = self.setup.lock().unwrap_or(SecretDigest::NOBODYS);
        let secret = split(text).map_or("", |(_, secret)| secret);
        digest.is_of(secret.as_bytes()) && self.known().users.is_empty()
    }
}
