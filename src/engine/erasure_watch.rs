//! Copies that are made beside erasures: an erasure enters its register before anything of a person goes, so a copy between
//! two readings of the register that are equal, and have nothing under way, was made before it or after it.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::EngineError;
use super::data_dir::DataDir;
use crate::log::disk::RealDisk;
use crate::log::erasures::ErasureRegister;

/// Copies before it is given up: each had an erasure begin beside it.
const TRIES: usize = 10;
/// How long an erasure is waited for: longer than it waits for its facts to be sealed.
const UNDER_WAY_MAX: Duration = Duration::from_secs(180);
/// Between two looks at the register.
const PAUSE: Duration = Duration::from_millis(50);

/// Makes a copy of the data directory at `root`, and makes it again where somebody was erased meanwhile: what half of a
/// copy may hold, and what is missing in the other half, is not to be kept.
///
/// # Errors
/// [`EngineError::Erasing`]: an erasure was cut off, does not end, or one follows the other. Else those of `copy`.
pub fn apart_from_erasures<T>(
    root: &Path,
    mut copy: impl FnMut() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    for _ in 0..TRIES {
        let before = settled(root)?;
        let made = copy();
        // Also after an error: blobs that are gone with a person look like damage to a copy.
        if register(root)? == before {
            return made;
        }
    }
    let why = format!("persons were erased during each of {TRIES} copies; make it again once that is over");
    Err(EngineError::Erasing(why))
}

/// The register, once nothing in it is under way.
fn settled(root: &Path) -> Result<ErasureRegister, EngineError> {
    let until = Instant::now() + UNDER_WAY_MAX;
    loop {
        let found = register(root)?;
        if found.pending().next().is_none() {
            return Ok(found);
        }
        // Looked at again: it may have ended with the server that carried it out.
        if !DataDir::is_in_use(root) && register(root)? == found {
            let why = "an erasure was cut off, and a part of what is to be gone is still there; start the server, which \
                       carries it out, and make the copy then";
            return Err(EngineError::Erasing(why.into()));
        }
        if Instant::now() > until {
            let why = "an erasure is under way and does not end; make the copy once it is over";
            return Err(EngineError::Erasing(why.into()));
        }
        sleep(PAUSE);
    }
}

fn register(root: &Path) -> Result<ErasureRegister, EngineError> {
    Ok(ErasureRegister::read(&RealDisk::read_only(root))?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(root: &Path, text: &str) {
        let path = root.join("keys/erasures");
        let there = fs::read_to_string(&path).unwrap_or_default();
        fs::create_dir_all(root.join("keys")).expect("a folder");
        fs::write(path, there + text + "\n").expect("written");
    }

    fn begin(root: &Path, id: &str) {
        let begun = r#"{"erasure_id":"ID","tenant":"acme","request":"00","by":"x","bytes":1,"facts":[]}"#;
        line(root, &begun.replace("ID", id));
    }

    fn end(root: &Path, id: &str) {
        line(root, &format!(r#"{{"done":"{id}"}}"#));
    }

    #[test]
    fn a_copy_beside_which_somebody_was_erased_is_made_again_and_its_error_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let mut copies = 0;
        let mut copy = |erases_in: usize| {
            copies += 1;
            if copies <= erases_in {
                begin(root, &copies.to_string());
                end(root, &copies.to_string());
            }
            if copies == 1 { Err(EngineError::Damaged("a blob is missing".into())) } else { Ok(copies) }
        };
        assert_eq!(apart_from_erasures(root, || copy(2)).expect("the third is of one piece"), 3);
        // Null control: without an erasure the first one stands, whatever it says.
        let broken = apart_from_erasures(root, || Err::<(), _>(EngineError::Damaged("x".into())));
        assert!(matches!(broken, Err(EngineError::Damaged(_))));
        let mut n = 10;
        let endless = apart_from_erasures(root, || {
            n += 1;
            begin(root, &n.to_string());
            end(root, &n.to_string());
            Ok(())
        });
        assert!(matches!(endless, Err(EngineError::Erasing(_))));
        assert_eq!(n, 10 + TRIES);
    }

    #[test]
    fn an_erasure_that_is_under_way_is_waited_for_and_one_that_was_cut_off_refuses() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        begin(root, "a");
        let refused = apart_from_erasures(root, || Ok(()));
        assert!(matches!(refused, Err(EngineError::Erasing(why)) if why.contains("cut off")));
        let held = DataDir::take(root).expect("held as by a server");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sleep(Duration::from_millis(200));
                end(root, "a");
            });
            let begun = Instant::now();
            apart_from_erasures(root, || Ok(())).expect("copied");
            assert!(begun.elapsed() >= Duration::from_millis(150), "it waited");
        });
        drop(held);
    }
}
