//! The server's route table: every operation of its OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Server;

/// Parameters that a route needs because of the value of another one.
const ALSO: &[(&str, &str)] =
    &[("/api/v1/tenants/{tenant}/explain", "month"), ("/api/v1/tenants/{tenant}/proof", "month")];

/// A documented operation.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub need: String,
    pub roles: Vec<String>,
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

    pub fn is_of_a_tenant(&self) -> bool {
        self.path.contains("{tenant}")
    }

    pub fn takes_body(&self) -> bool {
        ["POST", "PUT", "PATCH"].contains(&self.method.as_str())
    }

    /// A query of those parameters that it needs, from `values`.
    pub fn needed_query(&self, values: &BTreeMap<&str, String>) -> String {
        let parameters = self.operation["parameters"].as_array().into_iter().flatten();
        let needed =
            parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let also = ALSO.iter().filter(|(path, _)| *path == self.path).map(|(_, name)| *name);
        let names = needed.filter_map(|parameter| parameter["name"].as_str()).chain(also);
        let pairs = names.map(|name| {
            let value = values.get(name).unwrap_or_else(|| panic!("{}: no value of {name}", self.path));
            format!("{name}={}", super::site::escape(value))
        });
        pairs.collect::<Vec<_>>().join("&")
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
            let roles = operation["x-roles"].as_array().expect("roles").iter();
            found.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                need: operation["x-needs"].as_str().expect("a need").to_owned(),
                roles: roles.map(|role| role.as_str().expect("a role").to_owned()).collect(),
                operation: operation.clone(),
            });
        }
    }
    assert!(found.len() > 20, "only {} routes", found.len());
    found
}
