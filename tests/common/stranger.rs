//! Clients at addresses of their own: the whole of 127.0.0.0/8 is this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Answer, Server};

/// An address that no test has used before.
pub fn fresh() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0x7f20_0001);
    Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A connection from this address.
pub async fn connect(server: &Server, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let to: SocketAddr = server.base.trim_start_matches("http://").parse().expect("a plain address");
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(to).await
}

/// The head of a POST, to be followed by a body of this length.
pub fn post(path: &str, header: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{header}content-length: {length}\r\n\r\n"
    )
}

/// Sends a whole request on a connection of its own and reads the answer to its end; empty where it was cut.
pub async fn ask(server: &Server, from: Ipv4Addr, request: &str) -> String {
    let mut read = Vec::new();
    if let Ok(mut stream) = connect(server, from).await
        && stream
            .write_all(request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1).as_bytes())
            .await
            .is_ok()
    {
        let _ = stream.read_to_end(&mut read).await;
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A login as bytes.
pub fn login(email: &str, password: &str) -> String {
    let body = json!({"email": email, "password": password}).to_string();
    format!("{}{body}", post("/api/v1/login", "", body.len()))
}

/// Logs in from this address with these headers.
pub async fn log_in_from(
    server: &Server,
    from: Ipv4Addr,
    (email, password): (&str, &str),
    headers: &[(&str, &str)],
) -> Answer {
    let client = reqwest::Client::builder().local_address(IpAddr::from(from)).build().expect("a client");
    let mut request = client.post(format!("{}/api/v1/login", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.json(&json!({"email": email, "password": password}))).await
}
