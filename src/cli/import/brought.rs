//! Tenants that files configure by themselves, found before anything is recorded: their configuration is not the file's.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use domain::keys::TenantId;
use serde::Deserialize;

use super::super::{Failure, output};
use crate::commands::Commands;
use crate::config::Config;
use crate::ingest::items::Lines;

/// Stands in every line that configures a tenant; only those are parsed.
const CONFIGURES: &[u8] = b"tenant_configured";

#[derive(Deserialize)]
struct Line {
    kind: String,
    tenant: Option<String>,
}

/// In a directory that never started, records the tenants of the configuration file first, as a start does, but for
/// those that the files to be imported configure.
///
/// # Errors
/// A file that cannot be read, or a refused configuration.
pub fn tenants_first(
    commands: &Commands<()>,
    config: &Config,
    files: &[PathBuf],
    tenant: Option<&TenantId>,
) -> Result<(), Failure> {
    if config.tenants.is_empty() || !commands.has_no_tenants() {
        return Ok(());
    }
    let mut brought = BTreeSet::new();
    for path in files {
        if path.as_os_str() == "-" {
            // What comes is not known before it came: lines that name their tenant may configure any of them.
            if tenant.is_none() {
                return Ok(());
            }
            continue;
        }
        configured_by(path, tenant, &mut brought)?;
    }
    let recorded = commands.begin_with_file(config, &brought)?;
    if !recorded.is_empty() {
        let names: Vec<&str> = recorded.iter().map(TenantId::as_str).collect();
        output::note(&format!("recorded the tenants of the configuration first: {}", names.join(", ")));
    }
    Ok(())
}

fn configured_by(
    path: &Path,
    tenant: Option<&TenantId>,
    brought: &mut BTreeSet<TenantId>,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    for (_, line) in Lines::new(File::open(path).map_err(failed)?).of_exports() {
        // A line that cannot be read is told when it is imported.
        let Ok(line) = line else { continue };
        if !line.windows(CONFIGURES.len()).any(|window| window == CONFIGURES) {
            continue;
        }
        if let Ok(Line { kind, tenant: named }) = serde_json::from_slice(&line)
            && kind.as_bytes() == CONFIGURES
        {
            brought.extend(named.and_then(|named| TenantId::new(&named).ok()).or_else(|| tenant.cloned()));
        }
    }
    Ok(())
}
