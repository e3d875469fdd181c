//! Whether something answers for this machine's name on the network: avahi's business on Debian (RFC 6762).

use std::path::Path;

/// What avahi listens on while it runs.
const SOCKETS: [&str; 2] = ["/run/avahi-daemon/socket", "/var/run/avahi-daemon/socket"];

/// Whether avahi runs.
pub fn is_answered() -> bool {
    SOCKETS
        .iter()
        .any(|path| std::os::unix::net::UnixStream::connect(Path::new(path)).is_ok())
}
