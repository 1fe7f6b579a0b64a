//! The witnesses: asks them to cosign the log's checkpoints (C2SP tlog-witness, add-checkpoint).
//!
//! A witness cosigns a checkpoint that continues the one it cosigned before, which a consistency proof shows. It says by 409
//! which one that was; so nothing has to be kept here, and a start asks once in vain.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::keys::Position;
use parking_lot::Mutex;

use super::client::Client;
use super::request::OutboundRequest;
use crate::config::{Config, WitnessSettings};
use crate::log::tree::TreeReader;
use crate::log::{Head, LogSnapshot};
use crate::proof::{Checkpoints, Cosignature};
use crate::worker::{StopSignal, Worker};

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// So long a witness may take.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Most lines of a consistency proof that the protocol has.
const PROOF_MAX: usize = 63;

/// A witness with how far it has come.
#[derive(Clone)]
struct Witness {
    settings: WitnessSettings,
    /// Size of the checkpoint that it cosigned last, as far as is known.
    cosigned: Position,
}

/// Has checkpoints cosigned, from a thread of its own.
pub struct Witnesses {
    inner: Arc<Inner>,
    worker: Worker,
}

struct Inner {
    checkpoints: Checkpoints,
    client: Client,
    witnesses: Mutex<Vec<Witness>>,
}

impl Witnesses {
    /// Starts the thread, which knows no witness yet.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(checkpoints: Checkpoints, client: Client) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = Arc::new(Inner { checkpoints, client, witnesses: Mutex::default() });
        let asking = Arc::clone(&inner);
        let mut done = None;
        let tick = move |stop: &StopSignal| {
            let head = asking.checkpoints.log().head();
            let witnesses = asking.witnesses.lock().clone();
            let names: Vec<String> = witnesses.iter().map(|one| one.settings.key.name().to_owned()).collect();
            // A head that all have cosigned is not asked about again.
            if names.is_empty() || done.as_ref() == Some(&(head, names.clone())) {
                return;
            }
            if runtime.block_on(asking.round(head, witnesses, stop)) == names.len() {
                done = Some((head, names));
            }
        };
        Ok(Self { inner, worker: Worker::ticking("witnesses", ROUND, tick)? })
    }

    /// Takes over the witnesses of a configuration; those that stay keep what is known of them.
    pub fn load(&self, config: &Config) {
        let mut known = self.inner.witnesses.lock();
        let cosigned = |settings: &WitnessSettings| {
            known.iter().find(|one| one.settings == *settings).map_or(0, |one| one.cosigned)
        };
        let all = config.log.witnesses.iter();
        let all = all.map(|settings| Witness { cosigned: cosigned(settings), settings: settings.clone() });
        *known = all.collect();
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.worker.close();
    }
}

/// Why a witness did not cosign.
enum Refusal {
    /// It cosigned the checkpoint of another size before.
    OtherSize(Position),
    Failed(String),
}

impl Inner {
    /// Asks every witness once; answers how many cosigned.
    async fn round(&self, head: Head, witnesses: Vec<Witness>, stop: &StopSignal) -> usize {
        let snapshot = self.checkpoints.log().snapshot();
        let text = match self.checkpoints.sign(head) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a checkpoint could not be signed");
                return 0;
            }
        };
        let mut cosignatures = Vec::new();
        for witness in witnesses {
            if stop.is_set() {
                return 0;
            }
            let mut asked = self.ask(&witness, witness.cosigned, &snapshot, (head, &text)).await;
            if let Err(Refusal::OtherSize(size)) = asked {
                asked = self.ask(&witness, size, &snapshot, (head, &text)).await;
            }
            let name = witness.settings.key.name();
            match asked {
                Ok(cosignature) => {
                    let mut known = self.witnesses.lock();
                    let same = known.iter_mut().find(|one| one.settings == witness.settings);
                    same.into_iter().for_each(|one| one.cosigned = head.position);
                    cosignatures.push(cosignature);
                }
                Err(Refusal::OtherSize(size)) => {
                    let position = head.position;
                    tracing::error!(
                        name,
                        size,
                        position,
                        "a witness has cosigned another checkpoint than this log can continue: it may have been rolled back"
                    );
                }
                Err(Refusal::Failed(why)) => tracing::warn!(name, why, "a witness did not cosign"),
            }
        }
        self.checkpoints.cosign(head, &text, &cosignatures);
        cosignatures.len()
    }

    async fn ask(
        &self,
        witness: &Witness,
        old: Position,
        snapshot: &LogSnapshot,
        (head, text): (Head, &str),
    ) -> Result<Cosignature, Refusal> {
        let failed = |error: &dyn std::fmt::Display| Refusal::Failed(error.to_string());
        if old > head.position {
            return Err(Refusal::OtherSize(old));
        }
        let mut tree = TreeReader::new(snapshot, head.position, false);
        let proof =
            if old == 0 { Vec::new() } else { tree.consistency(old).map_err(|error| failed(&error))? };
        if proof.len() > PROOF_MAX {
            return Err(Refusal::Failed("the consistency proof is too long".into()));
        }
        let proof: String = proof.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
        let url = format!("{}add-checkpoint", witness.settings.url);
        let request =
            OutboundRequest::post(&url).text(format!("old {old}\n{proof}\n{text}")).time_max(TIME_MAX);
        let answer = self.client.send(request).await.map_err(|error| failed(&error))?;
        let said = String::from_utf8_lossy(&answer.body);
        match answer.status {
            200 => {
                let found = witness.settings.key.cosignature(text, &said);
                found.ok_or_else(|| {
                    Refusal::Failed("its answer is not its cosignature of the checkpoint".into())
                })
            }
            409 => match said.trim().parse() {
                Ok(size) if size != old => Err(Refusal::OtherSize(size)),
                Ok(_) | Err(_) => {
                    Err(Refusal::Failed("it answered 409: it knows another log of this size".into()))
                }
            },
            status => Err(Refusal::Failed(format!("it answered {status}"))),
        }
    }
}
