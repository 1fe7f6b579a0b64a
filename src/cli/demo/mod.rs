//! `factfold demo`: a server with three tenants, and their providers played through the real webhook routes.

mod crm;
mod dialer;
mod emailbison;
mod feeds;
mod login;
mod play;
mod random;
mod story;
mod trackers;
mod traffic;
mod twilio;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs, process};

use domain::keys::TenantId;
use serde_json::json;
use tokio::net::TcpListener;

use super::serve::{runtime, stop_signal};
use super::{Failure, Settings, output};
use crate::clock::system_clock;
use crate::config::{Config, Sources, TenantConfig};
use crate::directory::{Endpoint, Secret};
use crate::engine::Engine;
use crate::http::{App, ServeError, bind, install_metrics, open, serve};
use crate::standins::{PlayedProvider, StandIn};
use indicatif::ProgressBar;
use login::DemoLogin;
use play::{Tally, play, post, write_report};
use traffic::{DAYS, Request, TENANTS, TWILIO_TOKEN, Tenant, deliveries};

/// Start a server with three seeded tenants and play their providers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen [default: 127.0.0.1:8080, or any free port when that is taken]
    #[arg(long, env = "FACTFOLD_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Stop when everything is delivered, instead of serving on
    #[arg(long)]
    once: bool,
}

/// A folder that goes with the demo.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let path = env::temp_dir().join(format!("factfold-demo-{}", process::id()));
        fs::create_dir_all(&path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing is lost when the folder stays: the system clears its temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Serves, delivers, tells, and serves on until a signal.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    let scratch = Scratch::new()?;
    runtime()?.block_on(async {
        let listener = listen(args.listen)?;
        let address = listener.local_addr().map_err(ServeError::Serve)?;
        let base_url = format!("http://{address}");
        let token = token()?;
        let mut config = config(&base_url, scratch.0.clone(), address, &token);
        let crm = crm::play(&mut config).await?;
        let dialer = dialer::play(&mut config).await?;
        let feeds = feeds::play(&mut config).await?;
        let trackers = trackers::play(&mut config, chrono::Utc::now()).await?;
        let now = chrono::Utc::now().timestamp();
        let requests = deliveries(&base_url, now);
        dialer.list(&requests, now);
        feeds.list(&requests, &story::facts(&TENANTS[0], now), now);
        let (engine, login) = tokio::task::block_in_place(|| {
            let engine = Engine::start(&config, system_clock())?;
            let login = login::add(&engine, &base_url)?;
            Ok::<_, Failure>((engine, login))
        })?;
        let served = crate::http::Settings { metrics: install_metrics(), ..crate::http::Settings::default() };
        let app = Arc::new(App::new(engine, served));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // Sent or dropped, either way it is time to stop.
        let until = async move { drop(stopped.await) };
        let server = tokio::spawn(serve(listener, Arc::clone(&app), until));
        output::note(&format!("Serving {base_url}; {DAYS} days of some 50,000 events are delivered now"));
        let (began, bar) = (Instant::now(), output::progress(requests.len() as u64, "delivering"));
        let mut signal = std::pin::pin!(stop_signal()?);
        let tally = tokio::select! {
            told = story(&base_url, &token, requests, now, &bar) => Some(told?),
            () = &mut signal => None,
        };
        bar.finish_and_clear();
        if let Some(tally) = &tally {
            tell(settings, &base_url, (&token, &login), tally, began.elapsed().as_secs_f64())?;
            if !settings.json {
                output::line(&crm::told(&crm))?;
                output::line(&dialer.told())?;
                output::line(&feeds.told())?;
                output::line(&trackers.told())?;
            }
            if !args.once {
                signal.await;
            }
        }
        drop(stop);
        let served = server.await.map_err(|error| Failure::Failed(error.to_string()))?;
        tokio::task::block_in_place(|| app.close());
        served?;
        match tally {
            Some(tally) if !tally.as_expected() => {
                Err(Failure::Failed("some deliveries did not have the expected outcome".into()))
            }
            Some(_) | None => Ok(()),
        }
    })
}

/// What the providers deliver, then what the tenants' other systems hold.
async fn story(
    base_url: &str,
    token: &str,
    requests: Vec<Request>,
    now: i64,
    bar: &ProgressBar,
) -> Result<Tally, Failure> {
    let mut tally = play(base_url, requests, bar).await?;
    for tenant in &TENANTS {
        post(base_url, token, tenant, &story::facts(tenant, now), &mut tally).await?;
        for report in story::reports::reports(tenant, now) {
            write_report(base_url, token, tenant, &report, &mut tally).await?;
        }
    }
    Ok(tally)
}

/// Starts a stand-in; `what` names it in errors.
async fn started(what: &str, provider: impl PlayedProvider) -> Result<StandIn, Failure> {
    StandIn::start(provider).await.map_err(|error| Failure::Failed(format!("{what}: {error}")))
}

fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    let listen = |address| bind(address).and_then(|socket| open(socket, address));
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    match (listen(asked.unwrap_or(usual)), asked) {
        (Ok(listener), _) => Ok(listener),
        (Err(_), None) => Ok(listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?),
        (Err(error), Some(_)) => Err(error.into()),
    }
}

fn token() -> Result<String, Failure> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
    Ok(format!("ff_demo_{}", hex::encode(bytes)))
}

fn config(base_url: &str, data_dir: PathBuf, address: SocketAddr, token: &str) -> Config {
    Config {
        data_dir,
        listen: address,
        public_url: Some(base_url.to_owned()),
        admin_token: Some(Secret::new(token)),
        tenants: TENANTS.iter().filter_map(tenant).collect(),
        endpoints: TENANTS.iter().flat_map(endpoints).collect(),
        ..Config::default()
    }
}

fn tenant(tenant: &Tenant) -> Option<TenantConfig> {
    let numbers: Vec<_> =
        tenant.numbers.iter().map(|(number, agent)| json!({"number": number, "agent": agent})).collect();
    let body = json!({
        "name": tenant.name,
        "timezone": tenant.zone,
        "currency": tenant.currency,
        "rules": {"job_value_minor": 15_000},
        "recording": true,
        "workspaces": [tenant.workspace.0.to_string(), tenant.workspace.1],
        "tracking_numbers": numbers,
    });
    TenantId::new(tenant.id).ok().map(|id| TenantConfig {
        id,
        body,
        sources: Sources::default(),
        twilio: None,
        digest_hour: None,
    })
}

fn endpoints(tenant: &Tenant) -> [Endpoint; 2] {
    let endpoint = |provider: &str, id: &str, secrets| Endpoint {
        id: id.to_owned(),
        provider: provider.to_owned(),
        tenant: TenantId::new(tenant.id).ok(),
        event: None,
        secrets,
    };
    [
        endpoint("twilio", tenant.twilio, vec![Secret::new(TWILIO_TOKEN)]),
        endpoint("emailbison", tenant.emailbison, Vec::new()),
    ]
}

fn tell(
    settings: &Settings,
    base_url: &str,
    (token, login): (&str, &DemoLogin),
    tally: &Tally,
    seconds: f64,
) -> Result<(), Failure> {
    let tenant = &TENANTS[0];
    let api = format!("{base_url}/api/v1/tenants/{}", tenant.id);
    let commands = [
        (
            "send an event",
            format!(
                "curl -s {base_url}/hooks/emailbison/{} -H 'content-type: application/json' -d '{}'",
                tenant.emailbison,
                play::sample_event(tenant)
            ),
        ),
        ("read a figure", format!("curl -s -H 'authorization: Bearer {token}' {api}/metrics/month")),
        (
            "inspect the fact behind it",
            format!("curl -s -H 'authorization: Bearer {token}' '{api}/facts?kind=lead_interested&limit=1'"),
        ),
    ];
    if settings.json {
        let commands: Vec<_> =
            commands.iter().map(|(what, command)| json!({"what": what, "command": command})).collect();
        return output::json_line(&json!({
            "url": base_url, "token": token, "login": login.json(), "seconds": seconds, "deliveries": tally.json(), "commands": commands,
        }));
    }
    output::note(&format!(
        "{} deliveries and facts in {seconds:.1} s, {} a second, each durable before it was answered:",
        output::grouped(tally.total()),
        output::grouped((tally.total() as f64 / seconds.max(1e-9)) as u64)
    ));
    output::table(&["came to", "expected", "deliveries"], tally.rows())?;
    let tenants: Vec<String> =
        TENANTS.iter().map(|tenant| format!("{} ({})", tenant.id, tenant.zone)).collect();
    let serving = format!("\nServing   {base_url}\nToken     {token}\nTenants   {}", tenants.join(", "));
    output::line(&serving)?;
    output::line(&login.told())?;
    for (what, command) in commands {
        output::line(&format!("\n# {what}\n{command}"))?;
    }
    Ok(())
}
