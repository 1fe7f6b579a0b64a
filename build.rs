//! The commit that a release is made of, for `/version`: `FACTFOLD_COMMIT` where it is set, else what cargo wrote into
//! a package, else the head of the repository. A debug build says `unknown`, so that a commit compiles nothing anew.
#![allow(clippy::print_stdout, reason = "cargo reads a build script's stdout")]

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FACTFOLD_COMMIT");
    let given = env::var("FACTFOLD_COMMIT").ok().filter(|given| is_commit(given));
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let root = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let found = given.map(|commit| (commit, Vec::new())).or_else(|| is_release.then(|| commit(&root))?);
    let (commit, files) = found.unwrap_or_else(|| ("unknown".to_owned(), Vec::new()));
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    println!("cargo::rustc-env=FACTFOLD_COMMIT={commit}");
}

/// The commit of the sources below `root`, and the files that say so.
pub fn commit(root: &Path) -> Option<(String, Vec<PathBuf>)> {
    let packaged = root.join(".cargo_vcs_info.json");
    if let Ok(text) = fs::read_to_string(&packaged) {
        let id = text.split('"').find(|part| is_commit(part))?.to_owned();
        return Some((id, vec![packaged]));
    }
    let git = git_dir(root)?;
    let head = git.join("HEAD");
    let text = fs::read_to_string(&head).ok()?;
    let Some(branch) = text.trim().strip_prefix("ref: ") else {
        let id = text.trim().to_owned();
        return is_commit(&id).then_some((id, vec![head]));
    };
    // The branches of a worktree are those of its repository.
    let common = fs::read_to_string(git.join("commondir")).map_or(git.clone(), |path| git.join(path.trim()));
    let loose = common.join(branch);
    if let Ok(id) = fs::read_to_string(&loose) {
        let id = id.trim().to_owned();
        return is_commit(&id).then_some((id, vec![head, loose]));
    }
    let packed = common.join("packed-refs");
    let text = fs::read_to_string(&packed).ok()?;
    let line = text.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' '))?;
    is_commit(line).then(|| (line.to_owned(), vec![head, packed]))
}

/// The repository of `root` itself: one further up is another project's.
fn git_dir(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(git).ok()?;
    Some(root.join(text.trim().strip_prefix("gitdir: ")?))
}

fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
