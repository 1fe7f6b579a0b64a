//! Compressed bodies, gzip and deflate: of webhooks, whose signature is over the bytes on the wire, and of the API.

use async_compression::tokio::write::{DeflateEncoder, GzipEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::common::tracker::{SECRET, callrail, deliver_callrail, sign, site};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};

const ACME: &str = "/api/v1/tenants/acme";
const MIB: usize = 1024 * 1024;

/// The body compressed: `gzip`, `zlib`, or `raw` deflate.
async fn packed(how: &str, body: &[u8]) -> Vec<u8> {
    macro_rules! by {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(body).await.expect("encodes");
            encoder.shutdown().await.expect("ends");
            encoder.into_inner()
        }};
    }
    match how {
        "gzip" => by!(GzipEncoder),
        "zlib" => by!(ZlibEncoder),
        _ => by!(DeflateEncoder),
    }
}

/// Posts bytes to CallRail's endpoint under a content coding, rightly signed over them.
async fn deliver(server: &Server, coding: &str, bytes: Vec<u8>) -> Answer {
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(SECRET.as_bytes()).expect("any key length");
    mac.update(&bytes);
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let request =
        server.request("POST", "/hooks/callrail/callrail-of-post_call").header("signature", signature);
    let request = request.header("content-type", "application/json").header("content-encoding", coding);
    server.send(request.body(bytes)).await
}

async fn hooks() -> Server {
    Site::with(&site("callrail", &["post_call"])).start().await
}

#[tokio::test]
async fn a_compressed_webhook_is_verified_as_it_came_and_read_as_it_was() {
    let server = hooks().await;
    for (n, (coding, how)) in [("gzip", "gzip"), ("X-Gzip", "gzip"), ("deflate", "zlib"), ("deflate", "raw")]
        .into_iter()
        .enumerate()
    {
        let body = callrail(&format!("CAL{n}")).to_string();
        let bytes = packed(how, body.as_bytes()).await;
        let answer = deliver(&server, coding, bytes.clone()).await;
        assert_eq!(answer.is(200).outcome(), "recorded", "{coding} {how}: {answer:?}");
        let fact = server.read("acme", &format!("facts/{}?raw=true", answer.position())).await;
        assert_eq!(fact["body"]["duration_seconds"], 49, "{fact}");
        assert_eq!(fact["original"], body.as_str(), "what is kept can be read");
        // Null control: a signature over what comes out is none.
        let request = server.request("POST", "/hooks/callrail/callrail-of-post_call");
        let request = request.header("signature", sign(SECRET, &body)).header("content-encoding", coding);
        server.send(request.body(bytes)).await.problem(401);
    }
    let again = deliver_callrail(&server, "post_call", &callrail("CAL0")).await;
    assert_eq!(again.is(200).outcome(), "duplicate", "compressed or not: {again:?}");
    let two = [packed("gzip", br#"{"resource_id":"#).await, packed("gzip", b"\"CAL9\"}").await].concat();
    assert_eq!(deliver(&server, "gzip", two).await.json["reason"], Value::Null, "of two members");
}

#[tokio::test]
async fn what_does_not_decode_is_kept_and_what_grows_too_much_is_refused() {
    let server = hooks().await;
    let body = callrail("CAL1").to_string();
    for (coding, bytes) in [
        ("gzip", body.clone().into_bytes()),
        ("gzip", packed("gzip", body.as_bytes()).await[..40].to_vec()),
        ("br", format!("{body} ").into_bytes()),
        ("gzip, gzip", packed("gzip", body.as_bytes()).await),
    ] {
        let answer = deliver(&server, coding, bytes).await;
        assert_eq!(
            (answer.is(200).outcome(), &answer.json["reason"]),
            ("quarantined", &json!("malformed_body"))
        );
        let kept = server.read("acme", &format!("facts/{}", answer.position())).await;
        assert_eq!(kept["body"]["headers"], format!("content-encoding: {coding}"), "{kept}");
    }
    let fits = format!("{body}{}", " ".repeat(MIB - body.len()));
    let most = deliver(&server, "gzip", packed("gzip", fits.as_bytes()).await).await;
    assert_eq!(most.is(200).outcome(), "recorded", "{most:?}");
    let before = server.memory();
    let bomb = packed("gzip", &vec![b' '; 200 * MIB]).await;
    assert!(bomb.len() < MIB, "{}", bomb.len());
    for bytes in [packed("gzip", format!("{fits} ").as_bytes()).await, bomb] {
        let told = deliver(&server, "gzip", bytes).await.problem(413).to_string();
        assert!(told.contains("1048576 bytes, counted without compression"), "{told}");
    }
    assert!(server.memory() < before + 32, "expected a bomb not to be held");
}

#[tokio::test]
async fn compressed_bodies_of_the_api_are_read_within_its_limits() {
    let server = Site::with(TWO_TENANTS).start().await;
    let fact = |id: String| {
        json!({"provider": "desk", "external_id": id, "kind": "call_reported", "occurred_at": "2025-10-09T12:00:00Z",
               "body": {"call_id": id, "status": "completed"}})
    };
    let post = async |route: &str, media: &str, coding: &str, bytes: Vec<u8>| {
        let request = server.request("POST", route).bearer_auth(TOKEN).header("content-type", media);
        server.send(request.header("content-encoding", coding).body(bytes)).await
    };
    let facts = format!("{ACME}/facts");
    for (n, (coding, how)) in
        [("gzip", "gzip"), ("deflate", "zlib"), ("deflate", "raw"), ("identity", "")].into_iter().enumerate()
    {
        let one = fact(format!("A{n}")).to_string();
        let bytes = if how.is_empty() { one.into_bytes() } else { packed(how, one.as_bytes()).await };
        assert_eq!(post(&facts, "application/json", coding, bytes).await.is(201).outcome(), "recorded");
    }
    let lines: String = (0..5_000).map(|n| format!("{}\n", fact(format!("L{n}")))).collect();
    let answer = post(&facts, "application/x-ndjson", "gzip", packed("gzip", lines.as_bytes()).await).await;
    assert_eq!(answer.is(200).json["recorded"], 5_000, "{answer:?}");
    let list = Value::from((0..20).map(|n| fact(format!("B{n}"))).collect::<Vec<_>>()).to_string();
    let answer = post(&facts, "application/json", "deflate", packed("zlib", list.as_bytes()).await).await;
    assert_eq!(answer.is(200).json["recorded"], 20);
    let note = packed("gzip", br#"{"content":"called back"}"#).await;
    post(&format!("{ACME}/notes"), "application/json", "gzip", note).await.is(201);

    let whole = packed("gzip", lines.as_bytes()).await;
    for (media, coding, bytes, status) in [
        ("application/json", "br", whole.clone(), 415),
        ("application/json", "gzip", b"{}".to_vec(), 400),
        ("application/x-ndjson", "gzip", whole[..whole.len() / 2].to_vec(), 400),
        ("application/x-ndjson", "gzip", packed("gzip", &vec![b'\n'; 65 * MIB]).await, 413),
        ("application/json", "gzip", packed("gzip", &vec![b' '; 65 * MIB]).await, 413),
    ] {
        let told = post(&facts, media, coding, bytes).await.problem(status).to_string();
        assert!(status != 400 || told.contains("does not decode"), "{told}");
    }
    let long = format!(r#"{{"content":"{}"}}"#, "x".repeat(2 * MIB));
    let answer =
        post(&format!("{ACME}/notes"), "application/json", "gzip", packed("gzip", long.as_bytes()).await)
            .await;
    answer.problem(413);
}
