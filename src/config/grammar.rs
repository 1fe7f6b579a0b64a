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

/// Reads the text without the lines at fault, which are told. None where what is left cannot be read.
pub fn read(source: &Source<'_>, faults: &mut Faults) -> Option<Grammar> {
    let mut text = source.text.to_owned();
    let mut left_out = Vec::new();
    for _ in 0..FAULTS_MAX {
        let error = match toml::from_str(&text) {
            Ok(file) => return Some(file),
            Err(error) => error,
        };
        // The key stands there, but what it was given was left out.
        let missing = error.message().strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        if missing.is_some_and(|key| left_out.iter().any(|left_out| left_out == key)) {
            return None;
        }
        faults.add(source.unparsable(&error));
        let start = error.span().filter(|_| missing.is_none())?.start;
        let rest = without(&text, start)?;
        left_out.push(rest.0);
        text = rest.1;
    }
    None
}

/// The key of the line at `start`, and the text with blanks for that line, or for the table that begins there. None where
/// the rest is no TOML: then the text was none, or the line does not end its value.
fn without(text: &str, start: usize) -> Option<(String, String)> {
    DeTable::parse(text).ok()?;
    let begin = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let mut lines = text.get(begin..)?.split_inclusive('\n');
    let first = lines.next()?;
    let table = lines.take_while(|line| is_header(first) && !is_header(line));
    let end = begin + first.len() + table.map(str::len).sum::<usize>();
    let blank = |byte: char| if byte == '\n' { "\n".to_owned() } else { " ".repeat(byte.len_utf8()) };
    let blanks: String = text.get(begin..end)?.chars().map(blank).collect();
    let rest = [text.get(..begin)?, &blanks, text.get(end..)?].concat();
    DeTable::parse(&rest).ok()?;
    let key = first.split('=').next().unwrap_or_default().trim().to_owned();
    Some((key, rest))
}
