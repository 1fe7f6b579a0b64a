//! Compressed bodies (gzip, deflate, Brotli, Zstandard, several over one another): of webhooks, whose signature is over the bytes on the wire, and of the API.

use std::time::{Duration, Instant};

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::common::tracker::{SECRET, callrail, deliver_callrail, sign, site};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS};

const ACME: &str = "/api/v1/tenants/acme";
const MIB: usize = 1024 * 1024;

/// The body compressed, by each of these after the one before: `gzip`, `zlib`, `raw` deflate, `br`, `zstd`.
async fn all_packed(how: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    for how in how.split(' ').filter(|how| !how.is_empty()) {
        bytes = packed(how, &bytes).await;
    }
    bytes
}

/// The body compressed by one of these.
async fn packed(how: &str, body: &[u8]) -> Vec<u8> {
    macro_rules! by {
        ($encoder:ident) => {{
            // Brotli's own choice takes half a minute for a bomb.
            let mut encoder = $encoder::with_quality(Vec::new(), Level::Fastest);
            encoder.write_all(body).await.expect("encodes");
            encoder.shutdown().await.expect("ends");
            encoder.into_inner()
        }};
    }
    match how {
        "gzip" => by!(GzipEncoder),
        "zlib" => by!(ZlibEncoder),
        "br" => by!(BrotliEncoder),
        "zstd" => by!(ZstdEncoder),
        _ => by!(DeflateEncoder),
    }
}

/// A request to CallRail's endpoint, rightly signed over these bytes.
fn signed(server: &Server, bytes: &[u8]) -> RequestBuilder {
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(SECRET.as_bytes()).expect("any key length");
    mac.update(bytes);
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let request =
        server.request("POST", "/hooks/callrail/callrail-of-post_call").header("signature", signature);
    request.header("content-type", "application/json")
}

/// Posts bytes to CallRail's endpoint under a content coding, rightly signed over them.
async fn deliver(server: &Server, coding: &str, bytes: Vec<u8>) -> Answer {
    let request = signed(server, &bytes).header("content-encoding", coding);
    server.send(request.body(bytes)).await
}

async fn hooks() -> Server {
    Site::with(&site("callrail", &["post_call"])).start().await
}

#[tokio::test]
async fn a_compressed_webhook_is_verified_as_it_came_and_read_as_it_was() {
    let server = hooks().await;
    for (n, (coding, how)) in [
        ("gzip", "gzip"),
        ("X-Gzip", "gzip"),
        ("deflate", "zlib"),
        ("deflate", "raw"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("ZSTD", "zstd"),
        ("gzip, br", "gzip br"),
        ("br,gzip", "br gzip"),
        ("identity, zstd , deflate", "zstd zlib"),
        ("gzip, gzip, br, zstd", "gzip gzip br zstd"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = callrail(&format!("CAL{n}")).to_string();
        let bytes = all_packed(how, body.as_bytes()).await;
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
    for how in ["gzip", "zstd"] {
        let body = callrail(&format!("CAL-{how}")).to_string();
        let (one, other) = body.split_at(9);
        let two = [packed(how, one.as_bytes()).await, packed(how, other.as_bytes()).await].concat();
        let answer = deliver(&server, how, two).await;
        assert_eq!(
            (answer.is(200).outcome(), &answer.json["reason"]),
            ("recorded", &Value::Null),
            "of two members"
        );
    }
    // Proxies write a line for each coding.
    let body = callrail("CAL-lines").to_string();
    let bytes = all_packed("gzip br", body.as_bytes()).await;
    let request = signed(&server, &bytes).header("content-encoding", "gzip").header("content-encoding", "br");
    assert_eq!(server.send(request.body(bytes)).await.is(200).outcome(), "recorded");
}

#[tokio::test]
async fn what_does_not_decode_is_kept_and_what_grows_too_much_is_refused() {
    let server = hooks().await;
    let body = callrail("CAL1").to_string();
    let mut broken = vec![
        ("gzip", body.clone().into_bytes()),
        ("br", format!("{body} ").into_bytes()),
        ("zstd", format!("{body}  ").into_bytes()),
        ("compress", format!("{body}   ").into_bytes()),
        ("gzip, gzip", packed("gzip", body.as_bytes()).await),
        ("br, gzip", all_packed("gzip br", body.as_bytes()).await),
        ("br, br, br, br, br", all_packed("br br br br br", body.as_bytes()).await),
    ];
    for how in ["gzip", "br", "zstd"] {
        broken.push((how, packed(how, body.as_bytes()).await[..40].to_vec()));
    }
    for (coding, bytes) in broken {
        let answer = deliver(&server, coding, bytes).await;
        assert_eq!(
            (answer.is(200).outcome(), &answer.json["reason"]),
            ("quarantined", &json!("malformed_body"))
        );
        let kept = server.read("acme", &format!("facts/{}", answer.position())).await;
        assert_eq!(kept["body"]["headers"], format!("content-encoding: {coding}"), "{kept}");
    }
    let fits = |n: usize| {
        let body = callrail(&format!("MOST{n}")).to_string();
        format!("{body}{}", " ".repeat(MIB - body.len()))
    };
    let bomb = vec![b' '; 200 * MIB];
    for (n, (coding, how)) in
        [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip, br", "gzip br")].into_iter().enumerate()
    {
        let most = deliver(&server, coding, all_packed(how, fits(n).as_bytes()).await).await;
        assert_eq!(most.is(200).outcome(), "recorded", "{most:?}");
        let before = server.memory();
        let bomb = all_packed(how, &bomb).await;
        assert!(bomb.len() < MIB, "{}", bomb.len());
        for bytes in [all_packed(how, format!("{} ", fits(n)).as_bytes()).await, bomb] {
            let told = deliver(&server, coding, bytes).await.problem(413).to_string();
            assert!(told.contains("1048576 bytes, counted without compression"), "{coding}: {told}");
        }
        assert!(server.memory() < before + 32, "expected a bomb of {coding} not to be held");
    }
    // Nothing comes out of empty members, however many there are, and each is work: they have a bound of their own.
    let few = [
        packed("gzip", b"").await.repeat(5_000),
        packed("gzip", callrail("FEW").to_string().as_bytes()).await,
    ];
    assert_eq!(deliver(&server, "gzip", few.concat()).await.is(200).outcome(), "recorded");
    let members = packed("gzip", b"").await.repeat(MIB / 20);
    for (coding, bytes) in [("gzip", members.clone()), ("gzip, br", packed("br", &members.repeat(10)).await)]
    {
        let begun = Instant::now();
        deliver(&server, coding, bytes).await.problem(413);
        assert!(begun.elapsed() < Duration::from_secs(5), "{coding}: {:?}", begun.elapsed());
    }
    // A window of 128 MiB, as `zstd --ultra --long=27` writes it, is more than HTTP allows.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88][..], &[0x01, 0, 0]].concat();
    let told = deliver(&server, "zstd", window).await;
    assert_eq!((told.is(200).outcome(), &told.json["reason"]), ("quarantined", &json!("malformed_body")));
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
    for (n, (coding, how)) in [
        ("gzip", "gzip"),
        ("deflate", "zlib"),
        ("deflate", "raw"),
        ("identity", ""),
        ("br", "br"),
        ("zstd", "zstd"),
        ("zstd, br", "zstd br"),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = all_packed(how, fact(format!("A{n}")).to_string().as_bytes()).await;
        assert_eq!(post(&facts, "application/json", coding, bytes).await.is(201).outcome(), "recorded");
    }
    let lines: String = (0..5_000).map(|n| format!("{}\n", fact(format!("L{n}")))).collect();
    let answer = post(&facts, "application/x-ndjson", "gzip", packed("gzip", lines.as_bytes()).await).await;
    assert_eq!(answer.is(200).json["recorded"], 5_000, "{answer:?}");
    for how in ["br", "zstd"] {
        let answer = post(&facts, "application/x-ndjson", how, packed(how, lines.as_bytes()).await).await;
        assert_eq!(answer.is(200).json["duplicates"], 5_000, "{answer:?}");
    }
    let list = Value::from((0..20).map(|n| fact(format!("B{n}"))).collect::<Vec<_>>()).to_string();
    let answer = post(&facts, "application/json", "deflate", packed("zlib", list.as_bytes()).await).await;
    assert_eq!(answer.is(200).json["recorded"], 20);
    let note = packed("gzip", br#"{"content":"called back"}"#).await;
    post(&format!("{ACME}/notes"), "application/json", "gzip", note).await.is(201);

    let whole = packed("gzip", lines.as_bytes()).await;
    let blank = format!("{}\n", " ".repeat(1_023)).repeat(65 * 1_024);
    for (media, coding, bytes, status) in [
        ("application/json", "compress", whole.clone(), 415),
        ("application/json", "gzip, compress", whole.clone(), 415),
        ("application/json", "br", b"{}".to_vec(), 400),
        ("application/json", "zstd", b"{}".to_vec(), 400),
        ("application/json", "br, zstd", packed("zstd", b"{}").await, 400),
        ("application/x-ndjson", "zstd", packed("zstd", lines.as_bytes()).await[..500].to_vec(), 400),
        ("application/x-ndjson", "br", packed("br", blank.as_bytes()).await, 413),
        ("application/json", "zstd", packed("zstd", &vec![b' '; 65 * MIB]).await, 413),
        (
            "application/json",
            "gzip, br",
            packed("br", &packed("gzip", b"").await.repeat(65 * MIB / 20)).await,
            413,
        ),
        ("application/json", "gzip", b"{}".to_vec(), 400),
        ("application/x-ndjson", "gzip", whole[..whole.len() / 2].to_vec(), 400),
        ("application/x-ndjson", "gzip", packed("gzip", blank.as_bytes()).await, 413),
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
