//! Builds the pages: `npm ci` and Vite in `web/`, into `$OUT_DIR/ui`, which the crate embeds.
//!
//! `FACTFOLD_UI` says how: `auto` (the default) builds them where Node and npm can, and else writes one page that says
//! what is missing; `require` fails then; `skip` writes that page at once; `dir:/path` takes files built elsewhere.
#![allow(clippy::print_stdout, reason = "cargo reads a build script's stdout")]

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

/// What the pages are made of. Never `web` itself: `node_modules` lies there.
const SOURCES: [&str; 7] =
    ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"];
/// The oldest Node that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);
/// The page that stands in for the pages, and the place in it for the reason.
const FALLBACK: (&str, &str) = ("fallback/index.html", "@reason@");

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (web, ui) = (root.join("web"), out.join("ui"));
    println!("cargo::rerun-if-env-changed=FACTFOLD_UI");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", FALLBACK.0);
    for source in SOURCES {
        println!("cargo::rerun-if-changed=web/{source}");
    }
    let how = env::var("FACTFOLD_UI").unwrap_or_default();
    match how.as_str() {
        "require" => build(&web, &ui),
        "skip" => fall_back(&root, &ui, "FACTFOLD_UI=skip"),
        "" | "auto" => {
            let Err(reason) = build(&web, &ui) else { return Ok(()) };
            let reason = reason.to_string();
            println!("cargo::warning=built without pages: {}", reason.lines().next().unwrap_or_default());
            // A file that is never there makes the next build try again.
            println!("cargo::rerun-if-changed={}", out.join("never").display());
            fall_back(&root, &ui, &reason)
        }
        other => match other.strip_prefix("dir:") {
            Some(dir) => {
                println!("cargo::rerun-if-changed={dir}");
                take(Path::new(dir), &ui)
            }
            None => Err(format!("FACTFOLD_UI is auto, require, skip or dir:/path, not {other:?}").into()),
        },
    }
}

/// Installs what `package-lock.json` names, where it is not there yet, and runs Vite.
fn build(web: &Path, ui: &Path) -> Outcome<()> {
    let node = node_version()?;
    // Cargo, clippy and an editor may build at once; `npm ci` begins by deleting `node_modules`.
    let lock = File::create(web.join(".build.lock"))?;
    lock.lock()?;
    let stamp = format!("node {}\n{}", node.0, fs::read_to_string(web.join("package-lock.json"))?);
    let stamped = web.join("node_modules/.factfold-stamp");
    if fs::read_to_string(&stamped).ok().as_ref() != Some(&stamp) {
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=1",
        ]);
        run(npm.current_dir(web), "npm ci")?;
        fs::write(&stamped, &stamp)?;
    }
    let mut vite = Command::new("node");
    vite.arg("node_modules/vite/bin/vite.js").args(["build", "--emptyOutDir", "--logLevel", "warn"]);
    run(vite.arg("--outDir").arg(ui).current_dir(web), "vite build")
}

/// Node's version, where it is new enough.
fn node_version() -> Outcome<(u32, u32)> {
    let output =
        Command::new("node").arg("--version").output().map_err(|error| format!("no Node: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut parts = text.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if (major, minor) >= NODE_MIN => Ok((major, minor)),
        _ => {
            Err(format!("Node {}.{} or newer is needed, and this is {text:?}", NODE_MIN.0, NODE_MIN.1).into())
        }
    }
}

/// Runs a command; its output is the error where it fails.
fn run(command: &mut Command, name: &str) -> Outcome<()> {
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(format!("{name} failed, {}\n{}", output.status, String::from_utf8_lossy(&said).trim()).into())
}

/// Writes the page that says why there are none.
fn fall_back(root: &Path, ui: &Path, reason: &str) -> Outcome<()> {
    empty(ui)?;
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;");
    let page = fs::read_to_string(root.join(FALLBACK.0))?.replace(FALLBACK.1, &reason);
    Ok(fs::write(ui.join("index.html"), page)?)
}

/// Takes pages that were built elsewhere.
fn take(from: &Path, ui: &Path) -> Outcome<()> {
    if !from.join("index.html").is_file() {
        return Err(format!("FACTFOLD_UI=dir:{} has no index.html", from.display()).into());
    }
    empty(ui)?;
    Ok(copy(from, ui)?)
}

fn empty(ui: &Path) -> io::Result<()> {
    match fs::remove_dir_all(ui) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(ui),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
