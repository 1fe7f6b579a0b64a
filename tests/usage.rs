//! The page System's figures over the API: disk and memory as the operating system counts them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::facts::answered;
use crate::common::{Server, Site, bison};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// Bytes of all files below `dir` as `find` counts their blocks, and how many files; of another folder below it not.
fn counted(dir: &Path, not: &str) -> (u64, u64) {
    let mut find = Command::new("find");
    find.arg(dir).args(["-path", not, "-prune", "-o", "-type", "f", "-printf", "%b\n"]);
    let found = find.output().expect("find runs");
    let blocks = String::from_utf8(found.stdout).expect("numbers");
    let blocks: Vec<u64> = blocks.lines().map(|line| line.parse().expect("a number")).collect();
    (blocks.iter().sum::<u64>() * 512, blocks.len() as u64)
}

/// Free bytes of the file system, as `df` has them.
fn free(dir: &Path) -> u64 {
    let df = Command::new("df").args(["-B1", "--output=avail"]).arg(dir).output().expect("df runs");
    let text = String::from_utf8(df.stdout).expect("text");
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a number")
}

fn part<'s>(system: &'s Value, name: &str) -> &'s Value {
    let parts = system["data_dir"]["parts"].as_array().expect("parts");
    parts.iter().find(|part| part["part"] == name).unwrap_or_else(|| panic!("no part {name}: {system}"))
}

async fn system(server: &Server) -> Value {
    server.get("/api/v1/system").await.is(200).json.clone()
}

#[tokio::test]
async fn disk_and_memory_are_what_the_operating_system_says() {
    let site = Site::new();
    let server = site.start().await;
    let calls: Vec<Value> = (0..400).map(|n| answered(&format!("c{n}"), 45, AT)).collect();
    server.record("acme", &calls).await;
    let (data, mut told) = (site.data(), Value::Null);
    let parts =
        [("log_segments", "journal"), ("index_and_deliveries", "sled"), ("keys", "keys"), ("blobs", "blobs")];
    // The files grow and are renamed beside the look at them: it is asked again until both saw the same.
    let mut agreed = false;
    for _ in 0..100 {
        told = system(&server).await;
        let pages = data.join("blobs/pages").display().to_string();
        agreed = parts.iter().all(|(name, folder)| {
            let (bytes, files) = counted(&data.join(folder), &pages);
            part(&told, name)["bytes"] == bytes && part(&told, name)["files"] == files
        });
        if agreed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(agreed, "not as find counts: {told}");
    let all = told["data_dir"]["parts"].as_array().expect("parts").iter();
    let sum: u64 = all.map(|part| part["bytes"].as_u64().expect("bytes")).sum();
    assert_eq!(told["data_dir"]["bytes"], sum);
    let available = told["disk"]["available_bytes"].as_u64().expect("bytes");
    assert!(available.abs_diff(free(&data)) < 1 << 30, "df says {}: {told}", free(&data));
    let (resident, memory) =
        (told["memory"]["resident_bytes"].as_u64().expect("bytes"), server.memory() << 20);
    assert!(resident.abs_diff(memory) < memory / 4, "/proc says {memory}: {told}");
    let head = server.seen();
    assert_eq!((&told["log"]["position"], &told["log"]["segments"]), (&json!(head), &json!(1)));
    let bytes = part(&told, "log_segments")["bytes"].as_u64().expect("bytes");
    assert_eq!(told["log"]["bytes_per_fact"], (bytes + head / 2) / head);
    // A segment takes its room ahead; a payload over 32 KB is a file of its own.
    let lead = json!({"id": 7, "email": "pat@example.com", "notes": "long ".repeat(20_000)});
    bison::deliver(&server, &bison::sent("EMAIL_SENT", 70, lead, AT)).await.is(200);
    let grown = system(&server).await;
    let blobs = |told: &Value| [part(told, "blobs")["bytes"].as_u64(), part(told, "blobs")["files"].as_u64()];
    let ([Some(before), Some(files)], [Some(after), Some(more)]) = (blobs(&told), blobs(&grown)) else {
        panic!("no numbers: {grown}")
    };
    assert!(after >= before + 100_000 && more == files + 1, "{before} {after} {files} {more}");

    for (role, tenants, status) in [
        ("auditor", &[][..], 200),
        ("operator", &[], 200),
        ("viewer", &["acme"], 404),
        ("operator", &["acme"], 404),
    ] {
        let token = server.token(role, tenants).await;
        server.ask(&token, "GET", "/api/v1/system", Value::Null).await.is(status);
    }
}
