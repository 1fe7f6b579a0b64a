//! `factfold cluster join`: a new node takes the sealed segments of a running one.

use std::time::Duration;

use bytes::Bytes;
use domain::keys::Position;
use domain::record::Hash;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{Remote, Unanswered, refused, stranger};
use super::serve::runtime;
use super::{Failure, Settings, in_use, output};
use crate::engine::{DataDir, EngineError, Joining};
use crate::log::{CheckedSegment, Head, LogError, SegmentFile};

/// Attempts of one request that may fail.
const TRIES: u32 = 5;
/// Wait between two of them.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest list of segments that is read: of some 100,000.
const LIST_BYTES_MAX: usize = 32 << 20;

/// The list of segments.
#[derive(Deserialize)]
struct Listed {
    segments: Vec<ListedSegment>,
}

#[derive(Deserialize)]
struct ListedSegment {
    first_position: Position,
    last_position: Position,
    bytes: u64,
    root: String,
}

impl ListedSegment {
    fn file(&self) -> Result<SegmentFile, Failure> {
        let mut root = Hash::default();
        hex::decode_to_slice(&self.root, &mut root).map_err(|_| stranger())?;
        Ok(SegmentFile { first: self.first_position, last: self.last_position, bytes: self.bytes, root })
    }
}

/// Takes what the node at `server` has sealed into the data directory, which has no log.
pub fn run(settings: &Settings, server: &str) -> Result<(), Failure> {
    let config = settings.config_with_secrets()?;
    let remote = Remote::of(&config, Some(server))?;
    let dir = DataDir::take(&config.data_dir).map_err(|error| in_use(error, "another --data-dir"))?;
    let mut join = Join { remote, joining: Joining::begin(dir, &config)? };
    let fetched = runtime()?.block_on(join.fetch());
    match fetched {
        Ok(0) => {
            join.joining.abandon()?;
            output::note("nothing is sealed there yet: the start fetches the log from the engine");
            told(settings, 0, None)
        }
        Ok(taken) => {
            let head = join.joining.finish()?;
            told(settings, taken, Some(head))
        }
        Err(failure) => {
            join.joining.abandon()?;
            Err(failure)
        }
    }
}

fn told(settings: &Settings, segments: usize, head: Option<Head>) -> Result<(), Failure> {
    let (position, root) = head.map_or((0, None), |head| (head.position, Some(hex::encode(head.root))));
    if settings.json {
        return output::json_line(&json!({"segments": segments, "position": position, "root": root}));
    }
    let Some(root) = root else { return Ok(()) };
    output::line(&format!(
        "verified with the engine's log: {segments} segments, position {position}, root {root}; the start fetches the \
         rest from the engine"
    ))
}

/// A join under way.
struct Join {
    remote: Remote,
    joining: Joining,
}

impl Join {
    /// How many segments were taken. Where the node stops answering, what came is a beginning, and the engine has the rest.
    async fn fetch(&mut self) -> Result<usize, Failure> {
        self.remote.is_there().await?;
        let mut list = self.list().await;
        for _ in 1..TRIES {
            if !matches!(list, Err(Unanswered::Broken(_))) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            list = self.list().await;
        }
        let listed = list.map_err(|unanswered| self.remote.failure(unanswered))?.segments;
        let bar = output::progress(listed.last().map_or(0, |last| last.last_position), "facts");
        for (taken, segment) in listed.iter().enumerate() {
            match self.segment(segment.file()?).await {
                Ok(()) => bar.set_position(segment.last_position),
                Err(Unanswered::Broken(why)) if taken > 0 => {
                    output::note(&format!("{}: {why}; the engine has the rest", self.remote.base));
                    bar.finish_and_clear();
                    return Ok(taken);
                }
                Err(unanswered) => return Err(self.remote.failure(unanswered)),
            }
        }
        bar.finish_and_clear();
        Ok(listed.len())
    }

    async fn list(&self) -> Result<Listed, Unanswered> {
        let mut response = self.ask("", json!({"proof": self.joining.proof("list", 0)})).await?;
        let mut text = Vec::new();
        while let Some(piece) = response.chunk().await? {
            text.extend_from_slice(&piece);
            if text.len() > LIST_BYTES_MAX {
                return Err(Unanswered::Never(stranger()));
            }
        }
        serde_json::from_slice(&text).map_err(|_| Unanswered::Never(stranger()))
    }

    /// Takes a segment with its originals, each request again where its answer breaks off.
    async fn segment(&mut self, file: SegmentFile) -> Result<(), Unanswered> {
        let mut failed = 0;
        let mut segment = loop {
            match self.file(file).await {
                Ok(segment) => break segment,
                Err(Unanswered::Broken(why)) => again(&mut failed, why).await?,
                Err(never) => return Err(never),
            }
        };
        let mut failed = 0;
        while !segment.missing().is_empty() {
            match self.originals(file.first, &mut segment).await {
                Ok(()) => {}
                Err(Unanswered::Broken(why)) => again(&mut failed, why).await?,
                Err(never) => return Err(never),
            }
        }
        self.joining.intake.take(segment).map_err(damaged)
    }

    /// Receives the file of a segment.
    async fn file(&self, file: SegmentFile) -> Result<CheckedSegment, Unanswered> {
        let mut response = self.ask("/file", self.of("file", file.first)).await?;
        let intake = &self.joining.intake;
        let mut incoming = intake.receive(file).map_err(damaged)?;
        while let Some(piece) = response.chunk().await? {
            incoming.write(&piece).map_err(damaged)?;
        }
        if !incoming.is_whole() {
            return Err(cut_off());
        }
        intake.check(incoming).map_err(damaged)
    }

    /// Receives originals, as long as they come, until none is missing.
    async fn originals(&self, first: Position, segment: &mut CheckedSegment) -> Result<(), Unanswered> {
        let response = self.ask("/originals", self.of("originals", first)).await?;
        let mut originals = Originals { response, rest: Vec::new() };
        while !segment.missing().is_empty() {
            let begins = originals.take(size_of::<Hash>() + size_of::<u64>()).await?;
            let (digest, len) = begins.split_at(size_of::<Hash>());
            let (Ok(digest), Ok(len)) = (Hash::try_from(digest), <[u8; 8]>::try_from(len)) else {
                return Err(Unanswered::Never(stranger()));
            };
            let len = u64::from_le_bytes(len);
            match segment.missing().get(&digest) {
                // As long as its fact says, so no more than may be held.
                Some(due) if *due == len => {
                    let bytes = Bytes::from(originals.take(len as usize).await?);
                    self.joining.intake.put_original(segment, &digest, &bytes).map_err(damaged)?;
                }
                Some(_) => return Err(Unanswered::Never(stranger())),
                None => originals.pass(len).await?,
            }
        }
        Ok(())
    }

    fn of(&self, part: &str, first: Position) -> Value {
        json!({"proof": self.joining.proof(part, first), "first_position": first})
    }

    async fn ask(&self, part: &str, body: Value) -> Result<Response, Unanswered> {
        let path = format!("/api/v1/cluster/segments{part}");
        let response = self.remote.ask(Method::POST, &path).json(&body).send().await?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }
}

/// Waits for the next attempt; the failure where there were enough.
async fn again(failed: &mut u32, why: String) -> Result<(), Unanswered> {
    *failed += 1;
    if *failed == TRIES {
        return Err(Unanswered::Broken(why));
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

fn cut_off() -> Unanswered {
    Unanswered::Broken("the answer was cut off".into())
}

/// What came is no segment of this log, or cannot be kept.
fn damaged(error: LogError) -> Unanswered {
    Unanswered::Never(EngineError::from(error).into())
}

/// A stream of originals.
struct Originals {
    response: Response,
    rest: Vec<u8>,
}

impl Originals {
    /// The next `len` bytes.
    async fn take(&mut self, len: usize) -> Result<Vec<u8>, Unanswered> {
        while self.rest.len() < len {
            let piece = self.response.chunk().await?.ok_or_else(cut_off)?;
            self.rest.extend_from_slice(&piece);
        }
        let behind = self.rest.split_off(len);
        Ok(std::mem::replace(&mut self.rest, behind))
    }

    /// Passes `len` bytes over.
    async fn pass(&mut self, mut len: u64) -> Result<(), Unanswered> {
        while len > self.rest.len() as u64 {
            len -= self.rest.len() as u64;
            self.rest = self.response.chunk().await?.ok_or_else(cut_off)?.to_vec();
        }
        self.rest.drain(..len as usize);
        Ok(())
    }
}
