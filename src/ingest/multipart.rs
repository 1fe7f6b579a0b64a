//! Forms in parts (`multipart/form-data`, RFC 7578), as senders of mail events post them.

use std::io::Cursor;

use domain::json::without_byte_order_mark;
use multer::Multipart;
use multer::bytes::Bytes;

/// The longest line that is a boundary: two hyphens, and 70 characters at most (RFC 2046, section 5.1.1).
const BOUNDARY_LINE_MAX: usize = 72;

/// A part as a field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name.
    pub name: Vec<u8>,
    /// Its content; of a file that is no JSON its name.
    pub value: Vec<u8>,
}

/// The boundary that a body begins with, where its second line is a header of a part or its media type `says` that it is
/// in parts.
pub(super) fn boundary(body: &[u8], says: impl FnOnce() -> bool) -> Option<&str> {
    let body = without_byte_order_mark(body).trim_ascii_start();
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (body[..end].trim_ascii_end(), body[end + 1..].trim_ascii_start());
    let boundary = str::from_utf8(line.strip_prefix(b"--")?).ok()?;
    let has_header = || rest.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    let fits = !boundary.is_empty() && line.len() <= BOUNDARY_LINE_MAX;
    (fits && (has_header() || says())).then_some(boundary)
}

/// The parts that have a name. Nothing here waits: the body is in memory.
///
/// # Errors
/// Why the body is no such form.
pub(super) fn parts(body: &[u8], boundary: &str) -> Result<Vec<Part>, String> {
    let body = Bytes::copy_from_slice(without_byte_order_mark(body).trim_ascii_start());
    pollster::block_on(async {
        let mut form = Multipart::with_reader(Cursor::new(body), boundary);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await? {
            let Some(name) = field.name().map(str::to_owned) else { continue };
            let is_json = field.content_type().is_some_and(|media| media.subtype() == "json");
            let file = field.file_name().filter(|_| !is_json).map(str::to_owned);
            let value = match file {
                Some(file) => file,
                None => field.text().await?,
            };
            parts.push(Part { name: name.into_bytes(), value: value.into_bytes() });
        }
        Ok(parts)
    })
    .map_err(|error: multer::Error| format!("the form in parts is broken: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Result<Vec<(String, String)>, String>> {
        let boundary = boundary(body.as_bytes(), || false)?;
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Some(
            parts(body.as_bytes(), boundary)
                .map(|parts| parts.into_iter().map(|part| (text(part.name), text(part.value))).collect()),
        )
    }

    #[test]
    fn fields_are_their_contents_and_files_their_names() {
        let form = "\r\n--a b\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\nPat\r\n--x\r\n\
            --a b\r\ncontent-disposition: form-data; name=\"attachment1\"; filename=\"a.pdf\"\r\n\
            Content-Type: application/pdf\r\n\r\n%PDF\r\n\
            --a b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"blob\"\r\n\
            Content-Type: application/json\r\n\r\n{\"a\": 1}\r\n\
            --a b\r\nContent-Disposition: form-data; name=\"city\"\r\n\
            Content-Type: text/plain; charset=ISO-8859-1\r\n\r\nS\u{e3}o\r\n\
            --a b\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--a b--\r\n";
        let fields = read(form).expect("a boundary").expect("whole");
        let named: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(named[..3], [("from", "Pat\r\n--x"), ("attachment1", "a.pdf"), ("data", "{\"a\": 1}")]);
        assert_eq!((named[3].0, named.len()), ("city", 4));
    }

    #[test]
    fn what_ends_too_early_is_broken_and_what_begins_otherwise_is_no_form_in_parts() {
        let whole = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n";
        assert!(read(whole).is_some_and(|read| read.is_ok()));
        for length in 44..whole.len() - 4 {
            let told = read(&whole[..length]).expect("a boundary").expect_err("broken");
            assert!(told.starts_with("the form in parts is broken"), "{length}: {told}");
        }
        for other in ["", "--", "--\r\nContent-Disposition: x", "a=--b", "{\"a\": \"--b\"}", "--b\r\nx=1"] {
            assert_eq!(read(other), None, "{other:?}");
        }
        assert_eq!(boundary(b"--b\r\nx=1", || true), Some("b"), "where the media type says so");
    }
}
