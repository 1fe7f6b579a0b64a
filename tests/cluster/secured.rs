//! Servers that want TLS, certificates and a login of their nodes: those that have them are let in, and no secret is shown.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{AT, shared_log};
use crate::common::facts::answered;
use crate::common::servers::must_run;
use crate::common::servers::nats::NatsCluster;
use crate::common::servers::nats_login::NatsAccount;
use crate::common::servers::postgres::PostgresPair;
use crate::common::{Site, TWO_TENANTS};

const PASSWORD: &str = "a-password-of-the-servers";

/// An authority, and certificates that it signed: of the server at 127.0.0.1, and of a node.
fn certificates(dir: &Path) {
    let openssl = |args: &str| {
        must_run(Command::new("openssl").args(args.split_whitespace()).current_dir(dir));
    };
    fs::write(dir.join("ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").expect("written");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    for name in ["server", "node"] {
        openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {name}.pem"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_reaches_servers_that_want_tls_a_certificate_and_a_password() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let path = |name: &str| dir.path().join(name).display().to_string();
    let cluster = NatsCluster::start_with(
        1,
        &format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}\n\
             authorization {{ user: node, password: {PASSWORD:?} }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        ),
    );
    fs::write(path("password"), PASSWORD).expect("written");
    let tls = format!(
        "[log.jetstream.tls]\nca = {:?}\ncert = {:?}\nkey = {:?}\n",
        path("ca.pem"),
        path("node.pem"),
        path("node.key")
    );
    let table = |login: &str, tls: &str| {
        let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n{login}{tls}", cluster.urls());
        format!("{}{TWO_TENANTS}", shared_log("n0", ("jetstream", &table)))
    };
    let login = format!("user = \"node\"\npassword = \"file:{}\"\n", path("password"));
    let site = Site::with(&table(&login, &tls));
    let server = site.start().await;
    server.post("acme", &answered("secured", 45, AT)).await.is(201);
    let shown = site.cli(&["config", "show", "--json"]);
    let told =
        format!("{}{}{}", shown.exits(0).all(), server.said(), server.get("/api/v1/cluster").await.text);
    assert!(!told.contains(PASSWORD), "the password is told");
    server.stop();
    // Null controls: without its certificate, without the authority, and with another password a node stays outside.
    let without_certificate = format!("[log.jetstream.tls]\nca = {:?}\n", path("ca.pem"));
    let other = "user = \"node\"\npassword = \"another\"\n";
    for tables in [table(&login, &without_certificate), table(&login, ""), table(other, &tls)] {
        let stranger = Site::with(&tables);
        let server = crate::common::Server::spawn(stranger.command(&["serve", "--listen", "127.0.0.1:0"]));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let said = server.said();
        assert!(said.contains("the log's engine") && !said.contains("is connected"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_reaches_a_database_whose_certificate_an_authority_of_ones_own_signed() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut pair = PostgresPair::start();
    let url = pair.database("secured").replace("sslmode=disable", "sslmode=prefer");
    let table = |ca: &str| {
        let table = format!("[log.postgres]\nurl = {url:?}\n{ca}");
        format!("{}{TWO_TENANTS}", shared_log("n0", ("postgres", &table)))
    };
    let with_ca = table(&format!("ca = {:?}\n", path("ca.pem")));
    let stays_outside = async |tables: &str, why: &str| {
        let stranger = Site::with(tables);
        let server = crate::common::Server::spawn(stranger.command(&["serve", "--listen", "127.0.0.1:0"]));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let said = server.said();
        assert!(said.contains(why) && !said.contains("is connected"), "{said}");
    };
    // A database without TLS is not spoken to in the open.
    stays_outside(&with_ca, "TLS").await;
    pair.secure(Path::new(&path("server.pem")), Path::new(&path("server.key")));
    let server = Site::with(&with_ca).start().await;
    server.post("acme", &answered("secured", 45, AT)).await.is(201);
    let encrypted = "SELECT count(*) > 1 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'factfold'";
    assert_eq!(pair.query(encrypted).trim(), "t");
    server.stop();
    // Null controls: without the authority, with another one, and with a file that is none.
    stays_outside(&table(""), "certificate").await;
    stays_outside(&table(&format!("ca = {:?}\n", path("node.pem"))), "certificate").await;
    stays_outside(&table(&format!("ca = {:?}\n", path("ca.key"))), "no certificate is in it").await;
}

/// A node with this `login` in `[log.jetstream]` of the servers.
fn node(cluster: &NatsCluster, login: &str) -> Site {
    let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n{login}\n", cluster.urls());
    Site::with(&format!("{}{TWO_TENANTS}", shared_log("n0", ("jetstream", &table))))
}

/// A node whose login the servers refuse says which key gives it.
async fn is_refused(cluster: &NatsCluster, login: &str, why: &str) {
    let stranger = node(cluster, login);
    let server = crate::common::Server::spawn(stranger.command(&["serve", "--listen", "127.0.0.1:0"]));
    server.says(why).await;
    assert!(!server.said().contains("is connected"), "{}", server.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_reaches_servers_that_want_a_token() {
    let cluster = NatsCluster::start_with(1, &format!("authorization {{ token: {PASSWORD:?} }}"));
    let site = node(&cluster, &format!("token = {PASSWORD:?}"));
    let server = site.start().await;
    server.post("acme", &answered("secured", 45, AT)).await.is(201);
    let shown = site.cli(&["config", "show", "--json"]);
    assert!(!format!("{}{}", shown.exits(0).all(), server.said()).contains(PASSWORD), "the token is told");
    is_refused(&cluster, "token = \"another\"", "refuse the login of [log.jetstream] token").await;
    is_refused(&cluster, "", "gives no user, token or credentials").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_reaches_servers_that_want_credentials_and_does_what_they_permit() {
    let account = NatsAccount::new();
    let cluster = NatsCluster::start_with(1, &account.config());
    let dir = tempfile::tempdir().expect("a folder");
    let login = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        format!("credentials = \"file:{}\"", path.display())
    };
    let site = node(&cluster, &login("node", &account.credentials(&["$JS.API.STREAM.DELETE.>"])));
    let server = site.start().await;
    server.post("acme", &answered("secured", 45, AT)).await.is(201);
    // Who may not remove the streams is told so before the log is closed, and nothing has happened.
    let args = ["cluster", "reseed", "--server", &server.base];
    let told = tokio::task::block_in_place(|| site.cli(&args));
    assert!(told.exits(1).stderr.contains("$JS.API.STREAM.DELETE.FACTFOLD"), "{}", told.stderr);
    server.post("acme", &answered("afterwards", 45, AT)).await.is(201);
    server.stop();
    // The same node, permitted.
    login("node", &account.credentials(&[]));
    let server = site.start().await;
    let args = ["cluster", "reseed", "--server", &server.base];
    tokio::task::block_in_place(|| site.cli(&args)).exits(0);
    server.record("acme", &[answered("at last", 45, AT)]).await;
    is_refused(
        &cluster,
        &login("stranger", &NatsAccount::stranger()),
        "refuse the login of [log.jetstream] credentials",
    )
    .await;
    let torn = node(&cluster, &login("torn", "-----BEGIN NATS USER JWT-----\nno more"));
    let refused = torn.start_refused();
    assert!(refused.stderr.contains("credentials") && refused.stderr.contains("nsc"), "{}", refused.stderr);
}
