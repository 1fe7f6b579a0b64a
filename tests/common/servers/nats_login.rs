//! Logins of NATS by JWT, as its tool `nsc` makes them: an operator signs an account, the account its users.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

const OPERATOR: u8 = 14 << 3;
const ACCOUNT: u8 = 0;
const USER: u8 = 20 << 3;
const SEED: u8 = 18 << 3;

/// A key of NATS: of an operator, an account or a user.
struct Key {
    kind: u8,
    key: SigningKey,
}

/// Bytes with their checksum, in base 32.
fn encoded(mut bytes: Vec<u8>) -> String {
    let mut crc: u16 = 0;
    for byte in &bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    bytes.extend(crc.to_le_bytes());
    let bit = |nth: usize| bytes.get(nth / 8).is_some_and(|byte| byte >> (7 - nth % 8) & 1 == 1);
    let digit = |nth: usize| (0..5).fold(0, |value, at| value << 1 | usize::from(bit(5 * nth + at)));
    let digits = (8 * bytes.len()).div_ceil(5);
    (0..digits).map(|nth| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit(nth)])).collect()
}

impl Key {
    fn new(kind: u8, seed: u8) -> Self {
        Self { kind, key: SigningKey::from_bytes(&[seed; 32]) }
    }

    fn public(&self) -> String {
        encoded([&[self.kind], &self.key.verifying_key().to_bytes()[..]].concat())
    }

    fn seed(&self) -> String {
        encoded([&[SEED | self.kind >> 5, self.kind << 3], &self.key.to_bytes()[..]].concat())
    }

    /// Says of `subject` what `claims` hold.
    fn signs(&self, subject: &str, claims: Value) -> String {
        let claims = json!({
            "jti": subject, "iat": 1_700_000_000, "iss": self.public(), "sub": subject, "name": "n", "nats": claims
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}.{signature}")
    }
}

/// An operator with an account for nodes.
pub struct NatsAccount {
    operator: Key,
    account: Key,
    system: Key,
}

impl NatsAccount {
    pub fn new() -> Self {
        Self { operator: Key::new(OPERATOR, 1), account: Key::new(ACCOUNT, 2), system: Key::new(ACCOUNT, 3) }
    }

    /// What a server's configuration has of it.
    pub fn config(&self) -> String {
        let limits = |storage: i64| {
            json!({
                "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
                    "conn": -1, "leaf": -1, "mem_storage": storage, "disk_storage": storage,
                    "streams": storage, "consumer": storage
                },
                "type": "account", "version": 2
            })
        };
        let (account, system) = (self.account.public(), self.system.public());
        let operator =
            self.operator.signs(&self.operator.public(), json!({"type": "operator", "version": 2}));
        format!(
            "operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{\n\
             {account}: {}\n{system}: {}\n}}",
            self.operator.signs(&account, limits(-1)),
            self.operator.signs(&system, limits(0)),
        )
    }

    /// A credentials file of a user who may publish to nothing of `denied`.
    pub fn credentials(&self, denied: &[&str]) -> String {
        Self::file(&self.account, denied)
    }

    /// That of a user of an account which the servers do not know.
    pub fn stranger() -> String {
        Self::file(&Key::new(ACCOUNT, 9), &[])
    }

    fn file(account: &Key, denied: &[&str]) -> String {
        let user = Key::new(USER, 4);
        let claims = json!({
            "pub": {"deny": denied}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2
        });
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            account.signs(&user.public(), claims),
            user.seed()
        )
    }
}
