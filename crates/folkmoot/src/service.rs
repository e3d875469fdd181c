//! Tells a service manager how the server does: that it is ready, that it stops, what it is busy with.
//!
//! The protocol is `sd_notify(3)`: lines in one datagram to the socket that `NOTIFY_SOCKET` names. Without that name there is
//! nobody to tell.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Listeners are open: what depends on the server may start.
pub fn ready() {
    tell("READY=1\nSTATUS=serving");
}

/// No more connections are taken.
pub fn stopping() {
    tell("STOPPING=1\nSTATUS=stopping");
}

/// What a long start is busy with; the manager waits at least so long for the next word.
pub fn busy(status: &str, patience: Duration) {
    tell(&format!(
        "STATUS={}\nEXTEND_TIMEOUT_USEC={}",
        status.replace('\n', " "),
        patience.as_micros()
    ));
}

fn tell(lines: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(&name),
    };
    let told = address.and_then(|address| {
        UnixDatagram::unbound()?
            .send_to_addr(lines.as_bytes(), &address)
            .map(drop)
    });
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
