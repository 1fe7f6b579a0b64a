//! F2: the connection to the mail server is secured before a login or a mail is said, and only to whom the system trusts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::common::alerts::{await_alerts, conflict};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

/// A mail server of another language's library. It prints each line that it is told, after how the line came.
const SERVER: &str = r#"
import socket, ssl, sys
mode, chain, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
def serve(c):
    way = 'plain'
    if mode == 'tls':
        c, way = context.wrap_socket(c, server_side=True), 'tls'
    f = c.makefile('rb')
    c.sendall(b'220 mail.example ESMTP\r\n')
    for line in f:
        line = line.decode().strip()
        print(way, line, flush=True)
        word = line.upper().split(' ')[0]
        if word == 'EHLO':
            c.sendall(b'250-mail.example\r\n' + (b'250-STARTTLS\r\n' if way == 'plain' else b'') + b'250 AUTH PLAIN\r\n')
        elif word == 'STARTTLS':
            c.sendall(b'220 begin\r\n')
            c, way = context.wrap_socket(c, server_side=True), 'tls'
            return serve_on(c, way)
        elif not answer(c, f, way, word):
            return
def serve_on(c, way):
    f = c.makefile('rb')
    for line in f:
        line = line.decode().strip()
        print(way, line, flush=True)
        word = line.upper().split(' ')[0]
        if word == 'EHLO':
            c.sendall(b'250-mail.example\r\n250 AUTH PLAIN\r\n')
        elif not answer(c, f, way, word):
            return
def answer(c, f, way, word):
    if word == 'AUTH':
        c.sendall(b'235 welcome\r\n')
    elif word == 'DATA':
        c.sendall(b'354 until a dot\r\n')
        for line in f:
            if line == b'.\r\n':
                break
        print(way, 'mail taken', flush=True)
        c.sendall(b'250 taken\r\n')
    elif word == 'QUIT':
        c.sendall(b'221 bye\r\n')
        return False
    else:
        c.sendall(b'250 fine\r\n')
    return True
while True:
    c, _ = listener.accept()
    try:
        serve(c)
    except (OSError, ssl.SSLError):
        pass
"#;

struct Secured {
    child: Child,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Secured {
    /// Begins to serve with a certificate of an authority that stands in `ca.pem` of the site.
    fn start(site: &Site, mode: &str) -> Self {
        const ISSUE: &str = "set -e; cd \"$0\"; \
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority; \
            openssl req -newkey rsa:2048 -nodes -keyout mail.key -out mail.csr -subj /CN=mail; \
            printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > mail.ext; \
            openssl x509 -req -in mail.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out mail.pem -days 2 -extfile mail.ext";
        let made = Command::new("sh").args(["-c", ISSUE]).arg(site.path("")).output().expect("sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut python = Command::new("python3");
        let python = python.args(["-c", SERVER, mode]).arg(site.path("mail.pem")).arg(site.path("mail.key"));
        let mut child = python.stdout(Stdio::piped()).spawn().expect("python3 runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines.next().expect("a line").expect("text").parse().expect("a port");
        let said = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { child, port, said }
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Raises an alert that is to be mailed; answers what came of the first attempt.
async fn attempt(site: &Site, mail: &Secured, tls: &str, trusts: bool) -> (Server, Value) {
    fs::write(site.path("password"), "canary-smtp-password").expect("written");
    let email = format!(
        "[outbound]\nallow = [\"127.0.0.1\"]\n[email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{tls}\"\nusername = \"factfold\"\n\
         password = \"file:{}\"\nfrom = \"alerts@example.com\"\n{TWO_TENANTS}",
        mail.port,
        site.path("password").display()
    );
    site.configure(&email);
    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    if trusts {
        command.env("SSL_CERT_FILE", site.path("ca.pem"));
    }
    let server = Server::started(command).await;
    let target = json!({"url": "mailto:ops@example.org", "style": "email", "rules": ["conflict"]});
    server.ask(TOKEN, "POST", "/api/v1/alert-targets", target).await.is(201);
    conflict(&server, "acme", "CA1").await;
    let path = "/api/v1/tenants/acme/alerts";
    let alerts = await_alerts(&server, path, |items| !items.is_empty()).await;
    let path = format!("{path}/{}/attempts", alerts[0]["alert_id"].as_str().expect("an id"));
    let told = await_alerts(&server, &path, |items| !items.is_empty()).await.remove(0);
    (server, told)
}

#[tokio::test]
async fn f2_a_login_and_a_mail_are_said_within_tls_alone() {
    for mode in ["starttls", "tls"] {
        let site = Site::new();
        let mail = Secured::start(&site, mode);
        let (_server, told) = attempt(&site, &mail, mode, true).await;
        assert_eq!(
            (&told["status"], &told["error"]),
            (&json!(250), &Value::Null),
            "{mode}: {:?}",
            mail.said()
        );
        let said = mail.said();
        assert!(said.iter().any(|line| line == "tls mail taken"), "{said:?}");
        let plain: Vec<&String> = said.iter().filter(|line| line.starts_with("plain ")).collect();
        let is_harmless =
            |line: &&String| line.starts_with("plain EHLO") || line.as_str() == "plain STARTTLS";
        assert!(plain.iter().all(is_harmless), "{said:?}");
    }
}

#[tokio::test]
async fn f2_a_mail_server_whose_certificate_nobody_vouches_for_is_told_nothing() {
    for mode in ["starttls", "tls"] {
        let site = Site::new();
        let mail = Secured::start(&site, mode);
        let (server, told) = attempt(&site, &mail, mode, false).await;
        assert_eq!(told["error"], "no TLS with a certificate that is trusted", "{mode}: {told}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let said = mail.said();
        let is_harmless = |line: &String| line.starts_with("plain EHLO") || line == "plain STARTTLS";
        assert!(said.iter().all(is_harmless), "{said:?}");
        assert!(!server.said().contains("canary-smtp-password"));
    }
}
