//! What is refused of a query, and how it is told.

use super::*;

parameters! {
    /// For the tests.
    Few {
        /// How many.
        limit: Limit,
        /// A position.
        position: u64,
        /// Which calls.
        status: Verdict,
    }
}

fn few(raw: &str) -> Result<Few, Problem> {
    Few::read(&Query::new(Some(raw), &[Few::KNOWN])?)
}

#[test]
fn unknown_and_repeated_parameters_are_named() {
    let told = |raw| format!("{:?}", few(raw).expect_err("refused"));
    assert!(told("limt=10").contains("limt") && told("limit=1&limit=2").contains("given twice"));
    assert!(told("status=good").contains("one of qualified unqualified"));
    let all = told("limt=1&position=x&limit=0&stats=a&limit=7");
    for one in [
        "limt\\\"; did you mean limit? (this route has: limit, position, status)",
        "position",
        "from 1 to 500",
    ] {
        assert!(all.contains(one), "{one} is missing: {all}");
    }
    assert!(all.contains("stats\\\"; did you mean status?; parameter") && all.contains("twice"), "{all}");
    assert_eq!(few("status=Qualified").expect("reads").status, Some(Verdict::Qualified));
}

#[test]
fn limits_and_positions_are_bounded() {
    let limit = |raw| few(raw).ok().map(|few| few.limit.unwrap_or_default().0);
    assert_eq!(
        ["", "limit=500", "limit=501", "limit=0", "limit=x"].map(limit),
        [Some(50), Some(500), None, None, None]
    );
    let position = |raw| few(raw).ok().and_then(|few| few.position);
    assert_eq!(
        ["position=7", "position=%2B7", "position=-7", "position=18446744073709551616"].map(position),
        [Some(7), None, None, None]
    );
}

#[test]
fn what_is_described_is_what_is_read() {
    let described = Few::describe().into_iter().map(|parameter| parameter.name);
    assert!(described.eq(Few::KNOWN.iter().map(|known| known.name.to_owned())));
}
