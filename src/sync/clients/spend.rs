//! Ad spend of one account by day, from whatever platform (A6).
//!
//! A run asks for the days of the current month up to today, in the account's own zone; in the first seven days of a month
//! for those of the month before, too, which platforms correct. A day within an answer that came whole and has no row was
//! observed to have cost nothing: platforms leave such days out. Only amounts that changed become facts.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::members::{Currency, Day, Month};
use domain::rules::calendar::ZoneName;
use domain::rules::minor_units::minor_units;
use serde_json::json;

use crate::sync::error::SyncError;
use crate::sync::run::SyncRun;
use crate::sync::source::SourceName;

/// Days of a new month on which the month before is read again.
const CLOSED_DAYS_READ: i32 = 7;

/// An ad account, as the platform describes it.
#[derive(Debug, Clone)]
pub struct AdAccount {
    /// The platform.
    pub source: SourceName,
    /// Its id of the account, digits.
    pub id: String,
    /// Of its amounts.
    pub currency: Currency,
    /// Of its days.
    pub zone: ZoneName,
}

impl AdAccount {
    /// Of currency and zone as the platform writes them.
    ///
    /// # Errors
    /// Either is none.
    pub fn described(
        source: SourceName,
        id: &str,
        currency: Option<&str>,
        zone: Option<&str>,
    ) -> Result<Self, SyncError> {
        let currency = currency.and_then(Currency::parse);
        let zone = zone.and_then(ZoneName::parse);
        Ok(Self {
            source,
            id: id.to_owned(),
            currency: currency.ok_or_else(|| SyncError::unexpected("the account has no currency code"))?,
            zone: zone.ok_or_else(|| SyncError::unexpected("the account has no time zone"))?,
        })
    }

    /// First and last day that the run asks for; none of a backfill that lies ahead.
    pub fn asked_days(&self, run: &SyncRun) -> Option<(Day, Day)> {
        asked_days(self.zone.day(run.started_at()), run.days())
    }

    /// Holds back what the days from `from` to `to` were observed to have cost, where that is not known. `spent` is what
    /// the platform said, in minor units; it said nothing of the other days.
    ///
    /// # Errors
    /// It spoke of a day that it was not asked for; what is known cannot be read.
    pub async fn hold(
        &self,
        run: &SyncRun,
        (from, to): (Day, Day),
        spent: &BTreeMap<Day, i64>,
    ) -> Result<(), SyncError> {
        if let Some(day) = spent.keys().find(|day| !(from..=to).contains(*day)) {
            return Err(SyncError::Unexpected(format!(
                "spend of {day}, which is not between {from} and {to}"
            )));
        }
        let view = run.view().await?;
        let rows = view.with(|tenant, _| tenant.spend.rows.clone());
        let source = self.source.as_str();
        let known = rows.known_days((source, &self.id), from, to);
        let mut facts = Vec::new();
        for day in (from.0..=to.0).map(Day) {
            let minor = spent.get(&day).copied().unwrap_or(0);
            if known.get(&day) == Some(&(self.currency, minor)) {
                continue;
            }
            let key = format!("{}/{day}@{}", self.id, run.started_at());
            let body = json!({
                "source": source, "account_id": self.id, "date": day.to_string(), "amount_minor": minor,
                "currency": self.currency.to_string(),
            });
            facts.push(run.fact((source, &key), run.started_at(), "ad_spend_observed", body)?);
        }
        run.hold(facts, Bytes::new());
        Ok(())
    }

    /// A plain decimal such as `5339.5` in minor units, exactly; further digits are rounded, half away from zero.
    pub fn minor(&self, amount: &str) -> Option<i64> {
        let digits = amount.strip_prefix('-').unwrap_or(amount);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(whole) && is_number(fraction)).then(|| minor_units(amount, self.currency))?
    }

    /// Millionths of the currency's unit in minor units, likewise.
    pub fn minor_of_micros(&self, micros: i64) -> Option<i64> {
        let sign = if micros < 0 { "-" } else { "" };
        let (whole, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
        self.minor(&format!("{sign}{whole}.{fraction:06}"))
    }
}

fn asked_days(today: Day, backfill: Option<(Day, Day)>) -> Option<(Day, Day)> {
    if let Some((from, to)) = backfill {
        return (from <= today).then_some((from, to.min(today)));
    }
    let month = today.month();
    let is_restated = today.0 - month.first().0 < CLOSED_DAYS_READ;
    let from = if is_restated { Month(month.0 - 1).first() } else { month.first() };
    Some((from, today))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(currency: &str) -> AdAccount {
        AdAccount::described(SourceName::Meta, "1", Some(currency), Some("America/New_York"))
            .expect("an account")
    }

    #[test]
    fn the_month_is_asked_for_up_to_today_and_the_one_before_for_seven_days_more() {
        let day = |text: &str| Day::parse(text).expect("a day");
        for (today, from) in [
            ("2026-03-31", "2026-03-01"),
            ("2026-04-01", "2026-03-01"),
            ("2026-04-07", "2026-03-01"),
            ("2026-04-08", "2026-04-01"),
            ("2026-01-03", "2025-12-01"),
            ("2028-02-29", "2028-02-01"),
        ] {
            assert_eq!(asked_days(day(today), None), Some((day(from), day(today))), "{today}");
        }
        let backfill = |from, to| asked_days(day("2026-04-10"), Some((day(from), day(to))));
        assert_eq!(backfill("2025-01-01", "2025-01-31"), Some((day("2025-01-01"), day("2025-01-31"))));
        assert_eq!(backfill("2026-04-09", "2026-04-30"), Some((day("2026-04-09"), day("2026-04-10"))));
        assert_eq!(backfill("2026-04-11", "2026-04-30"), None);
    }

    #[test]
    fn amounts_are_exact_in_every_currency_and_what_is_no_plain_decimal_is_none() {
        for (currency, micros, minor) in [
            ("USD", 2_500_000_000, 250_000),
            ("USD", 1, 0),
            ("USD", 4_999, 0),
            ("USD", 5_000, 1),
            ("USD", -5_000, -1),
            ("JPY", 1_499_999, 1),
            ("JPY", 1_500_000, 2),
            ("KWD", 1_234_500, 1_235),
            ("USD", 9_007_199_254_740_993, 900_719_925_474),
        ] {
            assert_eq!(account(currency).minor_of_micros(micros), Some(minor), "{micros} {currency}");
        }
        for (text, minor) in [("5339.5", 533_950), ("0", 0), ("0.005", 1), ("12", 1_200), ("-1.10", -110)] {
            assert_eq!(account("USD").minor(text), Some(minor), "{text}");
        }
        for text in ["", ".", "1.", ".5", "1,234.50", "$5", "1e3", "NaN", "1.2.3", "--1"] {
            assert_eq!(account("USD").minor(text), None, "{text}");
        }
    }
}
