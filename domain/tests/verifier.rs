//! The golden records hold in the eyes of a verifier that shares no code with us (`fixtures/verify.py`).
//!
//! Needs `python3`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn verify(files: &[PathBuf]) -> Output {
    Command::new("python3").arg(fixtures().join("verify.py")).args(files).output().expect("python3 runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn an_independent_verifier_agrees_with_every_golden_record() {
    let output = verify(&[]);
    assert!(output.status.success(), "{}", text(&output));
    let files = fs::read_dir(fixtures().join("wire")).expect("fixtures/wire").count();
    let lines =
        String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(lines, files, "one line a file");
}

/// Null control: one byte of one digest, of the public part or of the stored form, in a copy.
#[test]
fn a_flipped_byte_fails_the_verifier() {
    let name = "lead_replied.v1.json";
    let fixture = fs::read_to_string(fixtures().join("wire").join(name)).expect("fixture");
    let parsed: serde_json::Value = serde_json::from_str(&fixture).expect("json");
    let folder = std::env::temp_dir().join(format!("factfold-verifier-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("folder");
    let copy = folder.join(name);
    fs::write(&copy, &fixture).expect("copy");
    let untouched = verify(std::slice::from_ref(&copy));
    let mut unseen = Vec::new();
    for (part, hex) in parsed["cases"][0]["golden"].as_object().expect("parts") {
        let hex = hex.as_str().expect("hex");
        let middle = hex.len() / 4 * 2;
        let byte = u8::from_str_radix(&hex[middle..middle + 2], 16).expect("hex") ^ 1;
        let flipped = format!("{}{byte:02x}{}", &hex[..middle], &hex[middle + 2..]);
        fs::write(&copy, fixture.replacen(&format!("\"{hex}\""), &format!("\"{flipped}\""), 1))
            .expect("copy");
        let output = verify(std::slice::from_ref(&copy));
        if output.status.code() != Some(1) || !text(&output).starts_with("BAD ") {
            unseen.push(format!("{part}: {}", text(&output)));
        }
    }
    fs::remove_dir_all(&folder).expect("removed");
    assert!(untouched.status.success(), "{}", text(&untouched));
    assert!(unseen.is_empty(), "{unseen:#?}");
}
