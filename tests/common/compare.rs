//! Compares a server's answers with a model's, on every route and member by member.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Server;
use super::model::answers::{Answers, order_of};
use super::model::instant;
use super::random::Random;

impl Server {
    /// Posts facts in random order, in batches cut at random, one in six of them again.
    pub async fn deliver(&self, tenant: &str, facts: &[Value], random: &mut Random) {
        let mut arriving = facts.to_vec();
        arriving.extend(facts.iter().filter(|_| random.one_in(6)).cloned());
        random.shuffle(&mut arriving);
        let (mut rest, mut recorded) = (arriving.as_slice(), 0);
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(1 + random.below(400) as usize));
            let answer = self.post(tenant, &Value::from(part.to_vec())).await;
            let told = &answer.is(200).json;
            assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(0), &json!(0)), "{}", answer.text);
            recorded += told["recorded"].as_u64().expect("a count") as usize;
            rest = later;
        }
        assert_eq!(recorded, facts.len(), "expected each fact once");
    }

    /// What is told on each of these routes, in the form of a model's answers.
    pub async fn answers(&self, tenant: &str, routes: impl Iterator<Item = &String>) -> Answers {
        self.answers_as_of(tenant, routes, "").await
    }

    /// The same as of a moment, such as `as_of_position=7`.
    pub async fn answers_as_of(
        &self,
        tenant: &str,
        routes: impl Iterator<Item = &String>,
        moment: &str,
    ) -> Answers {
        let mut answers = Answers::new();
        for route in routes {
            let mark = if route.contains('?') { '&' } else { '?' };
            let asked = format!("{route}{mark}{moment}");
            let first = self.read(tenant, &asked).await;
            let listed = first.get("next_cursor").is_some();
            let mut answer = if listed { self.all_items(tenant, &asked).await.into() } else { first };
            if let Some(answer) = answer.as_object_mut() {
                answer.remove("position");
                answer.remove("at");
                // What is known of sources depends on runs, which the model knows nothing of.
                answer.remove("coverage");
            }
            answers.insert(route.clone(), answer);
        }
        answers
    }

    /// The bodies of the tenant's configurations, in the log's order; where one does not say from which day it
    /// holds, that on which it was recorded.
    pub async fn configurations(&self, tenant: &str) -> Vec<Value> {
        let body = |fact: &Value| {
            let mut body = fact["body"].clone();
            if body["effective_from"].is_null() {
                let zone: chrono_tz::Tz = body["timezone"].as_str().expect("a zone").parse().expect("a zone");
                let recorded = instant(&fact["recorded_at"]).expect("a time");
                body["effective_from"] = json!(recorded.with_timezone(&zone).date_naive());
            }
            body
        };
        let facts = self.all_items(tenant, "facts?kind=tenant_configured&order=asc").await;
        facts.iter().map(body).collect()
    }
}

/// As values are compared: numbers by value, keyed digests alike.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Value::String(text) if text.starts_with('@') => json!("@"),
        other => other.clone(),
    }
}

fn walk(path: &str, model: &Value, served: &Value, found: &mut Vec<String>) {
    match (model, served) {
        (Value::Object(these), Value::Object(those)) => {
            let names: BTreeSet<&String> = these.keys().chain(those.keys()).collect();
            names
                .iter()
                .for_each(|name| walk(&format!("{path}/{name}"), &model[*name], &served[*name], found));
        }
        (Value::Array(these), Value::Array(those)) if these.len() == those.len() => {
            let pairs = (0..).zip(these.iter().zip(those));
            pairs.for_each(|(n, (this, that))| walk(&format!("{path}/{n}"), this, that, found));
        }
        _ if model != served => found.push(format!("{path}\n  expected {model}\n  served   {served}")),
        _ => {}
    }
}

/// Where two answers of a route differ. Lists whose order the contract leaves open are ordered first.
pub fn differences(route: &str, model: &Value, served: &Value) -> Vec<String> {
    let [mut model, mut served] = [model, served].map(plain);
    let order = order_of(route);
    for items in [&mut model, &mut served].into_iter().filter_map(Value::as_array_mut) {
        items.sort_by_key(|item| order.iter().map(|member| item[*member].to_string()).collect::<Vec<_>>());
    }
    let mut found = Vec::new();
    walk(route, &model, &served, &mut found);
    found
}

/// Where answers differ over all routes.
pub fn all_differences(model: &Answers, served: &Answers) -> Vec<String> {
    let of = |(route, answer): (&String, &Value)| {
        differences(route, answer, served.get(route).unwrap_or(&Value::Null))
    };
    model.iter().flat_map(of).collect()
}

/// Fails with the first of the differences.
#[track_caller]
pub fn assert_none(found: &[String], of: &str) {
    let shown = &found[..found.len().min(20)];
    assert!(found.is_empty(), "{of}: {} differences\n{}", found.len(), shown.join("\n"));
}
