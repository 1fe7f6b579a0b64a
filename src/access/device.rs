//! Devices that somebody has logged in on before: a cookie says so, signed by the log's secret.
//!
//! A stranger who floods logins has none, so that whoever has one is heard before, and is not concerned by what others
//! tried at his address or with his name.

use domain::keys::{LogSecret, TenantId};
use domain::members::{Email, Instant};
use subtle::ConstantTimeEq;

use super::AccessError;

/// A device is known for this long, seconds: a year.
pub const DEVICE_SECONDS: u32 = 365 * 24 * 3_600;

/// What failures of a device are counted by.
pub type DeviceId = [u8; 16];

/// The cookie of a device that `email` logs in on at `now`: `<id>.<seconds since 1970>.<signature>`.
pub fn cookie(secret: &LogSecret, email: &Email, now: Instant) -> Result<String, AccessError> {
    let mut id = DeviceId::default();
    getrandom::fill(&mut id)?;
    let since = now.0.div_euclid(1_000_000).to_string();
    let signed = signature(secret, email, &id, &since);
    Ok(format!("{}.{since}.{}", hex::encode(id), hex::encode(signed)))
}

/// The device of a cookie, where `email` has logged in on it within the last year.
pub fn known(secret: &LogSecret, email: &Email, cookie: &str, now: Instant) -> Option<DeviceId> {
    let mut parts = cookie.split('.');
    let (id, since, signed) = (parts.next()?, parts.next()?, parts.next()?);
    let mut device = DeviceId::default();
    hex::decode_to_slice(id, &mut device).ok()?;
    let mut given = [0; 32];
    hex::decode_to_slice(signed, &mut given).ok()?;
    let is_signed: bool = signature(secret, email, &device, since).ct_eq(&given).into();
    let age = now.0.div_euclid(1_000_000).checked_sub(since.parse().ok()?)?;
    (is_signed && age < i64::from(DEVICE_SECONDS)).then_some(device)
}

fn signature(secret: &LogSecret, email: &Email, id: &DeviceId, since: &str) -> [u8; 32] {
    let person = secret.person(TenantId::CONTROL, email.as_str());
    secret.reference("device", &[&person, id, since.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_for_its_own_person_and_for_a_year() {
        let (secret, other) = (LogSecret::new(&[7; 32]), LogSecret::new(&[8; 32]));
        let [ann, bob] =
            ["ann@example.com", "bob@example.com"].map(|email| Email::new(email).expect("email"));
        let now = Instant(1_700_000_000_000_000);
        let made = cookie(&secret, &ann, now).expect("random");
        assert!(known(&secret, &ann, &made, now).is_some());
        assert_eq!(known(&secret, &bob, &made, now), None);
        assert_eq!(known(&other, &ann, &made, now), None);
        let year = i64::from(DEVICE_SECONDS) * 1_000_000;
        assert!(known(&secret, &ann, &made, Instant(now.0 + year - 1)).is_some());
        assert_eq!(known(&secret, &ann, &made, Instant(now.0 + year)), None);
        let later = made.replace(".1700000000.", ".1800000000.");
        assert_eq!(known(&secret, &ann, &later, now), None, "the time is signed");
        for broken in ["", ".", "..", "x.1.y", &made[1..], &made[..made.len() - 2]] {
            assert_eq!(known(&secret, &ann, broken, now), None, "{broken}");
        }
    }
}
