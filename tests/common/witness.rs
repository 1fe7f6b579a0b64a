//! A witness (C2SP tlog-witness) on a local port: cosigns checkpoints that continue what it cosigned before.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use signed_note::{Note, StandardVerifier, VerifierList, key_id};
use tlog_tiles::{Checkpoint, Hash, check_tree};

const NAME: &str = "witness.example/w1";

#[derive(Default)]
struct Seen {
    /// The log's key, which the witness is told.
    key: Option<String>,
    last: Option<(u64, Hash)>,
    refused: u64,
}

/// The witness.
#[derive(Clone)]
pub struct WitnessStandin {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[77; 32])
}

impl WitnessStandin {
    /// Listens on a free port of 127.0.0.1; knows no log yet.
    pub async fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/submit", listener.local_addr().expect("address"));
        let add = async |State(seen): State<Arc<Mutex<Seen>>>, body: String| {
            add_checkpoint(&mut seen.lock().expect("not poisoned"), &body)
        };
        let route = axum::routing::post(add);
        let app = axum::Router::new().route("/submit/add-checkpoint", route).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// The tables of a server that asks it.
    pub fn tables(&self) -> String {
        let public = [&[4], signer().verifying_key().to_bytes().as_slice()].concat();
        let key = format!("{NAME}+{:08x}+{}", key_id(NAME, &public), STANDARD.encode(&public));
        format!(
            "[outbound]\nallow = [\"127.0.0.1\"]\n[[log.witness]]\nname = {NAME:?}\nurl = {:?}\nkey = {key:?}\n",
            self.url
        )
    }

    /// Trusts the log of this key.
    pub fn trust(&self, key: &str) {
        self.seen.lock().expect("not poisoned").key = Some(key.to_owned());
    }

    /// Size of the last checkpoint that it cosigned.
    pub fn cosigned(&self) -> u64 {
        self.seen.lock().expect("not poisoned").last.map_or(0, |(size, _)| size)
    }

    /// How often it refused a checkpoint that does not continue what it knows.
    pub fn refused(&self) -> u64 {
        self.seen.lock().expect("not poisoned").refused
    }
}

fn add_checkpoint(seen: &mut Seen, body: &str) -> (StatusCode, String) {
    let no = |status: u16| (StatusCode::from_u16(status).expect("a status"), String::new());
    let Some(key) = &seen.key else { return no(404) };
    let Some((head, note)) = body.split_once("\n\n") else { return no(400) };
    let mut lines = head.lines();
    let old: u64 = match lines.next().and_then(|line| line.strip_prefix("old ")).and_then(|n| n.parse().ok())
    {
        Some(old) => old,
        None => return no(400),
    };
    let proof: Vec<Hash> = lines.map(|line| Hash::parse_hash(line).expect("a hash")).collect();
    let parsed = Note::from_bytes(note.as_bytes()).expect("a note");
    let verifier = StandardVerifier::new(key).expect("a key");
    if parsed.verify(&VerifierList::new(vec![Box::new(verifier)])).is_err() {
        return no(403);
    }
    let checkpoint = Checkpoint::from_bytes(parsed.text()).expect("a checkpoint");
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    let known = seen.last.map_or(0, |(size, _)| size);
    if old != known {
        seen.refused += 1;
        return (StatusCode::CONFLICT, format!("{known}\n"));
    }
    let continues = match seen.last {
        None => proof.is_empty(),
        Some((_, last)) => check_tree(&proof, size, root, old, last).is_ok(),
    };
    if !continues {
        seen.refused += 1;
        return no(422);
    }
    seen.last = Some((size, root));
    let seconds = 1_700_000_000_u64;
    let text = String::from_utf8(parsed.text().to_vec()).expect("text");
    let signature = signer().sign(format!("cosignature/v1\ntime {seconds}\n{text}").as_bytes()).to_vec();
    let id = key_id(NAME, &[&[4], signer().verifying_key().to_bytes().as_slice()].concat());
    let bytes = [id.to_be_bytes().as_slice(), &seconds.to_be_bytes(), &signature].concat();
    (StatusCode::OK, format!("— {NAME} {}\n", STANDARD.encode(bytes)))
}
