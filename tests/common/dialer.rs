//! The power dialer's routes, as an agent's browser asks them.

use serde_json::{Value, json};

use super::{Answer, Server, TOKEN};

impl Server {
    /// POST of a JSON body to a tenant's route with the admin token.
    pub async fn command(&self, tenant: &str, route: &str, body: &Value) -> Answer {
        self.command_with(tenant, route, body, &[]).await
    }

    /// The same with headers of its own.
    pub async fn command_with(
        &self,
        tenant: &str,
        route: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = format!("/api/v1/tenants/{tenant}/{route}");
        let mut request = self.request("POST", &path).bearer_auth(TOKEN);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.json(body)).await
    }

    /// Starts a session of ann's and answers its id.
    pub async fn start_session(&self, leads: &[&str]) -> String {
        let body = json!({"agent": "Ann@example.com", "pipeline_id": "north", "lead_ids": leads});
        let answer = self.command("acme", "sessions", &body).await;
        answer.is(201).json["session_id"].as_str().expect("a session has an id").to_owned()
    }

    /// Asks for the next lead of a line.
    pub async fn next_lead(&self, session: &str, line: &str) -> Value {
        let route = format!("sessions/{session}/next-lead?line={line}");
        self.command("acme", &route, &json!({})).await.is(200).json.clone()
    }

    /// Marks an attempt.
    pub async fn mark_attempt(&self, session: &str, lead: &str, outcome: &str) -> Answer {
        let body = json!({"lead_id": lead, "outcome": outcome});
        self.command("acme", &format!("sessions/{session}/attempts"), &body).await
    }
}
