//! What the server holds on its disk and in memory.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::keys::Position;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::engine::{PartUsage, Usage};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/api/v1/system`.
pub fn routes() -> Routes {
    Routes::new("process").add(Need::Auditor, routes!(get_system))
}

/// Disk and memory of this node, and how far its log is.
#[derive(Serialize, ToSchema)]
struct System {
    /// The data directory.
    data_dir: DataDirUsage,
    /// The file system that holds it.
    disk: DiskUsage,
    /// The process.
    memory: MemoryUsage,
    /// The log.
    log: LogFigures,
}

/// The data directory on the disk, as `du` counts it: whole blocks of files, without the folders themselves.
#[derive(Serialize, ToSchema)]
struct DataDirUsage {
    /// Bytes of all parts.
    bytes: u64,
    /// Every part.
    parts: Vec<DataDirPart>,
}

/// One part of the data directory.
#[derive(Serialize, ToSchema)]
struct DataDirPart {
    /// `log_segments` (`journal/`), `index_and_deliveries` (`sled/`: the key index and the delivery log, which share
    /// one file), `blobs`, `raw_pages` (`blobs/pages/`), `keys` or `other`.
    part: &'static str,
    /// Bytes.
    bytes: u64,
    /// Files.
    files: u64,
}

impl From<PartUsage> for DataDirPart {
    fn from(PartUsage { name, bytes, files }: PartUsage) -> Self {
        Self { part: name, bytes, files }
    }
}

/// Room on the disk.
#[derive(Serialize, ToSchema)]
struct DiskUsage {
    /// Size of the file system.
    total_bytes: u64,
    /// What the server may still write to it.
    available_bytes: u64,
}

/// Memory of the process.
#[derive(Serialize, ToSchema)]
struct MemoryUsage {
    /// Resident memory; null where the operating system does not tell it.
    resident_bytes: Option<u64>,
    /// Of it, folds of past moments that are kept for the next question about them.
    past_states_bytes: u64,
    /// Of it, restatement ledgers that are kept up.
    restatements_bytes: u64,
}

/// How far the log is.
#[derive(Serialize, ToSchema)]
struct LogFigures {
    /// Last position: as many facts.
    #[schema(value_type = u64)]
    position: Position,
    /// Facts up to this position are in sealed segments; those above are in the open one.
    #[schema(value_type = u64)]
    sealed: Position,
    /// Files of segments, the open one included.
    segments: u64,
    /// Bytes of the segments for each fact, rounded half up; null without facts.
    bytes_per_fact: Option<u64>,
}

/// Gets what this node holds on its disk and in memory.
#[utoipa::path(get, path = "/api/v1/system", responses((status = 200, body = System)))]
async fn get_system(State(app): State<Arc<App>>, _caller: GlobalAccess) -> Result<Json<System>, Problem> {
    let looking = Arc::clone(&app);
    let usage = blocking(move || looking.engine.usage()).await?;
    let Usage { parts, segments, disk, resident_bytes } = usage.map_err(|error| {
        tracing::error!(%error, "the data directory cannot be looked at");
        Problem::unavailable("disk_unreadable", "the data directory cannot be looked at", 5)
    })?;
    let snapshot = app.engine.log.snapshot();
    let (position, sealed) = (snapshot.head().position, snapshot.sealed());
    let bytes = parts.iter().find(|part| part.name == "log_segments").map_or(0, |part| part.bytes);
    let kept = app.engine.views.kept_bytes();
    Ok(Json(System {
        data_dir: DataDirUsage {
            bytes: parts.iter().map(|part| part.bytes).sum(),
            parts: parts.into_iter().map(DataDirPart::from).collect(),
        },
        disk: DiskUsage { total_bytes: disk.total_bytes, available_bytes: disk.available_bytes },
        memory: MemoryUsage {
            resident_bytes,
            past_states_bytes: kept.past_states as u64,
            restatements_bytes: kept.restatements as u64,
        },
        log: LogFigures {
            position,
            sealed,
            segments,
            bytes_per_fact: (position > 0).then(|| (bytes + position / 2) / position),
        },
    }))
}
