//! `factfold log follow`: facts of a running server as they are recorded, by its stream.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use domain::facts::kind_name;
use domain::keys::{Position, TenantId};
use domain::record::KindTag;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use super::arguments::{kind, tenant};
use super::serve::runtime;
use super::{Failure, Settings, output};
use crate::ingest::directory::Secret;

/// Which facts, of which server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose facts
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// Only this kind, e.g. call_reported
    #[arg(long, value_parser = kind)]
    kind: Option<KindTag>,
    /// Only from this provider
    #[arg(long)]
    provider: Option<String>,
    /// Begin behind this position [default: with what comes from now on]
    #[arg(long, value_name = "POSITION")]
    after: Option<Position>,
    /// The server [default: the one at `listen` of the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// So long may a connection be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The server is heard of every 15 s: after so long without a byte it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Between two tries to come back.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries to come back, one after the other, that may fail.
const TRIES_MAX: u32 = 60;
/// The longest line of the stream, in bytes: a fact is far shorter.
const LINE_MAX: usize = 4 << 20;
/// Bytes of a refusal that are read.
const REFUSAL_MAX: usize = 16 << 10;

/// Prints facts until it is stopped; where the server goes away, it comes back behind the last fact.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    let token = std::env::var("FACTFOLD_TOKEN").ok().filter(|token| !token.is_empty());
    let token = token.as_deref().map(Secret::new).or(config.admin_token);
    let token = token.ok_or_else(|| Failure::Usage("FACTFOLD_TOKEN: holds the token to ask with".into()))?;
    let client = Client::builder().connect_timeout(CONNECT_MAX).read_timeout(SILENCE_MAX).build();
    let client = client.map_err(|error| Failure::Failed(error.to_string()))?;
    let server = args.server.clone().unwrap_or_else(|| at(config.listen));
    let mut following = Following {
        as_json: settings.json,
        url: format!("{}/api/v1/tenants/{}/facts/stream", server.trim_end_matches('/'), args.tenant),
        args,
        token: String::from_utf8_lossy(token.bytes()).into_owned(),
        after: args.after,
    };
    runtime()?.block_on(async {
        let mut failed = TRIES_MAX;
        loop {
            match following.once(&client, &mut failed).await {
                Err(Ended::For(failure)) => return Err(failure),
                Err(Ended::Broken(why)) if failed >= TRIES_MAX => {
                    return Err(Failure::Failed(format!(
                        "{server}: {why}; is factfold serve running there?"
                    )));
                }
                Err(Ended::Broken(why)) if failed == 0 => {
                    output::note(&format!("{server}: {why}; comes back"))
                }
                Err(Ended::Broken(_)) => {}
            }
            failed += 1;
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Where a server that listens there is asked from this machine.
fn at(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        ip if ip.is_unspecified() => if listen.is_ipv4() { "127.0.0.1" } else { "[::1]" }.to_owned(),
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", listen.port())
}

/// Why a stream ended.
enum Ended {
    /// It may be opened again.
    Broken(String),
    /// It will not be otherwise next time.
    For(Failure),
}

impl From<reqwest::Error> for Ended {
    fn from(error: reqwest::Error) -> Self {
        // Without the URL, which says nothing new.
        let error = error.without_url();
        if error.is_builder() {
            return Self::For(Failure::Usage(format!("--server: {error}")));
        }
        Self::Broken(if error.is_connect() { "no server answers".to_owned() } else { error.to_string() })
    }
}

struct Following<'a> {
    as_json: bool,
    url: String,
    args: &'a Args,
    token: String,
    after: Option<Position>,
}

impl Following<'_> {
    fn request(&self, client: &Client) -> RequestBuilder {
        let kind = self.args.kind.and_then(kind_name).map(|kind| ("kind", kind));
        let provider = self.args.provider.as_deref().map(|provider| ("provider", provider));
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kind.into_iter().chain(provider))
            .extend_pairs(self.after.map(|after| ("after", after.to_string())))
            .finish();
        client.get(format!("{}?{query}", self.url)).bearer_auth(&self.token)
    }

    /// Follows one stream to its end; `failed` is zero once it was open.
    async fn once(&mut self, client: &Client, failed: &mut u32) -> Result<Infallible, Ended> {
        let mut response = self.request(client).send().await?;
        match response.status() {
            StatusCode::OK => *failed = 0,
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Ended::Broken(format!("it answers {status}")));
            }
            status => {
                let mut body = Vec::new();
                while let Some(piece) = response.chunk().await?
                    && body.len() < REFUSAL_MAX
                {
                    body.extend_from_slice(&piece);
                }
                let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
                let why = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default();
                return Err(Ended::For(Failure::Failed(format!("{status}: {why}"))));
            }
        }
        let mut buffer = Vec::new();
        while let Some(piece) = response.chunk().await? {
            buffer.extend_from_slice(&piece);
            let mut begin = 0;
            while let Some(end) = buffer[begin..].iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&buffer[begin..begin + end]).into_owned();
                begin += end + 1;
                self.line(&line).map_err(Ended::For)?;
            }
            buffer.drain(..begin);
            if buffer.len() > LINE_MAX {
                return Err(Ended::For(Failure::Failed("what answers there is no factfold".into())));
            }
        }
        Err(Ended::Broken("the stream ended".into()))
    }

    /// One line of the stream: the position up to which it is told, or a fact.
    fn line(&mut self, line: &str) -> Result<(), Failure> {
        if let Some(id) = line.strip_prefix("id:") {
            self.after = id.trim().parse().ok().or(self.after);
        }
        let Some(data) = line.strip_prefix("data:") else { return Ok(()) };
        if self.as_json {
            return output::line(data.trim());
        }
        let fact: Value = serde_json::from_str(data).map_err(|error| Failure::Failed(error.to_string()))?;
        let word = |member: &str| fact[member].as_str().unwrap_or_default().to_owned();
        let [at, kind, provider, id] = ["occurred_at", "kind", "provider", "external_id"].map(word);
        output::line(&format!("{:>9}  {at:<27}  {kind:<22}  {provider:<12}  {id}", fact["position"]))
    }
}
