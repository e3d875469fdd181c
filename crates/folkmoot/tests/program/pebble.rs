//! Debian's pebble: a certificate authority for tests, in a process of its own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::names::Names;
use crate::running::{Folder, Server};

/// Where it will listen, with the certificate of its web server.
pub struct Place {
    folder: PathBuf,
    port: u16,
}

/// The authority; it ends when dropped.
pub struct Pebble(Child);

impl Place {
    /// Makes the certificate and chooses a port.
    pub fn new(folder: &Folder) -> Self {
        let folder = folder.join("pebble");
        std::fs::create_dir(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let chosen = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = chosen.local_addr().unwrap().port();
        Self { folder, port }
    }

    /// What the server is told about it.
    pub fn settings(&self, challenge: &str) -> Vec<String> {
        [
            "acme.enabled=true".to_owned(),
            "acme.agree_to_terms=true".to_owned(),
            format!("acme.challenge=\"{challenge}\""),
            format!("acme.directory=\"https://localhost:{}/dir\"", self.port),
            format!("acme.ca=\"{}\"", self.folder.join("cert.pem").display()),
            "acme.contacts=[\"mailto:admin@a.example\"]".to_owned(),
        ]
        .into_iter()
        .flat_map(|setting| ["--set".to_owned(), setting])
        .collect()
    }

    /// Starts it; it finds names by `names`, looks at the ports of `server`, and issues for so many seconds.
    pub fn start(&self, names: &Names, server: &Server, seconds: u64) -> Pebble {
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": "127.0.0.1:0",
            "certificate": self.folder.join("cert.pem"),
            "privateKey": self.folder.join("key.pem"),
            "httpPort": server.port("http"),
            "tlsPort": server.port("https"),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": seconds,
        }});
        let path = self.folder.join("config.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let child = Command::new("pebble")
            .arg("-config")
            .arg(&path)
            .args(["-dnsserver", &names.address.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble (scripts/setup.sh test installs it)");
        let mut pebble = Pebble(child);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(pebble.0.try_wait().unwrap().is_none(), "pebble did not start");
            std::thread::yield_now();
        }
        pebble
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
