//! Callers of the tests: requests with a token of their own, and tokens made for them.

use serde_json::Value;

use super::{Answer, Server, TOKEN};

impl Server {
    /// A request with this token and JSON body (null: none).
    pub async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, path).bearer_auth(token);
        let has_body = !body.is_null();
        self.send(if has_body { request.json(&body) } else { request }).await
    }

    /// A token of this role for these tenants.
    pub async fn token(&self, role: &str, tenants: &[&str]) -> String {
        let body =
            serde_json::json!({"name": format!("{role} of the tests"), "role": role, "tenants": tenants});
        let issued = self.ask(TOKEN, "POST", "/api/v1/tokens", body).await;
        issued.is(201).json["token"].as_str().expect("a token").to_owned()
    }
}
