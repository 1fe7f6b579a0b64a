//! What the demo's providers send: three tenants' months of calls and outreach, in disorder, partly twice, partly broken.

use super::emailbison::{self, DemoLead};
use super::random::Random;
use super::twilio;

/// One HTTP request as a provider would make it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Below the server's URL.
    pub path: String,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The provider's signature header, where it signs.
    pub signature: Option<String>,
    /// The body.
    pub body: String,
    /// What the server is to make of it.
    pub expected: Expected,
}

/// What a delivery must come to; the demo checks every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expected {
    /// New.
    Recorded,
    /// Seen before.
    Duplicate,
    /// Authentic, but no fact can be made of it.
    Quarantined,
    /// Known, and nothing to count.
    Ignored,
    /// Not authentic: 401.
    Refused,
}

/// A tenant of the demo.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its zone.
    pub zone: &'static str,
    /// Of its money.
    pub currency: &'static str,
    /// Where Twilio delivers.
    pub twilio: &'static str,
    /// Where Email Bison delivers.
    pub emailbison: &'static str,
    /// The provider's workspace.
    pub workspace: (u32, &'static str),
    /// Tracking numbers and the people behind them.
    pub numbers: &'static [(&'static str, &'static str)],
    calls: u64,
    leads: u64,
}

/// The demo's tenants: zones hours and half an hour apart.
pub const TENANTS: [Tenant; 3] = [
    Tenant {
        id: "acme-dental",
        name: "Acme Dental",
        zone: "America/New_York",
        currency: "USD",
        twilio: "tw-demo-3f9a61c2",
        emailbison: "eb-demo-7c41d08e",
        workspace: (17, "Acme Client"),
        numbers: &[("+12125550110", "ann@acme-dental.example"), ("+12125550111", "bob@acme-dental.example")],
        calls: 3_600,
        leads: 3_600,
    },
    Tenant {
        id: "lotus-legal",
        name: "Lotus Legal",
        zone: "Asia/Kolkata",
        currency: "INR",
        twilio: "tw-demo-b2d7e940",
        emailbison: "eb-demo-15fa3e6b",
        workspace: (23, "Lotus Legal"),
        numbers: &[
            ("+912255501101", "asha@lotus-legal.example"),
            ("+912255501102", "ravi@lotus-legal.example"),
        ],
        calls: 2_000,
        leads: 4_400,
    },
    Tenant {
        id: "harbour-homes",
        name: "Harbour Homes",
        zone: "Europe/London",
        currency: "GBP",
        twilio: "tw-demo-64c0e8b5",
        emailbison: "eb-demo-9d2b7f13",
        workspace: (31, "Harbour Homes"),
        numbers: &[
            ("+442079460110", "grace@harbour-homes.example"),
            ("+442079460111", "tom@harbour-homes.example"),
        ],
        calls: 1_600,
        leads: 2_500,
    },
];

/// The Twilio auth token of the demo's account.
pub const TWILIO_TOKEN: &str = "demo-twilio-auth-token";
/// How many days back the story begins.
pub const DAYS: i64 = 90;
const DAY_SECONDS: i64 = 86_400;

/// Everything the providers deliver, in the order of delivery. `now` is in seconds since 1970; nothing lies after it.
pub fn deliveries(base_url: &str, now: i64) -> Vec<Request> {
    let mut random = Random::new(0xfac7_f01d);
    // (when it is delivered, the request): disorder is in the first, the story in the second.
    let mut timed: Vec<(i64, Request)> = Vec::with_capacity(56_000);
    for tenant in &TENANTS {
        for number in 0..tenant.calls {
            call(tenant, number, base_url, now, &mut random, &mut timed);
        }
        for number in 0..tenant.leads {
            outreach(tenant, number, now, &mut random, &mut timed);
        }
        broken(tenant, base_url, now, &mut random, &mut timed);
    }
    redeliver(&mut timed, &mut random);
    // A stable sort: a redelivery that fell on the same second stays behind the first delivery.
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, request)| request).collect()
}

/// A moment of the story, early enough for what follows it.
fn moment(now: i64, random: &mut Random) -> i64 {
    now - 600 - random.below((DAYS * DAY_SECONDS) as u64) as i64
}

/// Deliveries come up to two minutes late, and one in fifty up to two days.
fn delivered(at: i64, random: &mut Random) -> i64 {
    at + random.below(120) as i64
        + if random.percent(2) { random.below(2 * DAY_SECONDS as u64) as i64 } else { 0 }
}

fn call(
    tenant: &Tenant,
    number: u64,
    base_url: &str,
    now: i64,
    random: &mut Random,
    timed: &mut Vec<(i64, Request)>,
) {
    let started = moment(now, random);
    let sid = format!("CA{:032x}", u128::from(random.bits()) << 32 | u128::from(number));
    let (tracking, _) = *random.pick(tenant.numbers);
    let caller = format!("+1415555{:04}", random.below(10_000));
    let inbound = random.percent(80);
    let seconds = if random.percent(25) { random.below(30) } else { 30 + random.below(400) };
    let end = match random.below(100) {
        0..70 => "completed",
        70..85 => "no-answer",
        85..95 => "busy",
        _ => "canceled",
    };
    let ring = 2 + random.below(8) as i64;
    let mut stages = vec![("ringing", started, None)];
    if !inbound {
        stages.insert(0, ("initiated", started - 1, None));
    }
    if end == "completed" {
        stages.push(("in-progress", started + ring, None));
        stages.push((end, started + ring + seconds as i64, Some(seconds)));
    } else {
        stages.push((end, started + ring, Some(0)));
    }
    for (sequence, (status, at, duration)) in stages.into_iter().enumerate() {
        let request = twilio::status_callback(
            &twilio::Leg { sid: &sid, inbound, tracking, other: &caller },
            &twilio::Stage { status, at, duration, sequence },
            base_url,
            tenant.twilio,
        );
        timed.push((delivered(at, random), request));
    }
}

fn outreach(tenant: &Tenant, number: u64, now: i64, random: &mut Random, timed: &mut Vec<(i64, Request)>) {
    let lead = DemoLead::new(tenant, number, random);
    let mut at = moment(now, random);
    let mut push = |kind: &str, at: i64, random: &mut Random| {
        let request = emailbison::event(tenant, &lead, kind, at, random);
        timed.push((delivered(at, random), request));
    };
    for _ in 0..=random.below(3) {
        push("EMAIL_SENT", at, random);
        at += DAY_SECONDS * 3;
        if at > now - 300 {
            // The next mail, and what would come of it, are still to come.
            return;
        }
    }
    match random.below(100) {
        0..4 => push("EMAIL_BOUNCED", at, random),
        4..6 => push("LEAD_UNSUBSCRIBED", at, random),
        6..20 => {
            push("LEAD_REPLIED", at, random);
            if random.percent(40) {
                // The documentation says "contact", the older wire "lead": both come.
                let kind = if random.percent(50) { "LEAD_INTERESTED" } else { "CONTACT_INTERESTED" };
                push(kind, (at + 60).min(now - 200), random);
            }
        }
        20..26 => push("EMAIL_OPENED", at, random),
        _ => {}
    }
}

fn broken(tenant: &Tenant, base_url: &str, now: i64, random: &mut Random, timed: &mut Vec<(i64, Request)>) {
    for number in 0..40 {
        let at = moment(now, random);
        let leg = twilio::Leg {
            sid: &format!("CA{:032x}", 0xbad_u128 << 64 | u128::from(number)),
            inbound: true,
            tracking: tenant.numbers[0].0,
            other: "+14155550000",
        };
        let stage = twilio::Stage { status: "completed", at, duration: Some(90), sequence: 2 };
        let mut forged = twilio::status_callback(&leg, &stage, base_url, tenant.twilio);
        forged.body = forged.body.replace("CallDuration=90", "CallDuration=9000");
        forged.expected = Expected::Refused;
        timed.push((at, forged));

        let (kind, expected) = match number % 4 {
            0 => ("LEAD_ABDUCTED", Expected::Quarantined),
            1 => ("TAG_ATTACHED", Expected::Ignored),
            _ => continue,
        };
        let lead = DemoLead::new(tenant, 1_000_000 + number, random);
        let mut request = emailbison::event(tenant, &lead, kind, at, random);
        request.expected = expected;
        timed.push((at, request));

        let path = format!("/hooks/emailbison/{}", tenant.emailbison);
        let body = format!("{{\"event\":{{\"type\":\"EMAIL_SENT\",\"cut off\":{number}");
        let expected = Expected::Quarantined;
        timed.push((at, Request { path, content_type: "application/json", signature: None, body, expected }));
    }
}

/// One delivery in twenty comes again, some of them twice.
fn redeliver(timed: &mut Vec<(i64, Request)>, random: &mut Random) {
    let mut again = Vec::new();
    for (at, request) in timed.iter() {
        if request.expected == Expected::Recorded && random.percent(5) {
            for _ in 0..=random.below(2) {
                let request = Request { expected: Expected::Duplicate, ..request.clone() };
                again.push((at + random.below(3_600) as i64, request));
            }
        }
    }
    timed.extend(again);
}
