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

    /// A problem whose `errors[].pointer` names this field: a whole pointer such as `/body/lead`, with what lies below
    /// it, or one segment such as `lead`.
    #[track_caller]
    pub fn names(&self, field: &str) -> &Self {
        self.any_problem();
        assert!(self.has_pointer(field), "expected a pointer to `{field}` in errors[]: {self:?}");
        self
    }

    fn has_pointer(&self, field: &str) -> bool {
        let errors = self.json["errors"].as_array().into_iter().flatten();
        errors.filter_map(|error| error["pointer"].as_str()).any(|pointer| match field.strip_prefix('/') {
            Some(whole) => pointer
                .strip_prefix('/')
                .and_then(|pointer| pointer.strip_prefix(whole))
                .is_some_and(|below| below.is_empty() || below.starts_with('/')),
            None => pointer.split('/').skip(1).any(|segment| segment == field),
        })
    }

    /// A problem whose detail quotes this query parameter, or that is about the cursor.
    #[track_caller]
    pub fn names_parameter(&self, name: &str) -> &Self {
        let problem = self.any_problem();
        let detail = problem["detail"].as_str().unwrap_or_default();
        let is_quoted =
            ['"', '\'', '`'].iter().any(|quote| detail.contains(&format!("{quote}{name}{quote}")));
        let is_the_cursor = name == "cursor" && problem["code"] == "bad_cursor";
        assert!(is_quoted || is_the_cursor, "expected the parameter `{name}` in the detail: {self:?}");
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

#[cfg(test)]
mod tests {
    use reqwest::header::CONTENT_TYPE;
    use serde_json::json;

    use super::*;

    fn problem(detail: &str, pointer: &str) -> Answer {
        let json = json!({"type": "urn:x", "title": "Unprocessable", "status": 422, "detail": detail, "code": "invalid",
            "request_id": "r1", "errors": [{"pointer": pointer, "message": "must be a text; see lead and period"}]});
        let media = "application/problem+json".parse().expect("a value");
        let headers = [(CONTENT_TYPE, media)].into_iter().collect();
        Answer { asked: String::new(), status: 422, headers, text: json.to_string(), json }
    }

    #[test]
    fn a_field_is_named_by_a_pointer_and_by_nothing_else() {
        let answer = problem("/body/lead_id must be a text, as \"limit\" says", "/body/lead_id/1");
        for named in ["/body/lead_id", "/body/lead_id/1", "/body", "lead_id", "body"] {
            assert!(answer.has_pointer(named), "{named}");
        }
        // Null control: each of these stands in the text of the answer.
        for unnamed in ["lead", "/body/lead", "/lead_id", "period", "invalid", "r1", ""] {
            assert!(answer.text.contains(unnamed) && !answer.has_pointer(unnamed), "{unnamed}");
        }
        answer.names_parameter("limit");
    }

    #[test]
    #[should_panic(expected = "expected the parameter `lead`")]
    fn null_control_a_parameter_that_only_a_field_names_is_not_named() {
        problem("/body/lead must be a text", "/lead").names_parameter("lead");
    }
}
