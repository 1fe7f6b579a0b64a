//! Query strings: every parameter is known, given once and well-formed, or the answer is 400 and names it.

use std::collections::BTreeMap;

use domain::members::{Day, Month};
use projections::store::Cursor;

use super::problem::Problem;

/// The parameters of a request.
#[derive(Debug)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a raw query; only the parameters in `known` may be given.
    pub fn new(raw: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let detail = format!("no parameter {name:?} here; there are: {}", known.join(", "));
                return Err(Problem::bad_request("unknown_parameter", detail));
            }
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                let detail = format!("parameter {name:?} is given twice");
                return Err(Problem::bad_request("repeated_parameter", detail));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter's text; blank is absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    fn parsed<T>(
        &self,
        name: &str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => match parse(text.trim()) {
                Some(value) => Ok(Some(value)),
                None => Err(Problem::bad_request("bad_parameter", format!("parameter {name:?} {rule}"))),
            },
        }
    }

    /// A month.
    pub fn month(&self, name: &str) -> Result<Option<Month>, Problem> {
        self.parsed(name, "must be a month such as 2025-10", Month::parse)
    }

    /// A day.
    pub fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, "must be a date such as 2025-10-09", Day::parse)
    }

    /// A position of the log.
    pub fn position(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.parsed(name, "must be a position: a whole number from 0", |text| text.parse().ok())
    }

    /// One of a closed set of words.
    pub fn word<T>(
        &self,
        name: &str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.parsed(name, rule, parse)
    }

    /// Where a list of rows goes on.
    pub fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        let read = self.text("cursor").map(str::parse).transpose();
        read.map_err(|_| Problem::bad_request("bad_cursor", "the cursor is not one that this list gave"))
    }

    /// How many items a page has: 50 unless told, at most 500.
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.parsed("limit", "must be from 1 to 500", |text| {
            text.parse().ok().filter(|limit| (1..=500).contains(limit))
        })?;
        Ok(limit.unwrap_or(50))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_repeated_parameters_are_named() {
        let told = |raw| format!("{:?}", Query::new(Some(raw), &["month", "limit"]).expect_err("refused"));
        assert!(told("mnth=2025-10").contains("mnth"));
        assert!(told("limit=1&limit=2").contains("given twice"));
    }

    #[test]
    fn limits_are_bounded() {
        let limit = |raw| Query::new(Some(raw), &["limit"]).and_then(|query| query.limit()).ok();
        assert_eq!(
            [limit(""), limit("limit=500"), limit("limit=501"), limit("limit=0"), limit("limit=x")],
            [Some(50), Some(500), None, None, None]
        );
    }
}
