//! The golden records hold in the eyes of a verifier that shares no code with us (`fixtures/verify.py`).
//!
//! Needs `python3`; where it cannot be had, `FACTFOLD_SKIP_PYTHON=1` skips these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Runs the verifier; `None` where it is to be skipped.
fn verify(files: &[PathBuf]) -> Option<Output> {
    match Command::new("python3").arg(fixtures().join("verify.py")).args(files).output() {
        Ok(output) => Some(output),
        Err(_) if std::env::var_os("FACTFOLD_SKIP_PYTHON").is_some_and(|on| on == "1") => None,
        Err(error) => panic!("python3 does not run ({error}); FACTFOLD_SKIP_PYTHON=1 skips this test"),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn an_independent_verifier_agrees_with_every_golden_record() {
    let Some(output) = verify(&[]) else { return };
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
        match verify(std::slice::from_ref(&copy)) {
            Some(output) if output.status.code() == Some(1) && text(&output).starts_with("BAD ") => {}
            Some(output) => unseen.push(format!("{part}: {}", text(&output))),
            None => {}
        }
    }
    fs::remove_dir_all(&folder).expect("removed");
    if let Some(output) = untouched {
        assert!(output.status.success(), "{}", text(&output));
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
}
