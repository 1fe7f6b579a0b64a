//! The service manager: it can hold the listening socket over a restart (sd_listen_fds(3)), and is notified when the
//! server is ready and when it stops (sd_notify(3)).
//!
//! Notifying is written here: the crate `sd-notify` 0.5 takes an abstract socket name (`@…`) for a path.

use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use listenfd::ListenFd;

/// The variable with the address of the manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The listening socket that the manager passed; `None` without one.
///
/// # Errors
/// The passed descriptor is not a TCP socket.
pub fn listener() -> io::Result<Option<TcpListener>> {
    let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// Sends `state`, such as `READY=1`, to the manager; does nothing without one. A failure is logged and does not stop the
/// server.
pub fn notify(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, state, "could not notify the service manager");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_it_at_a_path_and_at_an_abstract_name() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("notify");
        let name = format!("factfold-notify-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("name");
        let managers = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).expect("binds")),
            (format!("@{name}").into(), UnixDatagram::bind_addr(&abstract_name).expect("binds")),
        ];
        for (socket, manager) in managers {
            send(&socket, "READY=1").expect("sends");
            let mut heard = [0; 16];
            let length = manager.recv(&mut heard).expect("hears");
            assert_eq!(&heard[..length], b"READY=1");
        }
        assert!(send(OsStr::new("/nowhere/at/all"), "READY=1").is_err());
    }
}
