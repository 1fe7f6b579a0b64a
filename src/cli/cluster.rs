//! `factfold cluster`: the nodes of one log and their engine; a node that joins; the engine's log made anew from a journal.

use std::time::Duration;

use clap::Subcommand;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::remote::{Remote, refused};
use super::serve::runtime;
use super::{Failure, Settings, join, output};
use crate::engine::{DataDir, before_reseed, reseed};

/// Between two looks at how far a node is.
const LOOK: Duration = Duration::from_millis(200);

/// Show the nodes of a shared log, join it, or make the engine's log anew from a journal
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the nodes that share the log, their heads and lag, and the engine that orders it
    ///
    /// Asks a running node. The API token is read from FACTFOLD_TOKEN, else from FACTFOLD_ADMIN_TOKEN.
    #[command(
        after_help = "Examples:\n  FACTFOLD_TOKEN=ff_… factfold cluster status --server http://10.0.0.1:8080"
    )]
    Status {
        /// URL of the node [default: this machine, at `listen` of the configuration]
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Take the sealed segments of a running node into this data directory, which has no log
    ///
    /// For a new node, or one whose disk is gone: most of the log comes compressed from another node, and the engine gives the
    /// rest at the start. All of it is verified, and its root compared with the engine's log; what is not of it is refused.
    /// Without this the start fetches the whole log from the engine. The API token, of the role admin, is read from
    /// FACTFOLD_TOKEN, else from FACTFOLD_ADMIN_TOKEN; both nodes have the same [log] secret.
    #[command(
        after_help = "Examples:\n  FACTFOLD_TOKEN=ff_… factfold cluster join --server http://10.0.0.1:8080"
    )]
    Join {
        /// URL of the running node
        #[arg(long, value_name = "URL")]
        server: String,
    },
    /// Make the engine's log anew from a journal: of a running node by --server, or of this data directory
    ///
    /// For a stream or a database that is gone, or that has data which was erased. With --server the nodes go on running, and
    /// the node that is asked says which other one to ask where that has more. No node takes facts until it is done.
    ///
    /// Without it the journal of this data directory is taken: for an engine that lost what it had acknowledged. All nodes must
    /// be stopped; take the one with the highest position. What the engine has and this journal has not is lost.
    #[command(
        after_help = "Examples:\n  FACTFOLD_TOKEN=ff_… factfold cluster reseed --server http://10.0.0.1:8080"
    )]
    Reseed {
        /// URL of a running node, which makes it. The API token, of the role admin, is read from FACTFOLD_TOKEN, else from
        /// FACTFOLD_ADMIN_TOKEN
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        /// Do it though facts may be lost; without, what would be lost is told
        #[arg(long)]
        force: bool,
    },
}

/// Shows or makes anew.
pub fn run(settings: &Settings, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Status { server } => status(settings, server.as_deref()),
        What::Join { server } => join::run(settings, server),
        What::Reseed { server: Some(server), force } => ask_anew(settings, server, *force),
        What::Reseed { server: None, force } => make_anew(settings, *force),
    }
}

fn status(settings: &Settings, server: Option<&str>) -> Result<(), Failure> {
    let remote = Remote::of(&settings.config()?, server)?;
    let cluster = runtime()?.block_on(remote.read(Method::GET, "/api/v1/cluster"))?;
    if settings.json {
        return output::json_line(&cluster);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    output::line(&format!(
        "engine {}, {}, at position {}",
        text(&cluster["engine"]),
        text(&cluster["state"]),
        text(&cluster["engine_position"])
    ))?;
    for warning in cluster["warnings"].as_array().into_iter().flatten() {
        output::line(&format!("warning: {}", text(warning)))?;
    }
    let nodes = cluster["nodes"].as_array().into_iter().flatten();
    let rows = nodes.map(|node| {
        let duty = if node["on_duty"] == true { "on duty" } else { "" };
        ["name", "position", "lag", "seen_seconds_ago"]
            .iter()
            .map(|name| text(&node[*name]))
            .chain([duty.to_owned()])
            .collect()
    });
    output::table(&["node", "position", "lag", "seen s ago", ""], rows)
}

/// Has a running node make it, and waits.
fn ask_anew(settings: &Settings, server: &str, force: bool) -> Result<(), Failure> {
    let remote = Remote::of(&settings.config()?, Some(server))?;
    runtime()?.block_on(async {
        let asked = remote.ask(Method::POST, "/api/v1/cluster/reseed").json(&json!({"force": force}));
        let answer = asked.send().await.map_err(|error| remote.failure(error.into()))?;
        if answer.status() != StatusCode::ACCEPTED {
            return Err(remote.failure(refused(answer).await));
        }
        let mut reseed: Value = answer.json().await.map_err(|error| remote.failure(error.into()))?;
        if let Some(lost) = reseed["may_be_lost"].as_str() {
            output::note(&format!("may be lost: {lost}"));
        }
        let number = |reseed: &Value, name: &str| reseed[name].as_u64().unwrap_or_default();
        let bar = output::progress(number(&reseed, "position"), "facts");
        while reseed["state"] == "running" {
            tokio::time::sleep(LOOK).await;
            reseed = remote.read(Method::GET, "/api/v1/cluster").await?["reseed"].take();
            bar.set_position(number(&reseed, "copied"));
        }
        bar.finish_and_clear();
        match reseed["state"].as_str() {
            Some("done") if settings.json => output::json_line(&reseed),
            Some("done") => output::line(&format!("verified: position {}", number(&reseed, "position"))),
            _ => {
                let why = reseed["error"].as_str().unwrap_or("the node was started anew meanwhile");
                Err(Failure::Failed(format!("{}: {why}", remote.base)))
            }
        }
    })
}

fn make_anew(settings: &Settings, force: bool) -> Result<(), Failure> {
    let config = settings.config_with_secrets()?;
    let dir = DataDir::existing(&config.data_dir)?;
    let (own, engine) = before_reseed(&dir, &config)?;
    let lost = engine.unwrap_or_default().saturating_sub(own);
    let has = engine.map_or_else(|| "no log that can be read".to_owned(), |tip| format!("facts up to {tip}"));
    let told =
        format!("this journal ends at position {own}; the engine has {has}; {lost} facts would be lost");
    if !force {
        return Err(Failure::Usage(format!("{told}; with every node stopped, --force does it")));
    }
    output::note(&told);
    let bar = output::progress(own, "facts");
    let head = reseed(&dir, &config, &mut |position| bar.set_position(position))?;
    bar.finish_and_clear();
    done(settings, head)
}

/// Tells where the log ends now.
pub fn done(settings: &Settings, head: crate::log::Head) -> Result<(), Failure> {
    let root = hex::encode(head.root);
    if settings.json {
        return output::json_line(&json!({"position": head.position, "root": root}));
    }
    output::line(&format!("verified: position {}, root {root}", head.position))
}
