//! Recorded requests: the `.http` files below `fixtures/providers/`.

use std::fs;
use std::path::{Path, PathBuf};

/// One recorded request to `/hooks/{provider}/{endpoint}`.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub path: PathBuf,
    pub method: String,
    /// Path and query, as the request line has them.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without the line end that closes the file.
    pub body: String,
}

/// The folder of a provider, or of what mappings describe.
pub fn folder(provider: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/providers").join(provider)
}

/// Every recorded request of a folder, by name. At least ten: fewer are a walk that went wrong.
pub fn all(provider: &str) -> Vec<Fixture> {
    let entries = fs::read_dir(folder(provider)).unwrap_or_else(|error| panic!("{provider}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    paths.sort();
    assert!(paths.len() >= 10, "{provider} has too few fixtures");
    paths.into_iter().map(Fixture::read).collect()
}

impl Fixture {
    /// Reads one file.
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (head, body) = text.split_once("\n\n").expect("a blank line after the headers");
        let mut lines = head.lines();
        let mut request = lines.next().expect("a request line").split(' ');
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_lowercase(), value.to_owned())
        };
        Self {
            method: request.next().expect("a method").to_owned(),
            target: request.next().expect("a target").to_owned(),
            headers: lines.map(header).collect(),
            body: body.strip_suffix('\n').unwrap_or(body).to_owned(),
            path,
        }
    }

    /// The file's name without its ending.
    pub fn name(&self) -> String {
        self.path.file_stem().expect("a name").to_string_lossy().into_owned()
    }

    /// The target's provider, endpoint and query.
    pub fn hook(&self) -> (&str, &str, &str) {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut parts = path.split('/').skip(2);
        (parts.next().expect("a provider"), parts.next().expect("an endpoint"), query)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}
