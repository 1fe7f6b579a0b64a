//! Texts in tables that spreadsheets open.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula, in the full width of East Asian keyboards too.
const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The text of a cell. A spreadsheet runs a text that begins like a formula (CSV injection), unless a quote mark stands
/// before it.
pub fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_a_text_and_nothing_else_changes() {
        for text in ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "CA1", "a=1", "１", "（=1）", "–1", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }
}
