//! JSON bodies of commands: media type, size, and members read with every fault named.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use domain::json::{Json, Reader, without_byte_order_mark};
use domain::members::Email;

use super::body::{SINGLE_MAX, whole};
use super::decompression::decompressed;
use super::problem::Problem;

/// A JSON body under the limit of one fact, unparsed; it may be absent.
pub async fn json_body(request: Request) -> Result<Bytes, Problem> {
    json_body_within(request, SINGLE_MAX).await
}

/// The same of at most `limit` bytes.
pub async fn json_body_within(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = whole(decompressed(&parts, body).await?, limit).await?;
    if !without_byte_order_mark(&bytes).trim_ascii().is_empty() {
        content_type(&parts, &["application/json"])?;
    }
    Ok(bytes)
}

/// Reads the members of a JSON body with `read`; 422 naming every field at fault, and members that nobody read.
/// An absent body has no members.
pub fn members<T>(body: &[u8], read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, Problem> {
    let given = if without_byte_order_mark(body).trim_ascii().is_empty() {
        Ok(Json::Null)
    } else {
        Json::parse(body)
    };
    let given =
        given.map_err(|error| Problem::bad_request("malformed_json", format!("invalid JSON: {error}")))?;
    let mut faults = Vec::new();
    let mut at = Reader::new(given, "", &mut faults);
    let value = read(&mut at);
    at.finish();
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        Some(_) | None => Err(Problem::unprocessable("invalid_body", faults)),
    }
}

/// The member `email`, by which a person logs in.
pub fn login_email(at: &mut Reader<'_>) -> Option<Email> {
    let email = at.required("email");
    an_address(at, email)
}

/// The same where it may be absent.
pub fn new_login_email(at: &mut Reader<'_>) -> Option<Email> {
    let email = at.optional("email");
    an_address(at, email)
}

/// A login by what is no address could be invited, and told of nothing.
fn an_address(at: &mut Reader<'_>, email: Option<Email>) -> Option<Email> {
    let is_address = email.as_ref().is_none_or(Email::is_address);
    if !is_address {
        at.fault_at("email", &format!("must be {}", Email::ADDRESS_RULE));
    }
    email.filter(|_| is_address)
}

/// The member `password` as it was typed: nothing of it is folded or trimmed.
pub fn password(at: &mut Reader<'_>) -> Option<String> {
    match at.take("password") {
        Some(Json::Text(text)) => Some(text.into_owned()),
        Some(_) => {
            at.fault("must be a string");
            None
        }
        None => None,
    }
}

/// Which of `types` the body has; 415 for others.
pub fn content_type<'t>(parts: &Parts, types: &[&'t str]) -> Result<&'t str, Problem> {
    let unsupported =
        |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media =
        given.and_then(|value| value.split(';').next()).map(|media| media.trim().to_ascii_lowercase());
    let found = media.as_deref().and_then(|media| types.iter().find(|known| **known == media));
    found.copied().ok_or_else(|| unsupported(format!("Content-Type must be {}", types.join(" or "))))
}
