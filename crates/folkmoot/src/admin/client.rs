//! Asks the running server, or does it on the data folder when none runs.

use std::io;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::server::{Address, SOCKET};
use super::{LINE_BYTES, Reply, Request, execute};
use crate::config::Config;
use crate::house::House;

/// Somebody who answers requests.
pub enum Ask {
    /// The running server.
    Running(Box<BufReader<UnixStream>>),
    /// Nobody runs: this process has the data folder for as long as it takes.
    Alone(Arc<House>),
}

/// Finds who answers for the data folder.
pub async fn ask(config: &Config) -> anyhow::Result<Ask> {
    let connected = match Address::new(&config.data, SOCKET) {
        Ok(address) => UnixStream::connect(&address.path).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(stream) => Ok(Ask::Running(Box::new(BufReader::new(stream)))),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(Ask::Alone(House::open_quietly(config).await?))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => bail!(
            "not allowed to reach the server that runs with {}: run this as the same user, or as root",
            config.data.display()
        ),
        Err(error) => Err(error)
            .with_context(|| format!("cannot reach the server that runs with {}", config.data.display())),
    }
}

impl Ask {
    /// Puts one request; a refusal is an error.
    pub async fn put(&mut self, request: Request) -> anyhow::Result<Reply> {
        let reply = match self {
            Self::Running(stream) => {
                let mut line = serde_json::to_vec(&request)?;
                line.push(b'\n');
                stream
                    .get_mut()
                    .write_all(&line)
                    .await
                    .context("the server hung up")?;
                let mut reply = Vec::new();
                let mut bounded = stream.as_mut().take(LINE_BYTES as u64);
                bounded
                    .read_until(b'\n', &mut reply)
                    .await
                    .context("the server hung up")?;
                if reply.is_empty() {
                    bail!("the server stopped before it answered; look whether it was done, then try again");
                }
                serde_json::from_slice(&reply)
                    .context("the server answered something else than expected; is it another version?")?
            }
            Self::Alone(house) => execute(house, request).await,
        };
        match reply {
            Reply::Refused { reason } => bail!("{reason}"),
            reply => Ok(reply),
        }
    }

    /// Ends it; what was done is stored.
    pub async fn finish(self) {
        if let Self::Alone(house) = self {
            house.close().await;
        }
    }
}
