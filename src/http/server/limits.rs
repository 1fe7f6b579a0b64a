//! Rate limits by caller, and by address for failed authentications, so that one flood does not slow everybody.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::client_address::ClientNetwork;
use crate::http::api::problem::Problem;

/// Most failed authentications of an address per minute, and at once.
const FAILURES_A_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Most addresses in memory; further ones are not counted.
const ADDRESSES_MAX: usize = 100_000;
/// Interval of [`RateLimits::forget`].
pub const FORGET_EVERY: Duration = Duration::from_secs(60);

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

type CallerLimiter = RateLimiter<
    Box<str>,
    governor::state::keyed::DefaultKeyedStateStore<Box<str>>,
    DefaultClock,
    StateInformationMiddleware,
>;

/// The limits, with what each caller and address has used of them.
pub struct RateLimits {
    callers: CallerLimiter,
    failures: DefaultKeyedRateLimiter<IpAddr>,
    burst: NonZeroU32,
    clock: DefaultClock,
}

/// What is left of a caller's limit, for the `RateLimit-*` headers.
#[derive(Debug, Clone, Copy)]
pub struct RemainingQuota {
    burst: NonZeroU32,
    remaining: u32,
}

impl RateLimits {
    /// Limits of `per_second` requests per caller on average, `burst` at once.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            callers: RateLimiter::keyed(quota).with_middleware(),
            failures: RateLimiter::keyed(Quota::per_minute(FAILURES_A_MINUTE)),
            burst,
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a caller; 429 over the limit.
    pub fn count(&self, caller: &str) -> Result<RemainingQuota, Problem> {
        match self.callers.check_key(&caller.into()) {
            Ok(state) => {
                Ok(RemainingQuota { burst: self.burst, remaining: state.remaining_burst_capacity() })
            }
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                Err(too_many("too many requests with this token or login", wait))
            }
        }
    }

    /// Counts a request with an unknown credential; 429 where its network sent too many.
    pub fn count_failure(&self, ClientNetwork(network): ClientNetwork) -> Result<(), Problem> {
        if self.failures.len() >= ADDRESSES_MAX {
            return Ok(());
        }
        self.failures.check_key(&network).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            too_many("too many unknown credentials from this address", wait)
        })
    }

    /// Drops callers and addresses whose allowance is full again.
    pub fn forget(&self) {
        self.callers.retain_recent();
        self.failures.retain_recent();
    }
}

fn too_many(detail: &str, wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(seconds)
}

impl RemainingQuota {
    /// Adds the `RateLimit-*` headers.
    pub fn write_headers(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(LIMIT, HeaderValue::from(self.burst.get()));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from_static("1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not zero")
    }

    #[test]
    fn g19_a_caller_that_floods_is_told_to_wait_and_another_is_not() {
        let limits = RateLimits::new(number(1), number(3));
        let told: Vec<bool> = (0..4).map(|_| limits.count("loud").is_ok()).collect();
        assert_eq!(told, [true, true, true, false]);
        assert!(limits.count("quiet").is_ok());
    }

    #[test]
    fn failures_are_counted_by_network() {
        let limits = RateLimits::new(number(1), number(1));
        let from = |text: &str| limits.count_failure(ClientNetwork(text.parse().expect("address"))).is_ok();
        assert!((0..FAILURES_A_MINUTE.get()).all(|_| from("192.0.2.1")));
        assert!(!from("192.0.2.1"));
        assert!(from("192.0.2.2"));
    }
}
