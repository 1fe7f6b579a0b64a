//! The files of deploy/cluster are taken by what they are for.

use std::path::PathBuf;
use std::process::Command;

use super::SECRET;
use crate::common::servers::nats;
use crate::common::servers::postgres::PostgresPair;
use crate::common::site::{bare_command, run};

fn deploy() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/cluster")
}

#[test]
fn the_configurations_that_are_shipped_are_taken_by_nodes_and_servers() {
    let secrets = tempfile::tempdir().expect("a folder");
    for name in ["log-secret", "checkpoint-key"] {
        std::fs::write(secrets.path().join(name), SECRET).expect("written");
    }
    for file in ["jetstream.toml", "postgres.toml"] {
        let text = std::fs::read_to_string(deploy().join(file)).expect("read");
        let here = secrets.path().join(file);
        let folder = secrets.path().display().to_string();
        std::fs::write(&here, text.replace("/etc/factfold", &folder)).expect("written");
        let mut check = bare_command(&[]);
        check.arg("--config").arg(here).args(["config", "show"]);
        check.env("NATS_PASSWORD", "pw").env("FACTFOLD_PG", "postgres://f@127.0.0.1/f");
        run(check).exits(0);
    }
    let server = |config: PathBuf| {
        let mut command = Command::new(nats::binary());
        command.arg("-t").arg("-c").arg(config).env("NATS_PASSWORD", "pw");
        run(command)
    };
    let taken = server(deploy().join("nats.conf"));
    assert!(taken.exits(0).all().contains("is valid"), "{}", taken.all());
    // Null control: a word that the server does not know.
    let dir = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(deploy().join("nats.conf")).expect("read");
    let wrong = dir.path().join("wrong.conf");
    std::fs::write(&wrong, text.replace("sync_interval", "sync_intervall")).expect("written");
    assert_ne!(server(wrong).code, Some(0));
    let told = PostgresPair::settings_of(&deploy().join("postgresql.conf"), "synchronous_standby_names");
    assert_eq!(told, "ANY 1 (*)");
}
