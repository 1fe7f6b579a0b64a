//! One HTTP answer, kept whole, with what every answer must satisfy.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer with the request it belongs to, for messages.
#[derive(Debug, Clone)]
pub struct Answer {
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON, null where it is none.
    pub json: Value,
}

impl Answer {
    /// Sends the request and reads the whole answer.
    pub async fn read(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let (client, request) = request.build_split();
        let request = request?;
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let shown: String = String::from_utf8_lossy(body).chars().take(1_500).collect();
        let asked = format!("{} {} {shown}", request.method(), request.url());
        let answer = client.execute(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { asked, status, headers, text, json })
    }

    /// Fails with request and answer unless the status is this.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "expected {status}\nasked: {}\nanswer: {}", self.asked, self.text);
        self
    }

    /// A problem of this status, complete by RFC 9457 and API.md.
    #[track_caller]
    pub fn problem(&self, status: u16) -> &Value {
        self.is(status);
        self.any_problem()
    }

    /// A problem of any 4xx, complete by RFC 9457 and API.md.
    #[track_caller]
    pub fn any_problem(&self) -> &Value {
        assert!((400..500).contains(&self.status), "expected a 4xx, got {}: {self:?}", self.status);
        let media = self.header("content-type");
        assert!(
            media.starts_with("application/problem+json"),
            "expected problem+json, got {media:?}: {self:?}"
        );
        for member in ["type", "title", "detail", "code", "request_id"] {
            let text = self.json[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "expected a problem with a text `{member}`: {self:?}");
        }
        assert_eq!(self.json["status"], self.status, "expected `status` to repeat the code: {self:?}");
        &self.json
    }

    /// A problem that names this field, in `errors[].pointer` or in its words.
    #[track_caller]
    pub fn names(&self, field: &str) -> &Self {
        self.any_problem();
        assert!(self.text.contains(field), "expected the problem to name `{field}`: {self:?}");
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The position of a recorded, duplicate or conflicting fact, or of the one fact of a delivery.
    #[track_caller]
    pub fn position(&self) -> u64 {
        let found = ["position", "first_position"].iter().find_map(|member| self.json[*member].as_u64());
        let found = found.or_else(|| self.json["facts"][0]["position"].as_u64());
        found.unwrap_or_else(|| panic!("expected a position in the answer: {self:?}"))
    }

    /// The outcome of a fact or delivery.
    pub fn outcome(&self) -> &str {
        self.json["outcome"].as_str().unwrap_or_default()
    }

    /// The highest position that the answer names, 0 if none.
    pub fn highest_position(&self) -> u64 {
        let own = ["position", "last_position", "first_position", "conflict_id"];
        let own = own.map(|member| self.json[member].as_u64());
        let facts = self.json["facts"].as_array().into_iter().flatten();
        facts.map(|fact| fact["position"].as_u64()).chain(own).flatten().max().unwrap_or(0)
    }
}
