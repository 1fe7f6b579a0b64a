//! The front answers every route as the same steps as layers of the router do, header for header.

use std::collections::BTreeMap;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::ConnectInfo;
use axum::middleware::{self, Next};
use axum::{Extension, http};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::config::{Config, Overrides};
use crate::engine::Engine;
use crate::http::{Settings, handlers};
use crate::testing::T0;

const TOKEN: &str = "kJ0d8w2hFq3sV7bN5mX1cZ9aL4pR6tYu";
const SITE: &str = "https://dash.example.com";

/// The routes behind a layer for each step, the last added outermost.
fn layered(app: &Arc<App>) -> Router {
    let (routes, document) = handlers(Arc::clone(app));
    let identified = Arc::clone(app);
    let identify = move |request: Request, next: Next| {
        let app = Arc::clone(&identified);
        async move {
            let (mut parts, body) = request.into_parts();
            auth::identify(&app, &mut parts);
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let drain = |request: Request, next: Next| async move {
        let (request, remainder) = lingering_close::reclaimable(request);
        let mut response = next.run(request).await;
        if let Some(remainder) = remainder {
            remainder.drain_before(&mut response).await;
        }
        response
    };
    let finish = |request: Request, next: Next| async move {
        let record = RequestRecord::begin(&request);
        record.finish(next.run(request).await)
    };
    routes
        .layer(Extension(Arc::new(document)))
        .layer(middleware::from_fn(identify))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(cors::layer(&app.cors))
        .layer(middleware::from_fn(drain))
        .layer(middleware::from_fn(finish))
}

fn app(dir: &std::path::Path) -> Arc<App> {
    let text = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"America/New_York\"\n";
    let file = dir.join("factfold.toml");
    std::fs::write(&file, text).expect("written");
    let admin_token = Some(TOKEN.to_owned());
    let data_dir = Some(dir.join("data"));
    let overrides = Overrides { file: Some(file), data_dir, admin_token, ..Overrides::default() };
    let config = Config::load(&overrides).expect("a configuration");
    let engine = Engine::start(&config, Arc::new(|| T0)).expect("an engine");
    let settings = Settings { cors: vec![SITE.to_owned()], ..Settings::default() };
    Arc::new(App::new(engine, settings))
}

/// Status, headers and body, but for what counts requests down.
type Answered = (u16, BTreeMap<String, Vec<String>>, Vec<u8>);

async fn answered<S>(service: S, request: Request) -> Answered
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let is_head = request.method() == Method::HEAD;
    let response = service.oneshot(request).await.unwrap_or_else(|never| match never {});
    let length = response.body().size_hint().exact();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in response.headers() {
        if !name.as_str().starts_with("ratelimit") {
            headers.entry(name.to_string()).or_default().push(format!("{value:?}"));
        }
    }
    // As hyper does: the length of a body that is known, and no body behind HEAD.
    if let Some(length) = length {
        headers
            .entry("content-length".to_owned())
            .or_insert_with(|| vec![format!("{:?}", length.to_string())]);
    }
    let status = response.status().as_u16();
    // A stream has no end.
    let is_stream = headers.get("content-type").is_some_and(|media| media[0].contains("event-stream"));
    let body = match is_stream || is_head {
        true => Vec::new(),
        false => to_bytes(response.into_body(), 8 << 20).await.expect("a body").to_vec(),
    };
    (status, headers, body)
}

/// The requests that are compared: reading ones with and without a token, changing ones without, each as a program sends
/// it and as pages of an allowed and of another site do.
fn requests(paths: &[String]) -> Vec<http::request::Builder> {
    let mut requests = Vec::new();
    for path in paths {
        for (method, token) in [
            ("GET", true),
            ("HEAD", true),
            ("GET", false),
            ("POST", false),
            ("DELETE", false),
            ("OPTIONS", false),
            ("BREW", false),
        ] {
            for origin in [None, Some(SITE), Some("https://evil.example")] {
                let mut request = Request::builder().method(method).uri(path).header("x-request-id", "same");
                if token {
                    request = request.header("authorization", format!("Bearer {TOKEN}"));
                }
                if let Some(origin) = origin {
                    request =
                        request.header("origin", origin).header("access-control-request-method", "POST");
                }
                requests.push(request);
            }
        }
    }
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_answered_as_by_layers_header_for_header() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = tokio::task::block_in_place(|| app(dir.path()));
    let (routes, document) = handlers(Arc::clone(&app));
    let described: Value = serde_json::from_slice(&document.json()).expect("JSON");
    // What the process and its disk hold is another at each look.
    let named =
        described["paths"].as_object().expect("paths").keys().filter(|path| *path != "/api/v1/system");
    let fill = |path: &String| {
        let parts = path.split('/').map(|part| match part {
            "{tenant}" => "acme",
            part if part.starts_with('{') => "7",
            part => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let mut paths: Vec<String> = named.map(fill).collect();
    paths.extend(
        ["/nowhere", "/api/v1/tenants/none/calls", "/api/v1/tenants/acme/calls?limit=x"].map(str::to_owned),
    );
    assert!(paths.len() > 90, "{}", paths.len());
    let layered = layered(&app);
    let front = Front::new(Arc::clone(&app), routes, document);
    let mut differing = 0;
    for request in requests(&paths) {
        let made = || {
            let (method, uri) = (request.method_ref().expect("a method"), request.uri_ref().expect("a URI"));
            let mut made = Request::builder().method(method).uri(uri);
            *made.headers_mut().expect("headers") = request.headers_ref().expect("headers").clone();
            let mut made = made.body(Body::empty()).expect("a request");
            made.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 7))));
            made
        };
        let (one, other) = (answered(layered.clone(), made()).await, answered(front.clone(), made()).await);
        assert_eq!(one, other, "{:?} {:?}", request.method_ref(), request.uri_ref());
        // Null control: without the front the same routes answer otherwise.
        differing += usize::from(answered(front.inner.routes.clone(), made()).await.1 != one.1);
    }
    assert!(differing > 1_000, "{differing}");
    tokio::task::block_in_place(|| app.close());
}

#[tokio::test]
async fn a_panic_is_500_at_its_first_step_and_later() {
    for at_once in [true, false] {
        let answering = async move {
            if !at_once {
                tokio::task::yield_now().await;
            }
            panic!("inner words");
        };
        let response = caught(answering).await;
        assert_eq!(response.status().as_u16(), 500);
    }
}
