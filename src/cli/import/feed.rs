//! Lines of a file on their way to the log, in order, and what is known of those that are not answered yet.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use domain::keys::{Position, TenantId};
use serde::Deserialize;

use crate::ingest::items::{LineError, Lines};
use crate::ingest::restore::{is_exported, referring};

/// A line that was handed out and is not answered yet.
#[derive(Default)]
pub struct Begun {
    /// Its number in the file.
    pub number: u64,
    /// Bytes of the input up to its end.
    pub end: u64,
    /// Whether it is one of an export.
    pub exported: bool,
    /// The tenant that a line of an export names, where none is asked for.
    pub tenant: Option<TenantId>,
    /// Why it cannot be a fact.
    pub fault: Option<String>,
}

/// A line that names other facts.
pub struct Held {
    begun: Begun,
    line: Bytes,
    /// Its position in the log that it comes from.
    pub there: Position,
}

/// Hands out lines, and ends before one that names other facts until that one was released.
pub struct Feed<'a, R> {
    /// Its lines.
    pub lines: Lines<R>,
    under_way: &'a RefCell<VecDeque<Begun>>,
    /// The line that it ended before.
    pub held: Option<Held>,
    /// How the input ended.
    pub ended: Option<io::Result<()>>,
    /// Whether lines say whose they are.
    names_tenants: bool,
}

/// What a line of an export is read for here.
#[derive(Deserialize)]
struct Named<'l> {
    #[serde(borrow)]
    tenant: Cow<'l, str>,
}

impl<'a, R> Feed<'a, R> {
    /// Hands out `lines`; with `names_tenants` those of an export say whose they are.
    pub fn new(lines: Lines<R>, under_way: &'a RefCell<VecDeque<Begun>>, names_tenants: bool) -> Self {
        Self { lines, under_way, held: None, ended: None, names_tenants }
    }

    /// The line that it ended before, which is handed out by itself.
    pub fn release(&mut self) -> Option<Bytes> {
        let Held { begun, line, .. } = self.held.take()?;
        self.under_way.borrow_mut().push_back(begun);
        Some(line)
    }
}

impl<R: Read> Iterator for Feed<'_, R> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.held.is_some() || self.ended.is_some() {
            return None;
        }
        let (number, line) = match self.lines.next() {
            None => {
                self.ended = Some(Ok(()));
                return None;
            }
            Some((_, Err(LineError::Io(error)))) => {
                self.ended = Some(Err(error));
                return None;
            }
            // A line that cannot be one goes on as an empty one, which is rejected under its number.
            Some((number, Err(error @ LineError::TooLong(_)))) => (number, Err(error.to_string())),
            Some((number, Ok(line))) => (number, Ok(line)),
        };
        let (line, fault) = line.map_or_else(|fault| (Bytes::new(), Some(fault)), |line| (line, None));
        let (end, exported) = (self.lines.bytes(), is_exported(&line));
        let named = (exported && self.names_tenants).then(|| serde_json::from_slice::<Named<'_>>(&line).ok());
        let tenant = named.flatten().and_then(|named| TenantId::stored(&named.tenant).ok());
        let begun = Begun { number, end, exported, tenant, fault };
        if let Some(there) = referring(&line) {
            self.held = Some(Held { begun, line, there });
            return None;
        }
        self.under_way.borrow_mut().push_back(begun);
        Some(line)
    }
}
