//! Problems: every answer that is not a success, as RFC 9457 problem+json of one shape.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::json::FieldError;
use domain::keys::Position;
use serde_json::{Map, Value, json};

/// An answer that is not a success. `code` is stable, `detail` may change.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Box<str>,
    errors: Vec<FieldError>,
    extra: Map<String, Value>,
    retry_after: Option<u32>,
    /// Logged, never sent.
    cause: Option<Box<str>>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into().into(),
            errors: Vec::new(),
            extra: Map::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// 400: the request does not parse.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404: there is none, or none that the caller may see. `what` is the noun for `detail`.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} not found"))
    }

    /// 422: well-formed and invalid, field by field.
    pub fn unprocessable(code: &'static str, errors: Vec<FieldError>) -> Self {
        let detail = match errors.first() {
            Some(first) => {
                let field = if first.pointer.is_empty() { "the body" } else { first.pointer.as_str() };
                let more = match errors.len() {
                    1 => String::new(),
                    all => format!(", and {} more", all - 1),
                };
                format!("{field} {}{more}", first.message)
            }
            None => "invalid content".to_owned(),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
    }

    /// 413: the body is over the limit.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, counted without compression");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// 503 with `Retry-After: seconds`.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// Refuses a position that the log has not reached: whoever knows it knows another log, or this one before it was
    /// brought back from a backup.
    ///
    /// # Errors
    /// 409 `position_ahead`, with the head.
    pub fn unless_ahead(position: Position, head: Position) -> Result<(), Self> {
        if position <= head {
            return Ok(());
        }
        let detail = format!(
            "position {position} is ahead of the log, which ends at {head}: it is another log, or was restored from a \
             backup; ask for a position that it has"
        );
        Err(Self::new(StatusCode::CONFLICT, "position_ahead", detail).with("position", head))
    }

    /// Adds `Retry-After`, in seconds.
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// 500: the cause is logged, never sent.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        let detail = "internal error; see the server's log output for this request id";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        Self { cause: Some(cause.to_string().into()), ..problem }
    }

    /// Adds a member to the problem's body.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The response. Logs the cause, where there is one, under `request_id`.
    pub fn render(&self, request_id: &str) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id, cause, "request failed");
        }
        let mut body = json!({
            "type": format!("urn:factfold:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        });
        if let Value::Object(members) = &mut body {
            if !self.errors.is_empty() {
                members.insert("errors".into(), json!(self.errors));
            }
            members.extend(self.extra.clone());
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the problem in the response's extensions: the outermost layer renders it, for it knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
