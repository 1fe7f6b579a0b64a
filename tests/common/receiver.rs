//! A webhook receiver on a local port: it keeps every request and answers with a chosen status.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A request received.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether it is signed by this secret as Standard Webhooks says, within five minutes of now.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok()).expect("a secret");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key");
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let at: i64 = self.header("webhook-timestamp").parse().expect("seconds");
        let is_fresh = (chrono::Utc::now().timestamp() - at).abs() < 300;
        is_fresh && self.header("webhook-signature").split(' ').any(|given| given == right)
    }
}

/// The status to answer with, and the requests received.
type Inner = Arc<Mutex<(StatusCode, Vec<Received>)>>;

/// The receiver.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    inner: Inner,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1 and answers with this status.
    pub async fn start(status: u16) -> Self {
        let inner = Arc::new(Mutex::new((StatusCode::from_u16(status).expect("status"), Vec::new())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/alerts/s3cret", listener.local_addr().expect("address"));
        let take = async |State(inner): State<Inner>, headers, body| {
            let mut inner = inner.lock().expect("not poisoned");
            inner.1.push(Received { headers, body });
            // A redirect leads back here: following it would show as a second request.
            (inner.0, [("location", "/alerts/elsewhere")])
        };
        let app = axum::Router::new().fallback(take).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.inner.lock().expect("not poisoned").0 = StatusCode::from_u16(status).expect("status");
    }

    pub fn all(&self) -> Vec<Received> {
        self.inner.lock().expect("not poisoned").1.clone()
    }

    /// Waits until so many came, at most 30 s.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        for _ in 0..3_000 {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {count} requests, got {:?}", self.all());
    }
}
