//! The administration socket of a running server: `admin.sock` in the data folder, JSON lines.

use std::fs::{File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{LINE_BYTES, Reply, Request, execute};
use crate::house::House;

/// The socket's name in the data folder.
pub const SOCKET: &str = "admin.sock";
/// Conversations at a time.
const MOST: usize = 8;
/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long accepting rests after the system refused.
const REST: Duration = Duration::from_millis(100);
/// A socket's path may not be longer (`sun_path` in unix(7), its final zero not counted).
const LONGEST_PATH: usize = 107;

/// A path to the socket that is short enough, and the folder that it needs held open.
pub struct Address {
    /// Where to bind or connect.
    pub path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    /// The address of a socket of this name in a folder; long paths go by way of the open folder.
    pub fn new(data: &Path, name: &str) -> std::io::Result<Self> {
        let path = data.join(name);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self {
            path,
            _folder: Some(folder),
        })
    }
}

/// Binds the socket, readable by its owner only, in the place of one left behind.
fn bind(data: &Path) -> anyhow::Result<UnixListener> {
    let fresh_name = "admin.sock.new";
    let (fresh, place) = (data.join(fresh_name), data.join(SOCKET));
    // One left behind by a process that was killed; the folder's lock says that nobody else runs.
    let _ = std::fs::remove_file(&fresh);
    let bound = || -> std::io::Result<UnixListener> {
        let listener = UnixListener::bind(&Address::new(data, fresh_name)?.path)?;
        std::fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
        std::fs::rename(&fresh, &place)?;
        Ok(listener)
    };
    bound().with_context(|| format!("cannot make the administration socket {}", place.display()))
}

/// Binds the socket and answers on it until the server stops.
pub fn serve(house: &Arc<House>) -> anyhow::Result<()> {
    let listener = bind(&house.config.data)?;
    let (house, tasks) = (house.clone(), house.server.tasks.clone());
    tasks.spawn(async move {
        let places = Arc::new(Semaphore::new(MOST));
        loop {
            let accepted = tokio::select! {
                () = house.server.shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // No file descriptor left, say: that is when an administrator is needed most.
                tokio::time::sleep(REST).await;
                continue;
            };
            let Ok(place) = places.clone().acquire_owned().await else {
                break;
            };
            let (house, tasks) = (house.clone(), house.server.tasks.clone());
            tasks.spawn(async move {
                let stopped = house.server.shutdown.clone();
                tokio::select! {
                    result = converse(&house, stream) => if let Err(error) = result {
                        tracing::debug!(%error, "an administrator's connection ended");
                    },
                    // What was asked before the end is finished: `converse` only waits here for more.
                    () = stopped.cancelled() => {}
                }
                drop(place);
            });
        }
        // Gone already is as good.
        let _ = std::fs::remove_file(house.config.data.join(SOCKET));
    });
    Ok(())
}

/// Answers one connection, line by line.
async fn converse(house: &Arc<House>, stream: UnixStream) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut read).take(LINE_BYTES as u64);
        let length = tokio::time::timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
        if length == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            anyhow::bail!("a request was too long or cut off");
        }
        // A task of its own: whoever hangs up, or a server that stops, does not cut it in the middle.
        let house = house.clone();
        let tasks = house.server.tasks.clone();
        let reply = tasks.spawn(async move {
            match serde_json::from_slice::<Request>(&line) {
                Ok(request) => execute(&house, request).await,
                Err(error) => Reply::Refused {
                    reason: format!("not a request: {error}"),
                },
            }
        });
        let mut reply = serde_json::to_vec(&reply.await?)?;
        reply.push(b'\n');
        tokio::time::timeout(PATIENCE, write.write_all(&reply)).await??;
    }
}

/// Whether a server answers for this data folder.
pub fn socket_is_answered(data: &Path) -> bool {
    Address::new(data, SOCKET)
        .is_ok_and(|address| std::os::unix::net::UnixStream::connect(&address.path).is_ok())
}
