//! Harness of the black-box tests: a real server process on its own data directory, and its clients.

pub mod access;
pub mod alerts;
pub mod answer;
pub mod bison;
pub mod call_lists;
pub mod checker;
pub mod compare;
pub mod crm;
pub mod dialer;
pub mod facts;
pub mod fixture;
pub mod history;
pub mod lived;
pub mod model;
pub mod planted;
pub mod random;
pub mod receiver;
pub mod routes;
pub mod runs;
pub mod servers;
pub mod shifted;
pub mod site;
pub mod size;
pub mod smtp;
pub mod stranger;
pub mod stream;
pub mod tracker;
pub mod twilio;
pub mod twilio_api;
pub mod witness;

pub use answer::Answer;
#[allow(unused_imports, reason = "the signer's test needs no server")]
pub use site::{Server, Site};

/// The admin token of every server under test.
pub const TOKEN: &str = "admin-token-of-the-tests";

/// What providers sign, in every configuration of the tests.
pub const PUBLIC_URL: &str = "https://hooks.example.com";

/// Twilio's auth token, given to the server through the environment.
pub const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Two tenants, one Twilio and one unbound Email Bison endpoint.
pub const TWO_TENANTS: &str = r#"
[[tenant]]
id = "acme"
name = "Acme Dental"
timezone = "America/New_York"
workspaces = ["Acme Client", "17"]
currency = "USD"
[[tenant.tracking_number]]
number = "+12025550199"
agent = "Ann@example.com"

[[tenant]]
id = "globex"
name = "Globex"
timezone = "UTC"
workspaces = ["Globex", "18"]
[tenant.rules]
qualified_min_seconds = 60

[[endpoint]]
id = "tw-5b0f0d7e"
provider = "twilio"
tenant = "acme"
secrets = ["env:TWILIO_TOKEN"]

[[endpoint]]
id = "eb-9c1d22aa"
provider = "emailbison"
"#;
