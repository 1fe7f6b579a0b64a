//! Opaque cursors: what they hold is nobody's business but the list's that made them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The text of a cursor.
pub fn write<T: Serialize>(list: &str, at: &T) -> Result<String, Problem> {
    let json = serde_json::to_vec(&(list, at)).map_err(|error| Problem::internal(&error))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// What a cursor of `list` holds; 400 for any other text.
pub fn read<T: DeserializeOwned>(list: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read =
        URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice::<(String, T)>(&json).ok());
    match read {
        Some((of, at)) if of == list => Ok(Some(at)),
        Some(_) | None => {
            Err(Problem::bad_request("bad_cursor", "the cursor is not one that this list gave"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        let text = write("calls", &(7_u64, "CA1")).expect("writes");
        assert_eq!(read::<(u64, String)>("calls", Some(&text)).expect("reads"), Some((7, "CA1".into())));
        assert!(read::<(u64, String)>("facts", Some(&text)).is_err());
        assert!(read::<(u64, String)>("calls", Some("!!")).is_err());
        assert!(read::<(u64, String)>("calls", Some("eyJ4Ijox")).is_err());
    }
}
