//! The route table as the server tells it: every operation of its OpenAPI document.

use serde_json::Value;

use super::Server;

/// A documented operation.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub operation: Value,
}

impl Route {
    /// Names of its query parameters.
    pub fn query(&self) -> Vec<&str> {
        let parameters = self.operation["parameters"].as_array();
        let of_the_query = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
        of_the_query.filter_map(|parameter| parameter["name"].as_str()).collect()
    }

    /// Its path with each parameter filled in by `fill`.
    pub fn filled(&self, fill: impl Fn(&str) -> String) -> String {
        let mut parts = self.path.split('{');
        let mut path = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').expect("a brace is closed");
            path.push_str(&super::site::escape(&fill(name)).replace('+', "%20"));
            path.push_str(rest);
        }
        path
    }

    /// Whether the answer goes on without end.
    pub fn streams(&self) -> bool {
        self.operation["responses"]["200"]["content"]["text/event-stream"].is_object()
    }

    /// Whether the document says that it may be answered so.
    pub fn documents(&self, status: u16) -> bool {
        self.operation["responses"][status.to_string()].is_object()
    }
}

/// Every operation that the server documents.
pub async fn routes(server: &Server) -> Vec<Route> {
    let document = server.send(server.request("GET", "/api/openapi.json")).await.is(200).json.clone();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            found.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                operation: operation.clone(),
            });
        }
    }
    assert!(found.len() > 20, "only {} routes", found.len());
    found
}
