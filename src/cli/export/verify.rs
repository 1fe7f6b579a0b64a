//! Checks an export by its manifest: every leaf from its own line, every position of the log, every key that a line
//! says another fact has. Before an import records anything.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::json::Json;
use domain::keys::engine::{EngineKey, HexDigest};
use domain::keys::{Position, TenantId};
use domain::record::Hash;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::Failure;
use super::manifest::Manifest;
use crate::ingest::items::Lines;
use crate::ingest::proven::{ProvenLine, prove};
use crate::log::merkle::Frontier;

/// What was checked beside the manifest's own figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportCheck {
    /// Whether each line proves its content; an export of version 1 does not.
    pub is_proven: bool,
    /// Leaves of facts that are not in the file.
    pub bridged: u64,
    /// Keys of facts that the file does not hold.
    pub unproven_references: u64,
}

/// The key that a line says a fact has.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Reference {
    position: Position,
    tenant: String,
    provider: String,
    external_id: String,
}

/// The key of a line.
#[derive(Debug, Deserialize)]
struct Key {
    position: Position,
    tenant: String,
    provider: String,
    external_id: String,
}

/// What must hold of the fact at a position that a line names.
struct Named {
    line: u64,
    tenant: String,
    /// None: there must be no such fact, for its key is not given.
    key: Option<(String, String)>,
    /// The fact is the tenant's last one up to the position.
    is_last: bool,
}

/// Checks the file at `path` against its manifest.
///
/// # Errors
/// [`Failure::Integrity`] names what differs, with the line where it is one.
pub fn check(manifest: &Manifest, path: &Path) -> Result<ExportCheck, Failure> {
    manifest.check_bytes(path)?;
    if manifest.version == Manifest::UNPROVEN {
        return Ok(ExportCheck { is_proven: false, bridged: 0, unproven_references: 0 });
    }
    if manifest.media != "ndjson" {
        return Err(Failure::Failed(format!("{}: a table carries no proofs", path.display())));
    }
    let mut walk = Walk {
        manifest,
        bridge: bridge(manifest)?.into_iter().peekable(),
        leaves: Frontier::new(),
        log: Frontier::new(),
        first: None,
        last: 0,
        named: BTreeMap::new(),
        unproven: 0,
    };
    each_line(path, |number, line| walk.line(number, line))?;
    walk.end(path)?;
    let named = std::mem::take(&mut walk.named);
    if !named.is_empty() {
        let mut keys = Keys { named, last: HashMap::new(), last_position: 0, walk: &mut walk };
        each_line(path, |number, line| keys.line(number, line))?;
        keys.settle(Position::MAX).map_err(|(line, why)| at_line(path, line, &why))?;
    }
    let bridged = manifest.bridge.iter().map(|run| run.leaves.len() as u64).sum();
    Ok(ExportCheck { is_proven: true, bridged, unproven_references: walk.unproven })
}

fn at_line(path: &Path, line: u64, why: &str) -> Failure {
    Failure::Integrity(format!("{}:{line}: {why}", path.display()))
}

fn each_line(
    path: &Path,
    mut f: impl FnMut(u64, &Bytes) -> Result<(), (u64, String)>,
) -> Result<(), Failure> {
    let failed = |why: String| Failure::Failed(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    for (number, line) in Lines::new(file).of_exports() {
        let line = line.map_err(|error| at_line(path, number, &error.to_string()))?;
        f(number, &line).map_err(|(line, why)| at_line(path, line, &why))?;
    }
    Ok(())
}

/// The bridged leaves by position, which must ascend.
fn bridge(manifest: &Manifest) -> Result<BTreeMap<Position, Hash>, Failure> {
    let mut leaves = BTreeMap::new();
    for run in &manifest.bridge {
        for (position, leaf) in (run.first_position..).zip(&run.leaves) {
            if leaves.insert(position, *leaf).is_some() {
                return Err(Failure::Integrity(format!("the manifest bridges position {position} twice")));
            }
        }
    }
    Ok(leaves)
}

struct Walk<'m> {
    manifest: &'m Manifest,
    bridge: std::iter::Peekable<std::collections::btree_map::IntoIter<Position, Hash>>,
    /// Over the lines.
    leaves: Frontier,
    /// Over lines and bridge: of a whole export the log's tree.
    log: Frontier,
    first: Option<Position>,
    last: Position,
    named: BTreeMap<Position, Vec<Named>>,
    unproven: u64,
}

type Wrong = (u64, String);

impl Walk<'_> {
    fn line(&mut self, number: u64, line: &Bytes) -> Result<(), Wrong> {
        let wrong = |why: String| (number, why);
        let value = Json::parse(line).map_err(|error| wrong(format!("no JSON: {error}")))?;
        let Value::Object(members) = Value::from(value) else { return Err(wrong("is no object".into())) };
        let position = members.get("position").and_then(Value::as_u64);
        let position = position.ok_or_else(|| wrong("/position: must be a position".into()))?;
        let wrong = |why: String| (number, format!("position {position}: {why}"));
        if position <= self.last {
            return Err(wrong(format!("it does not follow position {}", self.last)));
        }
        let proven = prove(&members).map_err(|fault| wrong(fault.to_string()))?;
        let proven = proven.ok_or_else(|| wrong("/proof: is missing".into()))?;
        let member = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let Self { manifest, .. } = self;
        let asked = [("tenant", &manifest.selection.tenant), ("kind", &manifest.selection.kind)];
        for (name, asked) in asked {
            if asked.as_ref().is_some_and(|asked| asked != member(name)) {
                return Err(wrong(format!("/{name}: is none of those that were asked for")));
            }
        }
        if member("tenant") == TenantId::CONTROL {
            return Err(wrong("/tenant: is the engine's own".into()));
        }
        if manifest.selection.is_whole() {
            self.bridge_to(position).map_err(wrong)?;
            self.log.push(proven.leaf);
        }
        self.leaves.push(proven.leaf);
        self.first.get_or_insert(position);
        self.last = position;
        self.names(number, &members, &proven).map_err(wrong)
    }

    /// Fills the tree up to the position before `position` with bridged leaves.
    fn bridge_to(&mut self, position: Position) -> Result<(), String> {
        while self.log.len() + 1 < position {
            let due = self.log.len() + 1;
            let leaf = self.bridge.next_if(|(at, _)| *at == due).map(|(_, leaf)| leaf);
            self.log.push(leaf.ok_or_else(|| format!("position {due} is missing"))?);
        }
        match self.bridge.peek() {
            Some((at, _)) if *at <= position => {
                Err(format!("position {at} is bridged, though it is none that no export shows"))
            }
            _ => Ok(()),
        }
    }

    /// Checks which facts the line names, and notes their keys.
    fn names(
        &mut self,
        number: u64,
        members: &Map<String, Value>,
        proven: &ProvenLine,
    ) -> Result<(), String> {
        let due = proven.fact.references();
        let refers = members.get("refers").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        let refers: Vec<Reference> =
            serde_json::from_value(refers).map_err(|error| format!("/refers: {error}"))?;
        let tenant = members.get("tenant").and_then(Value::as_str).unwrap_or_default();
        let is_last = matches!(proven.fact, Fact::Report(_));
        let evidence = match &proven.fact {
            Fact::Control(ControlFact::ConflictRejected(body)) => {
                let (first, second) = (body.first_position, HexDigest(body.second_digest));
                Some(EngineKey::Conflict { first, second }.to_string())
            }
            _ => None,
        };
        if evidence.is_some() && refers.len() != 2 {
            return Err("/refers: must name the fact that stands and the evidence".into());
        }
        for reference in &refers {
            let is_evidence = evidence.as_deref() == Some(&reference.external_id);
            if !due.contains(&reference.position) && !is_evidence {
                return Err(format!("/refers: the fact does not name position {}", reference.position));
            }
            if is_last && reference.tenant != tenant {
                return Err("/refers: names another tenant".into());
            }
            let key = (reference.provider.clone(), reference.external_id.clone());
            let tenant = reference.tenant.clone();
            self.note(reference.position, Named { line: number, tenant, key: Some(key), is_last });
        }
        for position in due.into_iter().filter(|due| refers.iter().all(|there| there.position != *due)) {
            self.note(position, Named { line: number, tenant: tenant.to_owned(), key: None, is_last });
        }
        Ok(())
    }

    fn note(&mut self, position: Position, named: Named) {
        self.named.entry(position).or_default().push(named);
    }

    fn end(&mut self, path: &Path) -> Result<(), Failure> {
        let differs = |what: &str, here: String, there: String| {
            let file = path.display();
            Failure::Integrity(format!("{file}: {what} {here}, the manifest says {there}"))
        };
        let manifest = self.manifest;
        let root = hex::encode(self.leaves.root());
        let last = (self.last > 0).then_some(self.last);
        for (what, here, there) in [
            ("it holds facts:", self.leaves.len().to_string(), manifest.facts.to_string()),
            ("its first position is", shown(self.first), shown(manifest.first_position)),
            ("its last position is", shown(last), shown(manifest.last_position)),
            ("its leaves come to the root", root, manifest.leaves_root.clone()),
        ] {
            if here != there {
                return Err(differs(what, here, there));
            }
        }
        if manifest.selection.is_whole() {
            let in_manifest = |why| Failure::Integrity(format!("{}: {why}", path.display()));
            self.bridge_to(manifest.log.position + 1).map_err(in_manifest)?;
            let root = hex::encode(self.log.root());
            if root != manifest.log.root {
                return Err(differs("with the bridge it comes to the root", root, manifest.log.root.clone()));
            }
        }
        Ok(())
    }
}

fn shown(position: Option<Position>) -> String {
    position.map_or_else(|| "none".to_owned(), |position| position.to_string())
}

/// The second reading, for the facts that others name stand before them.
struct Keys<'w, 'm> {
    named: BTreeMap<Position, Vec<Named>>,
    /// The last line of each tenant: its position and key.
    last: HashMap<String, (Position, (String, String))>,
    last_position: Position,
    walk: &'w mut Walk<'m>,
}

impl Keys<'_, '_> {
    fn line(&mut self, number: u64, line: &Bytes) -> Result<(), Wrong> {
        let Key { position, tenant, provider, external_id } =
            serde_json::from_slice(line).map_err(|error| (number, error.to_string()))?;
        self.settle(position)?;
        self.last_position = position;
        self.last.insert(tenant, (position, (provider, external_id)));
        Ok(())
    }

    /// Checks what must hold of the facts before `position`.
    fn settle(&mut self, position: Position) -> Result<(), Wrong> {
        let later = self.named.split_off(&position);
        let is_whole = self.walk.manifest.selection.is_whole();
        for (at, named) in std::mem::replace(&mut self.named, later) {
            for Named { line, tenant, key, is_last } in named {
                let found = self.last.get(&tenant).filter(|(there, _)| is_last || *there == at);
                match (key, found) {
                    (Some(key), Some((_, there))) if key == *there => {}
                    // What a selection left out is not known.
                    (Some(_), found) if !is_whole && (is_last || found.is_none()) => self.walk.unproven += 1,
                    (None, Some(_)) if !is_whole && is_last => {}
                    (None, None) if is_last || self.last_position != at => {}
                    (None | Some(_), _) => {
                        return Err((line, format!("/refers: the fact at position {at} has another key")));
                    }
                }
            }
        }
        Ok(())
    }
}
