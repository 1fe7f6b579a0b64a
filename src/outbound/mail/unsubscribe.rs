//! Links by which a receiver unsubscribes without a login: the target's id, signed with the log's secret.

use domain::keys::LogSecret;
use subtle::ConstantTimeEq;

/// Bytes of the signature: nobody can try so many.
const SIGNATURE: usize = 16;

/// Signs links, and knows those that it signed.
#[derive(Clone)]
pub struct Unsubscribing(LogSecret);

impl std::fmt::Debug for Unsubscribing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unsubscribing(***)")
    }
}

impl Unsubscribing {
    /// Signs with the log's secret.
    pub fn new(secret: LogSecret) -> Self {
        Self(secret)
    }

    /// What the link of a target ends with.
    pub fn token(&self, target_id: &str) -> String {
        format!("{target_id}.{}", self.signature(target_id))
    }

    /// The target whose token this is; none where we did not sign it.
    pub fn target<'t>(&self, token: &'t str) -> Option<&'t str> {
        let (target_id, signature) = token.rsplit_once('.')?;
        let is_ours: bool = self.signature(target_id).as_bytes().ct_eq(signature.as_bytes()).into();
        is_ours.then_some(target_id)
    }

    /// What names a message to a target in its headers: the same for every attempt.
    pub fn message_id(&self, message_id: &str, target_id: &str) -> String {
        let whole = self.0.signing(&format!("mail/{target_id}/{message_id}"));
        hex::encode(&whole[..SIGNATURE])
    }

    fn signature(&self, target_id: &str) -> String {
        let whole = self.0.signing(&format!("unsubscribe/{target_id}"));
        hex::encode(&whole[..SIGNATURE])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_of_its_target_and_of_this_log_alone() {
        let ours = Unsubscribing::new(LogSecret::new(&[7; 32]));
        let token = ours.token("at_1");
        assert_eq!(ours.target(&token), Some("at_1"));
        let others = Unsubscribing::new(LogSecret::new(&[8; 32]));
        assert_eq!(others.target(&token), None);
        for forged in [
            token.replace("at_1", "at_2"),
            token[..token.len() - 1].to_owned(),
            "at_1".into(),
            "at_1.".into(),
        ] {
            assert_eq!(ours.target(&forged), None, "{forged}");
        }
        assert!(!format!("{ours:?}").contains('7'));
    }
}
