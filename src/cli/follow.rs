//! `factfold log follow`: facts as a running server records them, by its event stream.

use std::ops::ControlFlow;
use std::time::Duration;

use domain::facts::kind_name;
use domain::keys::{Position, TenantId};
use domain::record::KindTag;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::arguments::{kind, tenant};
use super::remote::{Remote, Unanswered, each_line, refused};
use super::serve::runtime;
use super::{Failure, Settings, output};

/// The facts to follow, and their server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tenant of the facts
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// Only facts of this kind, e.g. call_reported
    #[arg(long, value_parser = kind)]
    kind: Option<KindTag>,
    /// Only facts of this provider
    #[arg(long)]
    provider: Option<String>,
    /// Begin after this position [default: with the next fact]
    #[arg(long, value_name = "POSITION")]
    after: Option<Position>,
    /// URL of the server [default: this machine, at `listen` of the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Wait between two attempts to reconnect.
const PAUSE: Duration = Duration::from_secs(1);
/// Attempts to reconnect that may fail in a row.
const TRIES_MAX: u32 = 60;
/// The longest line of the stream, in bytes: a fact is far shorter.
const LINE_MAX: usize = 4 << 20;

/// Prints facts until interrupted. After a lost connection it reconnects behind the last fact.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let config = settings.config()?;
    let remote = Remote::of(&config, args.server.as_deref())?;
    let mut following = Following { as_json: settings.json, remote: &remote, args, after: args.after };
    runtime()?.block_on(async {
        let mut failed = TRIES_MAX;
        loop {
            match following.once(&mut failed).await {
                Err(Unanswered::Never(failure)) => return Err(failure),
                Err(Unanswered::Broken(why)) if failed >= TRIES_MAX => return Err(remote.gone(&why)),
                Err(Unanswered::Broken(why)) if failed == 0 => output::note(&format!("{why}; reconnecting")),
                // A stream has no end of its own.
                Ok(()) | Err(Unanswered::Broken(_)) => {}
            }
            failed += 1;
            tokio::time::sleep(PAUSE).await;
        }
    })
}

struct Following<'a> {
    as_json: bool,
    remote: &'a Remote,
    args: &'a Args,
    after: Option<Position>,
}

impl Following<'_> {
    fn request(&self) -> RequestBuilder {
        let kind = self.args.kind.and_then(kind_name).map(|kind| ("kind", kind));
        let provider = self.args.provider.as_deref().map(|provider| ("provider", provider));
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kind.into_iter().chain(provider))
            .extend_pairs(self.after.map(|after| ("after", after.to_string())))
            .finish();
        let path = format!("/api/v1/tenants/{}/facts/stream?{query}", self.args.tenant);
        self.remote.ask(Method::GET, &path)
    }

    /// Follows one stream to its end; `failed` is zero once it was open.
    async fn once(&mut self, failed: &mut u32) -> Result<(), Unanswered> {
        let response = self.request().send().await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response).await);
        }
        *failed = 0;
        each_line(response, LINE_MAX, |line| {
            self.line(&String::from_utf8_lossy(line))?;
            Ok(ControlFlow::Continue(()))
        })
        .await
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
