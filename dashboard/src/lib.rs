//! The pages for people: the files that the build script made of `web/`, found by their path.
//!
//! Every text file is kept three times, as it is and compressed by Brotli and gzip, so that serving compresses nothing.
//! Files below `assets/` have a digest of their content in their name and never change.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

/// What the build script left.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/ui"]
struct Files;

/// The page that every path of the application begins with.
const INDEX: &str = "index.html";
/// Where files lie whose names change with their content.
const HASHED: &str = "assets/";
/// Encodings by preference: the ending of the compressed file, and its name in HTTP.
const ENCODINGS: [(&str, &str); 2] = [(".br", "br"), (".gz", "gzip")];

/// A file in the representation that a client takes.
#[derive(Debug)]
pub struct PageFile {
    /// The bytes to send.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub media: &'static str,
    /// The value of `Content-Encoding`, where the bytes are compressed.
    pub encoding: Option<&'static str>,
    /// The value of `ETag`: a digest of the bytes.
    pub etag: String,
    /// Whether the name changes with the content, so that it may be kept for ever.
    pub is_immutable: bool,
}

/// The file at `path` of the site, such as `/assets/main-4f2a.js`; none where there is no such file, and none for the
/// index, which has no path of its own. `accepts` says whether the client takes an encoding.
pub fn file(path: &str, accepts: impl Fn(&str) -> bool) -> Option<PageFile> {
    let name = path.strip_prefix('/')?;
    let is_compressed = ENCODINGS.iter().any(|(ending, _)| name.ends_with(ending));
    if name == INDEX || is_compressed {
        return None;
    }
    found(name, accepts)
}

/// The index, which is the answer to every path of the application.
pub fn index(accepts: impl Fn(&str) -> bool) -> Option<PageFile> {
    found(INDEX, accepts)
}

fn found(name: &str, accepts: impl Fn(&str) -> bool) -> Option<PageFile> {
    let compressed = ENCODINGS.iter().filter(|(_, encoding)| accepts(encoding));
    let mut compressed = compressed
        .filter_map(|(ending, encoding)| Some((Files::get(&format!("{name}{ending}"))?, *encoding)));
    let (file, encoding) = match compressed.next() {
        Some((file, encoding)) => (file, Some(encoding)),
        None => (Files::get(name)?, None),
    };
    let etag = etag(&file);
    Some(PageFile {
        bytes: file.data,
        media: media(name),
        encoding,
        etag,
        is_immutable: name.starts_with(HASHED),
    })
}

fn etag(file: &EmbeddedFile) -> String {
    let digest = file.metadata.sha256_hash();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// The media type of a file by its ending.
fn media(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_there_whatever_was_built() {
        let plain = index(|_| false).expect("an index");
        assert_eq!((plain.media, plain.encoding), ("text/html; charset=utf-8", None));
        assert!(plain.bytes.starts_with(b"<!doctype html>"));
        assert!(!plain.is_immutable && plain.etag.len() == 34, "{}", plain.etag);
    }

    #[test]
    fn only_files_have_a_path() {
        for none in ["", "/", "/index.html", "/index.html.gz", "/gone.js", "index.html", "/../Cargo.toml"] {
            assert!(file(none, |_| true).is_none(), "{none}");
        }
    }
}
