//! Signing secrets, and where configuration says they stand: `env:NAME`, `file:PATH`, or the text itself.

use std::{env, fmt, fs};

/// A signing secret. It never shows in `Debug`, and nothing else prints it.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The secret as the provider shows it.
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Its text, to authenticate a request with; what is not UTF-8 in it is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Its bytes, to key a MAC.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether a text says where a secret stands, and is none itself.
pub fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// Resolves `env:NAME`, `file:PATH` or the text itself; the error says why there is none, and never what it is.
pub fn resolve(text: &str) -> Result<Secret, String> {
    let value = if let Some(name) = text.strip_prefix("env:") {
        env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let read = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        read.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']).to_owned()
    } else {
        text.to_owned()
    };
    if value.is_empty() { Err("the secret is empty".into()) } else { Ok(Secret::new(&value)) }
}
