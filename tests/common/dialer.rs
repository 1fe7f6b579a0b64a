//! The power dialer's routes, as an agent's browser calls them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Server, Site, TOKEN, TWO_TENANTS};

/// Acme with rules of time short enough for a test.
pub fn hurried(rules: &str) -> Site {
    let rules = format!("currency = \"USD\"\n[tenant.rules]\n{rules}\n");
    Site::with(&TWO_TENANTS.replacen("currency = \"USD\"\n", &rules, 1))
}

/// Sends eight requests at once and returns their answers.
pub async fn eight<F, T>(server: &Arc<Server>, send: impl Fn(Arc<Server>, usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let sent: Vec<_> = (0..8).map(|n| tokio::spawn(send(Arc::clone(server), n))).collect();
    let mut told = Vec::new();
    for one in sent {
        told.push(one.await.expect("answered"));
    }
    told
}

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

    /// How many facts of a kind a tenant has.
    pub async fn count(&self, tenant: &str, kind: &str) -> usize {
        self.all_items(tenant, &format!("facts?limit=500&kind={kind}")).await.len()
    }
}
