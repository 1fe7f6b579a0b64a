//! Rate limits by caller, and by address for failed authentications, so that one flood does not slow everybody.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

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

/// So many a second on average, and so many at once.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// On average.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

impl Allowance {
    /// As many as can be said.
    pub const UNLIMITED: Self = Self { per_second: NonZeroU32::MAX, burst: NonZeroU32::MAX };

    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

/// What each caller and each endpoint may bring.
#[derive(Debug, Clone, Copy)]
pub struct Allowances {
    /// Requests of one caller.
    pub requests: Allowance,
    /// Deliveries of one endpoint that is proven by its id alone.
    pub deliveries: Allowance,
    /// KiB of them.
    pub delivered_kib: Allowance,
}

/// The limits, with what each caller, endpoint and address has used of them.
pub struct RateLimits {
    callers: CallerLimiter,
    deliveries: DefaultKeyedRateLimiter<Box<str>>,
    delivered_kib: DefaultKeyedRateLimiter<Box<str>>,
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
    /// Limits by these allowances.
    pub fn new(allowances: Allowances) -> Self {
        Self {
            callers: RateLimiter::keyed(allowances.requests.quota()).with_middleware(),
            deliveries: RateLimiter::keyed(allowances.deliveries.quota()),
            delivered_kib: RateLimiter::keyed(allowances.delivered_kib.quota()),
            failures: RateLimiter::keyed(Quota::per_minute(FAILURES_A_MINUTE)),
            burst: allowances.requests.burst,
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

    /// Counts a delivery of so many bytes to the endpoint of that reference; 429 over a limit.
    pub fn count_delivery(&self, endpoint: &str, bytes: usize) -> Result<(), Problem> {
        let limited = |until: NotUntil<_>| {
            let wait = until.wait_time_from(self.clock.now());
            too_many(
                "this endpoint brings more than [limits] lets one bring that is proven by its id alone",
                wait,
            )
        };
        let (endpoint, kib) = (endpoint.into(), u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX));
        self.deliveries.check_key(&endpoint).map_err(limited)?;
        let kib = NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN);
        match self.delivered_kib.check_key_n(&endpoint, kib) {
            Ok(counted) => counted.map_err(limited),
            Err(_) => Err(too_many(
                "this delivery alone is more than [limits] lets an endpoint bring",
                FORGET_EVERY,
            )),
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
        self.deliveries.retain_recent();
        self.delivered_kib.retain_recent();
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

    fn allowance(per_second: u32, burst: u32) -> Allowance {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        Allowance { per_second: number(per_second), burst: number(burst) }
    }

    fn limits(requests: Allowance) -> RateLimits {
        let (deliveries, delivered_kib) = (allowance(1, 3), allowance(1, 10));
        RateLimits::new(Allowances { requests, deliveries, delivered_kib })
    }

    #[test]
    fn an_endpoint_that_floods_is_told_to_wait_by_number_and_by_size_and_another_is_not() {
        let limits = limits(Allowance::UNLIMITED);
        let told: Vec<bool> = (0..4).map(|_| limits.count_delivery("loud", 100).is_ok()).collect();
        assert_eq!(told, [true, true, true, false]);
        let told: Vec<bool> = (0..3).map(|_| limits.count_delivery("large", 5 << 10).is_ok()).collect();
        assert_eq!(told, [true, true, false]);
        assert!(limits.count_delivery("huge", 11 << 10).is_err(), "more than may ever come at once");
        assert!(limits.count_delivery("quiet", 0).is_ok());
    }

    #[test]
    fn g19_a_caller_that_floods_is_told_to_wait_and_another_is_not() {
        let limits = limits(allowance(1, 3));
        let told: Vec<bool> = (0..4).map(|_| limits.count("loud").is_ok()).collect();
        assert_eq!(told, [true, true, true, false]);
        assert!(limits.count("quiet").is_ok());
    }

    #[test]
    fn failures_are_counted_by_network() {
        let limits = limits(allowance(1, 1));
        let from = |text: &str| limits.count_failure(ClientNetwork(text.parse().expect("address"))).is_ok();
        assert!((0..FAILURES_A_MINUTE.get()).all(|_| from("192.0.2.1")));
        assert!(!from("192.0.2.1"));
        assert!(from("192.0.2.2"));
    }
}
