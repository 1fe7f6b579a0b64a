//! What the log says of itself: signed checkpoints, tiles of its hash tree, proofs (C2SP tlog-checkpoint, tlog-tiles;
//! RFC 6962). Only hashes leave the server here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::json::FieldError;
use domain::keys::Position;
use domain::record::Hash;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::GlobalAccess;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, RequiredValue, parameters};
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::log::LogError;
use crate::log::tree::{TILE_WIDTH, TreeReader};

/// `/log/checkpoint`, `/log/key`, `/log/tile`, `/log/proof`, `/log/consistency`.
pub fn routes() -> Routes {
    Routes::new("log")
        .add(Need::Auditor, routes!(get_checkpoint))
        .add(Need::Auditor, routes!(get_verifier_key))
        .add(Need::Auditor, routes!(get_tile))
        .add(Need::Auditor, routes!(prove_inclusion))
        .add(Need::Auditor, routes!(prove_consistency))
}

/// What is asked of every reading of the log before anything else: its turn.
async fn turn<T: Send + 'static>(
    app: &App,
    access: &GlobalAccess,
    read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, Problem> {
    let _turn = app.search_turn(&access.0.id).await?;
    blocking(read).await?.map_err(|error| Problem::internal(&error))
}

/// The newest checkpoint: how far the log goes and the root of its hash tree, signed (C2SP `tlog-checkpoint`). With
/// `[[log.witness]]` it carries their cosignatures, and may then be up to a minute old while the log grows.
#[utoipa::path(
    get,
    path = "/api/v1/log/checkpoint",
    responses((status = 200, description = "A signed note", content_type = "text/plain", body = String))
)]
async fn get_checkpoint(State(app): State<Arc<App>>, _access: GlobalAccess) -> Result<Response, Problem> {
    let text = app.engine.checkpoints.newest().map_err(|error| Problem::internal(&error))?;
    Ok(unkept(text))
}

/// What checkpoints are verified with.
#[derive(Serialize, ToSchema)]
struct LogKey {
    /// The first line of checkpoints: names the log.
    origin: String,
    /// `NAME+ID+KEY`, as verifiers of signed notes take it.
    key: String,
}

/// The log's verifier key. Keep it elsewhere: a key that comes with a proof proves nothing of who made it.
#[utoipa::path(get, path = "/api/v1/log/key", responses((status = 200, body = LogKey)))]
async fn get_verifier_key(State(app): State<Arc<App>>, _access: GlobalAccess) -> Json<LogKey> {
    let verifier = app.engine.checkpoints.verifier();
    Json(LogKey { origin: verifier.origin().to_owned(), key: verifier.to_string() })
}

/// Level 0 to 63, in digits without leading zeros.
fn level(text: &str) -> Option<u32> {
    number(text).filter(|level| *level < 64).and_then(|level| u32::try_from(level).ok())
}

fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// `x001/x234/067` is 1234067; `.p/W` behind it says how many hashes a partial tile has.
fn tile_index(text: &str) -> Option<(u64, u64)> {
    let (path, width) = match text.split_once(".p/") {
        Some((path, width)) => (path, number(width).filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (text, TILE_WIDTH),
    };
    let elements: Vec<&str> = path.split('/').collect();
    let (last, above) = elements.split_last()?;
    let above = above.iter().map(|element| element.strip_prefix('x')).collect::<Option<Vec<_>>>()?;
    let is_shortest = above.first().is_none_or(|first| *first != "000");
    let digits = |element: &str| element.len() == 3 && element.bytes().all(|byte| byte.is_ascii_digit());
    let mut index: u64 = 0;
    for element in above.into_iter().chain([*last]) {
        let part: u64 = element.parse().ok().filter(|_| digits(element))?;
        index = index.checked_mul(1000)?.checked_add(part)?;
    }
    is_shortest.then_some((index, width))
}

/// A tile of the hash tree (C2SP `tlog-tiles`): 256 hashes of 32 bytes, or the first W of them with `.p/W` behind the
/// index. Level 0 has the leaves, each level above the roots of full tiles below. An index of more than three digits is
/// written in elements: `x001/x234/067`.
#[utoipa::path(
    get,
    path = "/api/v1/log/tile/{level}/{*index}",
    responses(
        (status = 200, description = "Hashes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, description = "The tree has no such tile yet, or the path is none of a tile")
    )
)]
async fn get_tile(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    Path((tier, index)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let asked = level(&tier).zip(tile_index(&index));
    let (level, (index, width)) = asked.ok_or_else(|| Problem::not_found("tile"))?;
    let log = app.engine.log.snapshot();
    let tile = turn(&app, &access, move || log.tile(level, index, width)).await?;
    let tile = tile.ok_or_else(|| Problem::not_found("tile"))?;
    let headers = [
        ("content-type", "application/octet-stream"),
        ("cache-control", "private, max-age=31536000, immutable"),
    ];
    Ok((StatusCode::OK, headers, tile).into_response())
}

parameters! {
    /// In which tree a fact is proven.
    ProofQuery {
        /// Number of facts of the tree, as a checkpoint says it; by default all that there are.
        size: u64,
    }
}

/// That a fact stands in the log: with its leaf, the hashes lead to the root (RFC 6962, 2.1.1). The leaf's index, counted
/// from 0, is `position` − 1. All hashes are in hexadecimal digits.
#[derive(Serialize, ToSchema)]
struct InclusionProof {
    /// The fact's position.
    position: Position,
    /// Number of facts of the tree.
    size: u64,
    /// Hash of the fact's record.
    leaf: String,
    /// Root of the tree.
    root: String,
    /// The audit path, from the leaf's sibling up.
    proof: Vec<String>,
}

/// Proves that a fact stands in the tree of a size.
#[utoipa::path(
    get,
    path = "/api/v1/log/proof/{position}",
    params(ProofQuery),
    responses(
        (status = 200, body = InclusionProof),
        (status = 409, description = "`position_ahead`: the log ends before `size`"),
        (status = 422, description = "`size` is smaller than the position")
    )
)]
async fn prove_inclusion(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    Path(position): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<InclusionProof>, Problem> {
    let query = ProofQuery::read(&Query::new(query.as_deref(), &[ProofQuery::KNOWN])?)?;
    let log = app.engine.log.snapshot();
    let head = log.head().position;
    let position = number(&position).filter(|position| (1..=head).contains(position));
    let position = position.ok_or_else(|| Problem::not_found("fact"))?;
    let size = query.size.unwrap_or(head);
    Problem::unless_ahead(size, head)?;
    not_below("size", size, position)?;
    let proven = turn(&app, &access, move || {
        let mut tree = TreeReader::new(&log, size, false);
        Ok((tree.leaf(position - 1)?, tree.root()?, tree.inclusion(position - 1)?))
    });
    let (leaf, root, proof) = proven.await?;
    Ok(Json(InclusionProof {
        position,
        size,
        leaf: hex::encode(leaf),
        root: hex::encode(root),
        proof: texts(&proof),
    }))
}

parameters! {
    /// The two trees of a consistency proof.
    ConsistencyQuery {
        /// Number of facts of the older tree, from 1.
        from: RequiredValue<u64>,
        /// Number of facts of the newer tree; by default all that there are.
        to: u64,
    }
}

/// That the log only grew: the older tree is a prefix of the newer (RFC 6962, 2.1.2). All hashes are in hexadecimal digits.
#[derive(Serialize, ToSchema)]
struct ConsistencyProof {
    /// Number of facts of the older tree.
    from: u64,
    /// Number of facts of the newer tree.
    to: u64,
    /// Root of the older tree.
    from_root: String,
    /// Root of the newer tree.
    to_root: String,
    /// The proof, as RFC 6962 orders it.
    proof: Vec<String>,
}

/// Proves that the tree of one size continues that of another.
#[utoipa::path(
    get,
    path = "/api/v1/log/consistency",
    params(ConsistencyQuery),
    responses(
        (status = 200, body = ConsistencyProof),
        (status = 409, description = "`position_ahead`: the log ends before `to`"),
        (status = 422, description = "`from` is 0, or larger than `to`")
    )
)]
async fn prove_consistency(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    RawQuery(query): RawQuery,
) -> Result<Json<ConsistencyProof>, Problem> {
    let query = ConsistencyQuery::read(&Query::new(query.as_deref(), &[ConsistencyQuery::KNOWN])?)?;
    let log = app.engine.log.snapshot();
    let head = log.head().position;
    let Some(RequiredValue(from)) = query.from else {
        return Err(Problem::bad_request("missing_parameter", "parameter \"from\" is required"));
    };
    let to = query.to.unwrap_or(head);
    Problem::unless_ahead(from.max(to), head)?;
    not_below("from", from, 1)?;
    not_below("to", to, from)?;
    let proven = turn(&app, &access, move || {
        let mut tree = TreeReader::new(&log, to, false);
        Ok((TreeReader::new(&log, from, false).root()?, tree.root()?, tree.consistency(from)?))
    });
    let (from_root, to_root, proof) = proven.await?;
    Ok(Json(ConsistencyProof {
        from,
        to,
        from_root: hex::encode(from_root),
        to_root: hex::encode(to_root),
        proof: texts(&proof),
    }))
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

/// 422 where a parameter is below the least value that makes sense.
fn not_below(name: &str, value: u64, least: u64) -> Result<(), Problem> {
    if value >= least {
        return Ok(());
    }
    let message = format!("must be at least {least}");
    Err(Problem::unprocessable("bad_size", vec![FieldError { pointer: format!("/{name}"), message }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_the_specification_names_them() {
        let full = |index| Some((index, 256));
        assert_eq!(tile_index("000"), full(0));
        assert_eq!(tile_index("x001/x234/067"), full(1_234_067));
        assert_eq!(tile_index("x001/x234/067.p/8"), Some((1_234_067, 8)));
        assert_eq!(tile_index("x018/x446/x744/x073/x709/x551/615"), full(u64::MAX));
        for wrong in [
            "",
            "0",
            "1234",
            "001/067",
            "x000/067",
            "x001",
            "067.p/0",
            "067.p/256",
            "067.p/08",
            "067.p",
            "067.p/",
            "x01/067",
            "+01",
            "x018/x446/x744/x073/x709/x551/616",
            "entries/000",
        ] {
            assert_eq!(tile_index(wrong), None, "{wrong}");
        }
        assert_eq!(
            (level("0"), level("63"), level("64"), level("00"), level("-1")),
            (Some(0), Some(63), None, None, None)
        );
    }
}
