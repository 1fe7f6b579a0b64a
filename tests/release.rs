//! What people install: its size, and the commit that it names.

use std::fs;
use std::path::Path;

use crate::common::Site;

#[path = "../build.rs"]
#[allow(dead_code, reason = "cargo alone calls its main")]
mod build;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// What of a release profile would bring debug information into the binary.
fn brings_debug_information(manifest: &str) -> bool {
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let release = &manifest["profile"]["release"];
    let strips = release.get("strip").is_some_and(|strip| {
        strip.as_bool() == Some(true)
            || strip.as_str().is_some_and(|what| ["debuginfo", "symbols"].contains(&what))
    });
    !strips
}

#[test]
fn the_release_binary_holds_no_debug_information() {
    let manifest = include_str!("../Cargo.toml");
    assert!(!brings_debug_information(manifest), "149 MB of which 36 are the program");
    let without = manifest.replace("strip = \"symbols\"", "");
    assert!(brings_debug_information(&without), "the test sees it");
}

fn written(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

#[test]
fn the_commit_is_the_head_of_the_sources_own_repository_however_it_is_kept() {
    let line = format!("{ID}\n");
    let packed = format!("# pack-refs with: peeled\n{OTHER} refs/heads/old-main\n{ID} refs/heads/main\n");
    let vcs = format!("{{\"git\": {{\"sha1\": \"{ID}\"}}, \"path_in_vcs\": \"\"}}");
    let head = (".git/HEAD", "ref: refs/heads/main\n");
    let worktree = [
        (".git", "gitdir: repository/worktrees/one\n"),
        ("repository/worktrees/one/HEAD", "ref: refs/heads/topic\n"),
        ("repository/worktrees/one/commondir", "../..\n"),
        ("repository/refs/heads/topic", line.as_str()),
        ("repository/refs/heads/main", OTHER),
    ];
    for (files, expected) in [
        (&[head, (".git/refs/heads/main", &line)][..], Some(ID)),
        (&[head, (".git/packed-refs", &packed)], Some(ID)),
        (&[(".git/HEAD", &line)], Some(ID)),
        (&worktree, Some(ID)),
        (&[(".cargo_vcs_info.json", &vcs), (".git/HEAD", OTHER)], Some(ID)),
        (&[], None),
        (&[head], None),
        (&[(".git/HEAD", "garbage")], None),
        (&[head, (".git/refs/heads/main", "0123")], None),
    ] {
        let dir = tempfile::tempdir().expect("directory");
        // The repository of another project, in which a package is unpacked.
        written(dir.path(), &[(".git/HEAD", OTHER)]);
        let root = dir.path().join("inner");
        fs::create_dir(&root).expect("made");
        written(&root, files);
        let found = build::commit(&root);
        assert_eq!(found.as_ref().map(|(id, _)| id.as_str()), expected, "{files:?}");
        let watched = found.into_iter().flat_map(|(_, watched)| watched);
        watched.for_each(|path| assert!(path.is_file(), "cargo would build anew each time: {path:?}"));
    }
}

#[tokio::test]
async fn the_version_names_a_commit_or_says_that_it_is_unknown() {
    let server = Site::new().start().await;
    let version = server.send(server.request("GET", "/version")).await;
    let commit = version.is(200).json["commit"].as_str().unwrap_or_default().to_owned();
    let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown", "{commit}");
}
