//! Rates: exact integers in, at most two decimals out, `null` over nothing (R10, RULINGS).

/// `part / whole × 100` in hundredths of a percent, half away from zero; `None` when `whole` is 0.
pub fn percent_hundredths(part: i64, whole: i64) -> Option<i64> {
    ratio_rounded(i128::from(part) * 10_000, i128::from(whole))
}

/// `part / whole` rounded half away from zero to an integer; `None` when `whole` is 0.
pub fn ratio_rounded(part: i128, whole: i128) -> Option<i64> {
    if whole == 0 {
        return None;
    }
    let (part, whole) = if whole < 0 { (-part, -whole) } else { (part, whole) };
    let twice = 2 * part.abs() + whole;
    let rounded = (twice / (2 * whole)) * part.signum();
    i64::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_halves_when_rounded_then_away_from_zero() {
        assert_eq!(percent_hundredths(1, 3), Some(3_333));
        assert_eq!(percent_hundredths(2, 3), Some(6_667));
        assert_eq!(percent_hundredths(1, 80_000), Some(0));
        assert_eq!(percent_hundredths(1, 20_000), Some(1), "0.005 % is 0.01");
        assert_eq!(percent_hundredths(-1, 20_000), Some(-1));
        assert_eq!(ratio_rounded(50_000, 11), Some(4_545));
    }

    #[test]
    fn given_no_denominator_when_divided_then_null() {
        assert_eq!(percent_hundredths(0, 0), None);
        assert_eq!(percent_hundredths(5, 0), None);
    }
}
