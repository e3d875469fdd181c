//! A server process under measurement: started, watched through the kernel's
//! accounting (CPU per thread, resident memory), and stopped.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The loopback address of this run, on whose usual ports everything listens: one for each process, so that two runs
/// at the same time do not talk to each other's servers.
pub fn address() -> IpAddr {
    let [high, low] = ((std::process::id() % 0xffff) as u16).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 77, high, low.clamp(1, 254)))
}

/// By what a process shows that it is up.
#[derive(Clone, Copy)]
enum Up {
    /// It serves a page.
    Page,
    /// It takes connections.
    Connects,
}

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    /// From start until it answered.
    pub start: Duration,
}

impl Process {
    /// Starts `folkmoot serve --dev` over a data folder and waits for its first page.
    pub async fn folkmoot(binary: &Path, data: &Path) -> Result<Process> {
        Self::folkmoot_with(binary, data, &[]).await
    }

    /// The same with settings from the environment.
    pub async fn folkmoot_with(binary: &Path, data: &Path, settings: &[(&str, &str)]) -> Result<Process> {
        let log = fs::File::create(data.join("server.log"))?;
        let mut command = Command::new(binary);
        command
            .args([
                "serve",
                "--dev",
                "--domain",
                "localhost",
                "--bind",
                &address().to_string(),
                "--data",
            ])
            .arg(data)
            .env("RUST_LOG", "warn")
            .envs(settings.iter().copied());
        Self::spawn(
            command,
            log,
            SocketAddr::new(address(), 5280),
            Some(data),
            Up::Page,
        )
        .await
    }

    /// Starts another server that serves XMPP on port 5223 of [`address`].
    pub async fn peer(command: Command, data: &Path) -> Result<Process> {
        let log = fs::File::create(data.join("server.log"))?;
        Self::spawn(
            command,
            log,
            SocketAddr::new(address(), 5223),
            Some(data),
            Up::Connects,
        )
        .await
    }

    /// Starts this program's own bare TLS server, the reference.
    pub async fn reference(mode: &str, port: u16) -> Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        let listen = SocketAddr::new(address(), port);
        command.args(["reference", mode, &listen.to_string()]);
        let log = fs::File::create("/dev/null")?;
        Self::spawn(command, log, listen, None, Up::Connects).await
    }

    async fn spawn(
        mut command: Command,
        log: fs::File,
        address: SocketAddr,
        data: Option<&Path>,
        sign: Up,
    ) -> Result<Process> {
        let begun = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        let mut process = Process {
            child,
            start: Duration::ZERO,
        };
        let deadline = begun + Duration::from_secs(20);
        loop {
            let up = match sign {
                Up::Page => first_page(address).await.is_ok(),
                Up::Connects => TcpStream::connect(address).await.is_ok(),
            };
            if up {
                process.start = begun.elapsed();
                return Ok(process);
            }
            let ended = process.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = data
                    .and_then(|d| fs::read_to_string(d.join("server.log")).ok())
                    .unwrap_or_default();
                bail!("the server did not come up ({ended:?}): {said}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// CPU that the process has used, user and system, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        let mut nanoseconds = 0u64;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let Ok(line) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            nanoseconds += line
                .split_whitespace()
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|l| l.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no value")?.parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn first_page(address: SocketAddr) -> Result<()> {
    let mut tcp = TcpStream::connect(address).await?;
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("not yet");
    }
    Ok(())
}

/// The limit on open files that this process, and its children, run under.
pub fn open_files_limit() -> Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|l| l.starts_with("Max open files"))
        .context("no limit on open files")?;
    Ok(line
        .split_whitespace()
        .nth(3)
        .and_then(|n| n.parse().ok())
        .unwrap_or(u64::MAX))
}
