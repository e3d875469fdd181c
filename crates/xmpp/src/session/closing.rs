//! The end of a stream: our error and end tag, the peer's end tag, then the connection
//! ([RFC 6120 §4.4](https://www.rfc-editor.org/rfc/rfc6120#section-4.4)).

use std::future::poll_fn;
use std::io;

use wire::StreamError;

use super::negotiation::answer;
use super::stream::{Broken, Event, Stream};
use crate::server::Server;

/// How our side comes to close.
pub(super) enum Closing {
    /// The peer closed its stream; it waits for our end tag, and for the error that we had for it, if any.
    Answer(Option<Box<StreamError>>),
    /// We close; the peer's stream can still be read.
    Ours(StreamError),
    /// What the peer sends cannot be read any more.
    Unreadable(StreamError),
}

impl Closing {
    /// `None` when nobody is there to be told.
    pub(super) fn broken(broken: &Broken) -> Option<Closing> {
        broken.stream_error().map(Closing::Unreadable)
    }
}

/// How many elements may still come from a client that was told the end.
const LATE_MAX: usize = 1_000;

/// Says goodbye, for as long as the settings allow.
pub(super) async fn close(server: &Server, stream: &mut Stream, closing: Closing) {
    let patience = server.clock.sleep(server.settings.limits.close_timeout_ms);
    tokio::select! {
        // Whatever goes wrong, the connection ends here.
        _ = say_goodbye(server, stream, closing) => {}
        () = patience => {}
    }
}

/// Closes our direction of the stream, which is opened first if it is not yet (§4.9.1.2).
pub(super) fn write_close(
    server: &Server,
    stream: &mut Stream,
    error: Option<&StreamError>,
) -> io::Result<()> {
    if !stream.is_open()
        && let Ok(header) = answer(server.settings.main_domain())
    {
        stream.write_open(&header)?;
    }
    stream.write_close(error)
}

async fn say_goodbye(server: &Server, stream: &mut Stream, closing: Closing) -> Result<(), Broken> {
    let error = match &closing {
        Closing::Answer(error) => error.as_deref(),
        Closing::Ours(error) | Closing::Unreadable(error) => Some(error),
    };
    write_close(server, stream, error)?;
    poll_fn(|cx| stream.poll_flush(cx)).await?;
    if matches!(closing, Closing::Ours(_)) {
        // Whatever comes before the end tag was sent too late; some of it is on its way, a flood is not waited for.
        for _ in 0..LATE_MAX {
            if matches!(stream.next().await?, Event::Close) {
                break;
            }
        }
    }
    stream.write_end()?;
    poll_fn(|cx| stream.poll_shutdown(cx)).await?;
    stream.discard().await;
    Ok(())
}
