//! A stand-in for a mail server: it speaks SMTP over a real socket, keeps what it takes, and refuses what it is told to.

use std::collections::VecDeque;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail that was taken.
#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

impl Mail {
    /// Headers, decoded, with `text` and `html`: read by a library that is not ours.
    pub fn read(&self) -> Value {
        const READ: &str = "import email, email.policy, json, sys\n\
            m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
            out = {k.lower(): str(v) for k, v in m.items()}\n\
            out['defects'] = [str(d) for d in m.defects]\n\
            out['text'] = m.get_body(('plain',)).get_content()\n\
            out['html'] = m.get_body(('html',)).get_content()\n\
            print(json.dumps(out))";
        let mut python = Command::new("python3");
        let python = python.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = python.spawn().expect("python3 runs");
        python.stdin.take().expect("a pipe").write_all(&self.data).expect("written");
        let out = python.wait_with_output().expect("it ends");
        assert!(out.status.success(), "not a mail: {}", String::from_utf8_lossy(&self.data));
        serde_json::from_slice(&out.stdout).expect("JSON")
    }
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    /// Every line that came, mails left out.
    said: Vec<String>,
    /// What the next recipients are answered.
    refusals: VecDeque<String>,
    refuses_login: bool,
}

/// The server, and what it took.
pub struct Smtp {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

pub const USER: &str = "factfold-user";
pub const PASSWORD: &str = "canary-smtp-password";

impl Smtp {
    /// Takes every mail of whoever logs in.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the next recipient so, once.
    pub fn refuse(&self, answer: &str) {
        self.state().refusals.push_back(answer.to_owned());
    }

    /// Whether logins are refused from now on.
    pub fn refuse_logins(&self, refuses: bool) {
        self.state().refuses_login = refuses;
    }

    /// What was taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.clone()
    }

    /// What was said so far.
    pub fn said(&self) -> Vec<String> {
        self.state().said.clone()
    }

    /// Waits until so many mails were taken.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        for _ in 0..600 {
            let mails = self.mails();
            if mails.len() >= count {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} of {count} mails came; it was said {:?}", self.mails().len(), self.said());
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut from, mut to, mut is_known) = (String::new(), Vec::new(), false);
    let _ = write.write_all(b"220 mail.example ESMTP\r\n").await;
    loop {
        let mut line = String::new();
        if !lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            return;
        }
        let line = line.trim_end().to_owned();
        lock().said.push(line.clone());
        let upper = line.to_uppercase();
        let answer = if upper.starts_with("EHLO") {
            "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned()
        } else if let Some(given) = line.strip_prefix("AUTH PLAIN ") {
            let right = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
            is_known = given == right && !lock().refuses_login;
            // A server may tell what it was given.
            if is_known { "235 welcome".into() } else { format!("535 5.7.8 no: {PASSWORD}") }
        } else if upper.starts_with("MAIL FROM:") {
            from = line["MAIL FROM:".len()..].to_owned();
            to.clear();
            if is_known { "250 go on".into() } else { "530 log in first".to_owned() }
        } else if upper.starts_with("RCPT TO:") {
            let refusal = lock().refusals.pop_front();
            to.push(line["RCPT TO:".len()..].to_owned());
            refusal.unwrap_or_else(|| "250 go on".into())
        } else if upper == "DATA" {
            let _ = write.write_all(b"354 until a dot\r\n").await;
            let mut data = Vec::new();
            loop {
                let mut part = Vec::new();
                if !lines.read_until(b'\n', &mut part).await.is_ok_and(|read| read > 0) {
                    return;
                }
                if part == b".\r\n" {
                    break;
                }
                data.extend_from_slice(part.strip_prefix(b".").unwrap_or(&part));
            }
            lock().mails.push(Mail { from: from.clone(), to: to.clone(), data });
            "250 taken".to_owned()
        } else if upper == "QUIT" {
            let _ = write.write_all(b"221 bye\r\n").await;
            return;
        } else {
            "250 fine".to_owned()
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
