//! The pages as a client gets them: files, encodings, caching, the policy, and what is no page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::site::run_within;
use crate::common::{Answer, Server, Site};

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

async fn visit(server: &Server, path: &str) -> Answer {
    server.send(server.request("GET", path).header("accept", HTML)).await
}

/// The files that the index loads.
fn assets(index: &str) -> Vec<String> {
    let parts = index.split('"').filter(|part| part.starts_with("/assets/"));
    parts.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_path_of_a_browser_is_the_index_and_no_path_of_a_program_is() {
    let server = Site::new().start().await;
    let first = visit(&server, "/").await;
    assert_eq!(first.is(200).header("content-type"), "text/html; charset=utf-8");
    assert_eq!(first.header("cache-control"), "no-cache");
    assert_eq!(first.header("x-content-type-options"), "nosniff");
    let policy = first.header("content-security-policy");
    for rule in ["default-src 'self'", "style-src 'self' 'unsafe-inline'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{rule} is not of {policy}");
    }
    assert!(!policy.contains("unsafe-eval") && !first.text.contains("<script>"), "{policy}");
    for page in ["/login", "/workspaces", "/w/acme/dashboard", "/w/acme/facts/12", "/leads"] {
        assert_eq!(visit(&server, page).await.is(200).text, first.text, "{page}");
    }
    for other in ["/api/v1/gone", "/api", "/hooks/gone", "/favicon.ico", "/assets/gone.js", "/index.html"] {
        visit(&server, other).await.problem(404);
    }
    // Programs ask for anything, and get no page where there is no route.
    server.send(server.request("GET", "/gone").header("accept", "*/*")).await.problem(404);
    server.send(server.request("POST", "/login").header("accept", HTML)).await.problem(404);
    // What strangers get names nobody.
    for kept in [crate::common::TOKEN, "acme", "tw-5b0f0d7e"] {
        assert!(!first.text.contains(kept), "{kept} is told to strangers");
    }
}

#[tokio::test]
async fn files_are_compressed_ahead_and_kept_for_ever_and_the_index_is_asked_for_again() {
    let server = Site::new().start().await;
    let index = visit(&server, "/").await;
    let tag = index.header("etag").to_owned();
    let again = server.request("GET", "/w/acme/notes").header("accept", HTML).header("if-none-match", &tag);
    let again = server.send(again).await;
    assert_eq!((again.is(304).header("etag"), again.text.as_str()), (tag.as_str(), ""));
    let other = server.request("GET", "/").header("accept", HTML).header("if-none-match", "\"0\"");
    server.send(other).await.is(200);
    let files = assets(&index.text);
    assert!(files.len() >= 2, "built without pages? Node 20.19 and npm build them: {}", index.text);
    for file in files {
        for (accepted, expected) in [("br, gzip", "br"), ("gzip", "gzip"), ("identity", ""), ("br;q=0", "")] {
            let answer = server.send(server.request("GET", &file).header("accept-encoding", accepted)).await;
            let headers = &answer.is(200).headers;
            let encoding = headers.get("content-encoding").map_or("", |value| value.to_str().expect("text"));
            assert_eq!(encoding, expected, "{file} {accepted}");
            assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(answer.header("vary"), "accept-encoding");
        }
    }
}

/// Runs the build script of the pages with this setting and search path; what it left, or what it said.
fn built(setting: &str, search: &Path) -> Result<String, String> {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboard");
    let script = dir.path().join("build");
    let compiled = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()))
        .args(["--edition", "2024", "-o"])
        .arg(&script)
        .arg(root.join("build.rs"))
        .output()
        .expect("rustc runs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let ran = Command::new(&script)
        .current_dir(&root)
        .env_clear()
        .env("PATH", search)
        .env("CARGO_MANIFEST_DIR", &root)
        .env("OUT_DIR", dir.path())
        .env("FACTFOLD_UI", setting)
        .output()
        .expect("the script runs");
    let said = [ran.stdout, ran.stderr].concat();
    match ran.status.success() {
        true => Ok(fs::read_to_string(dir.path().join("ui/index.html")).expect("an index")),
        false => Err(String::from_utf8_lossy(&said).into_owned()),
    }
}

#[test]
fn without_node_the_binary_is_built_and_says_what_is_missing() {
    let nothing = tempfile::tempdir().expect("temporary directory");
    let page = built("auto", nothing.path()).expect("built");
    assert!(page.contains("no Node") && page.contains("FACTFOLD_UI=require cargo build"), "{page}");
    assert!(page.contains("href=\"/docs\"") && page.contains("href=\"/metrics\""), "{page}");
    let refused = built("require", nothing.path()).expect_err("refused");
    assert!(refused.contains("no Node"), "{refused}");
    assert!(built("skip", nothing.path()).expect("built").contains("FACTFOLD_UI=skip"));
    assert!(built("maybe", nothing.path()).expect_err("refused").contains("auto, require, skip or dir:"));
    assert!(built("dir:/nowhere", nothing.path()).expect_err("refused").contains("no index.html"));
    let elsewhere = nothing.path().join("dist");
    fs::create_dir_all(elsewhere.join("assets")).expect("made");
    fs::write(elsewhere.join("index.html"), "<!doctype html>made elsewhere").expect("written");
    let taken = built(&format!("dir:{}", elsewhere.display()), nothing.path()).expect("built");
    assert_eq!(taken, "<!doctype html>made elsewhere");
}

#[tokio::test]
async fn the_first_load_is_small_and_charts_are_one_chunk() {
    let server = Site::new().start().await;
    let index = visit(&server, "/").await;
    let size = async |file: &str, encoding: &str| {
        let answer = server.send(server.request("GET", file).header("accept-encoding", encoding)).await;
        answer.is(200).header("content-length").parse::<usize>().expect("a length")
    };
    let mut first = 0;
    for file in assets(&index.text).iter().filter(|file| file.ends_with(".js")) {
        first += size(file, "gzip").await;
    }
    let out = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboard/web/src");
    assert!(out.is_dir());
    // The dashboard's own chunk comes with the first load, the charts' after it.
    let main = assets(&index.text).into_iter().find(|file| file.ends_with(".js")).expect("a script");
    let text =
        server.send(server.request("GET", &main).header("accept-encoding", "identity")).await.text.clone();
    let chunks: Vec<String> = text
        .split(['"', '`', '\''])
        .filter(|part| part.ends_with(".js"))
        .map(|part| part.rsplit('/').next().unwrap_or(part).to_owned())
        .collect();
    let chunk = |name: &str| {
        chunks.iter().find(|chunk| chunk.starts_with(name)).map(|chunk| format!("/assets/{chunk}"))
    };
    let mut seen = Vec::new();
    for name in ["Dashboard-", "Chart-"] {
        let file = chunk(name).unwrap_or_else(|| panic!("no chunk {name} in {chunks:?}"));
        first += size(&file, "gzip").await;
        seen.push(file);
    }
    assert!(first > 10_000 && first <= 40 * 1024, "the first load is {first} bytes of JavaScript (gzip)");
    let mut charts = chunk("echarts-");
    for file in seen {
        if charts.is_none() {
            let text = server
                .send(server.request("GET", &file).header("accept-encoding", "identity"))
                .await
                .text
                .clone();
            let names = text
                .split(['"', '`', '\'', '/'])
                .find(|part| part.starts_with("echarts-") && part.ends_with(".js"));
            charts = names.map(|name| format!("/assets/{name}"));
        }
    }
    let charts = charts.expect("a chunk of charts");
    let (gzip, brotli) = (size(&charts, "gzip").await, size(&charts, "br").await);
    assert!(
        gzip <= 200 * 1024 && brotli <= 170 * 1024,
        "the charts are {gzip} bytes (gzip), {brotli} (brotli)"
    );
    eprintln!("first load {first}, charts {gzip} (gzip), {brotli} (brotli)");
}

#[test]
fn the_pages_fit_the_api_document() {
    if std::env::var_os("FACTFOLD_SKIP_BROWSER").is_some() {
        return;
    }
    let web = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboard/web");
    for task in ["types", "check"] {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", task]).current_dir(&web);
        let ran = run_within(npm, Duration::from_secs(120));
        assert_eq!(ran.code, Some(0), "npm run {task}: {}", ran.all());
    }
}
