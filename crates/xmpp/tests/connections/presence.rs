//! How presence reaches the socket: RFC 6121 §4.3's answers to the probes of initial presence.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use xmpp::listen::{Peer, serve_io};

use crate::support::{Client, dev_world};

const CONTACTS: usize = 30;

/// The server's end of a pipe, which counts how often something is written.
struct Counting {
    io: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Each subscribes to the other's presence and is let.
pub async fn befriend(one: &mut Client<DuplexStream>, other: &mut Client<DuplexStream>, names: [&str; 2]) {
    say(one, "subscribe", names[1]).await;
    say(other, "subscribed", names[0]).await;
    say(other, "subscribe", names[0]).await;
    say(one, "subscribed", names[1]).await;
}

/// Sends a presence and waits until it has been routed.
async fn say(client: &mut Client<DuplexStream>, kind: &str, to: &str) {
    const SYNC: &str = "<iq type='get' id='sync'><ping xmlns='urn:xmpp:ping'/></iq>";
    client
        .send(&format!("<presence type='{kind}' to='{to}@localhost'/>{SYNC}"))
        .await;
    client.expect("id='sync'").await;
}

#[tokio::test]
async fn all_contacts_are_shown_in_one_write() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut first = world.session("juliet", "befriending").await;
    let mut contacts = Vec::new();
    for n in 0..CONTACTS {
        let name = format!("guest{n}");
        world.account(&name).await;
        let mut client = world.session(&name, "ball").await;
        client.send("<presence/>").await;
        client.expect("<presence").await;
        befriend(&mut first, &mut client, ["juliet", &name]).await;
        contacts.push(client);
    }
    drop(first);
    let writes = Arc::new(AtomicUsize::new(0));
    let (ours, io) = duplex(256 * 1024);
    let counting = Counting {
        io,
        writes: writes.clone(),
    };
    let peer = Peer::direct(Ipv4Addr::LOCALHOST.into());
    world
        .server
        .tasks
        .spawn(serve_io(world.server.clone(), counting, peer));
    let mut juliet = world.session_on(Client::new(ours), "juliet", "balcony").await;
    writes.store(0, Ordering::SeqCst);
    juliet.send("<presence/>").await;
    for _ in 0..=CONTACTS {
        juliet.expect("<presence").await;
    }
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    // And nobody is shown twice.
    juliet
        .send("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    let rest = juliet.expect("id='after'").await;
    assert!(!rest.contains("<presence"), "{rest}");
}
