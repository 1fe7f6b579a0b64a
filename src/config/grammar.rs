//! What the file's text is before anything in it is understood: TOML of known keys and types. A line at fault is told
//! and left out, so that those after it are told too.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::call_lists::{CallRailTable, CtmTable};
use super::calling::TwilioTable;
use super::cluster::NodeSection;
use super::email::{EmailTable, TenantEmailTable};
use super::faults::Faults;
use super::feeds::{EmailBisonTable, GoogleAdsTable, MetaAdsTable};
use super::log_section::LogTable;
use super::mapping::MappingEntry;
use super::sections::{HttpTable, LimitsTable, MetricsTable, OutboundTable};
use super::source::Source;
use super::sources::{ClientTetherTable, SyncTable};

/// The file as written; unknown keys are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grammar {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub public_url: Option<Spanned<String>>,
    #[serde(default)]
    pub email: EmailTable,
    #[serde(default)]
    pub http: HttpTable,
    #[serde(default)]
    pub limits: LimitsTable,
    #[serde(default)]
    pub node: NodeSection,
    #[serde(default)]
    pub log: LogTable,
    #[serde(default)]
    pub outbound: OutboundTable,
    #[serde(default)]
    pub metrics: MetricsTable,
    #[serde(default)]
    pub sync: SyncTable,
    #[serde(default)]
    pub tenant: Vec<TenantTable>,
    #[serde(default)]
    pub endpoint: Vec<EndpointTable>,
    #[serde(default)]
    pub mapping: Vec<MappingEntry>,
}

/// `[[tenant]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantTable {
    pub id: Spanned<String>,
    pub name: Spanned<String>,
    pub timezone: Spanned<String>,
    pub currency: Option<Spanned<String>>,
    #[serde(default)]
    pub workspaces: Vec<Spanned<String>>,
    pub recording: Option<bool>,
    pub effective_from: Option<Spanned<String>>,
    pub rules: Option<Spanned<toml::Table>>,
    #[serde(default)]
    pub tracking_number: Vec<TrackingNumberTable>,
    #[serde(default)]
    pub sync: SyncTable,
    #[serde(default)]
    pub email: TenantEmailTable,
    pub clienttether: Option<ClientTetherTable>,
    pub twilio: Option<TwilioTable>,
    pub emailbison: Option<EmailBisonTable>,
    pub google_ads: Option<GoogleAdsTable>,
    pub meta_ads: Option<MetaAdsTable>,
    pub callrail: Option<CallRailTable>,
    pub ctm: Option<CtmTable>,
}

/// `[[tenant.tracking_number]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackingNumberTable {
    pub number: Spanned<String>,
    pub agent: Option<Spanned<String>>,
}

/// `[[endpoint]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointTable {
    pub id: Spanned<String>,
    pub provider: Spanned<String>,
    pub tenant: Option<Spanned<String>>,
    pub event: Option<Spanned<String>>,
    #[serde(default)]
    pub secrets: Vec<Spanned<String>>,
}

/// So many lines at fault are told at once.
const FAULTS_MAX: usize = 20;

/// What of the text could be read.
pub struct Parsed {
    pub file: Grammar,
    /// The keys, and the tables by their headers, that could not be read.
    left_out: Vec<String>,
}

impl Parsed {
    /// Whether a table or key of this name could not be read: then nothing is told to be missing for it.
    pub fn lacks(&self, name: &str) -> bool {
        self.left_out.iter().any(|left_out| header(left_out).unwrap_or(left_out) == name)
    }
}

/// Reads the text without the lines at fault, which are told, and without the tables that lack a key. None where what is
/// left cannot be read.
pub fn read(source: &Source<'_>, faults: &mut Faults) -> Option<Parsed> {
    let mut text = source.text.to_owned();
    let mut left_out = Vec::new();
    for _ in 0..FAULTS_MAX {
        let error = match toml::from_str(&text) {
            Ok(file) => return Some(Parsed { file, left_out }),
            Err(error) => error,
        };
        let missing = error.message().strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        // The key may stand there, but what it was given was left out.
        let is_told = missing.is_some_and(|key| left_out.iter().any(|left_out| left_out == key));
        if !is_told {
            faults.add(source.unparsable(&error));
        }
        let rest = without(&text, error.span()?.start)?;
        left_out.push(rest.0);
        text = rest.1;
    }
    None
}

/// The key of the line at `start`, and the text with blanks for that line, or for the table that begins there with the
/// tables within it. None where the rest is no TOML: then the text was none, or the line does not end its value.
fn without(text: &str, start: usize) -> Option<(String, String)> {
    DeTable::parse(text).ok()?;
    let begin = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let mut lines = text.get(begin..)?.split_inclusive('\n');
    let first = lines.next()?;
    let table = header(first);
    let is_within = |line: &&str| match (table, header(line)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(table), Some(name)) => name.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')),
    };
    let end = begin + first.len() + lines.take_while(is_within).map(str::len).sum::<usize>();
    let blank = |byte: char| if byte == '\n' { "\n".to_owned() } else { " ".repeat(byte.len_utf8()) };
    let blanks: String = text.get(begin..end)?.chars().map(blank).collect();
    let rest = [text.get(..begin)?, &blanks, text.get(end..)?].concat();
    DeTable::parse(&rest).ok()?;
    let key = first.split('=').next().unwrap_or_default().trim().to_owned();
    Some((key, rest))
}

/// The name of the table that begins in this line.
fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    line.starts_with('[').then(|| line.trim_matches(['[', ']']).trim())
}
