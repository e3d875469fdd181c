//! A server in a process and a folder of its own, on ports that the system chose.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("folkmoot-program-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The data folder in it.
    pub fn data(&self) -> PathBuf {
        self.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, in a folder without configuration, listening where there is room.
pub fn program(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_folkmoot"));
    command
        .current_dir(folder.join(""))
        .args(arguments)
        .stdin(Stdio::null());
    for port in ["XMPP", "XMPP_TLS", "HTTP", "HTTPS"] {
        command.env(format!("FOLKMOOT_PORTS_{port}"), "0");
    }
    command.env("FOLKMOOT_LOG", "warn");
    command
}

/// Runs it to its end.
pub fn run(folder: &Folder, arguments: &[&str]) -> Output {
    program(folder, arguments).output().unwrap()
}

/// Runs it with something on standard input.
pub fn run_with(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let mut child = program(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What it printed, when it succeeded.
pub fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line that it failed with.
pub fn failed(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(
        !output.status.success(),
        "it succeeded: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    errors.trim_end().to_owned()
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// What it said when it was ready.
    pub greeting: String,
    ports: HashMap<String, u16>,
}

impl Server {
    /// Starts `serve` with more arguments and waits until it listens.
    pub fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut all = vec!["serve"];
        all.extend(arguments);
        let mut child = program(folder, &all)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !greeting.contains("\nReady.") {
            if out.read_line(&mut greeting).unwrap() == 0 {
                let mut errors = String::new();
                child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("it did not start: {greeting}{errors}");
            }
        }
        let ports = std::fs::read_to_string(folder.data().join("ports.json")).unwrap();
        Self {
            child,
            greeting,
            ports: serde_json::from_str(&ports).unwrap(),
        }
    }

    /// The port of a service, by its key.
    pub fn port(&self, service: &str) -> u16 {
        self.ports[service]
    }

    /// Where clients connect in the clear, for a server in its development mode.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port("xmpp")))
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A page's status and text over plain HTTP.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = self.connect("http");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    /// A connection to a service.
    pub fn connect(&self, service: &str) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port(service))).unwrap();
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop and waits for the end: how it ended and what it wrote to its log.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (status, log)
    }

    /// Kills it without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes an account, with or without a server.
pub fn add_account(folder: &Folder, address: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["account", "add", address, "--password-stdin"];
    arguments.extend(more);
    run_with(folder, &arguments, "open sesame\n")
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Whether there is something at the path.
pub fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
