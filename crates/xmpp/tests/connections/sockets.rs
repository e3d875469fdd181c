//! Real sockets of this machine: both TLS ports, certificates that change, and the listener's end.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use xmpp::listen::{Arrival, Mode, serve_tcp};
use xmpp::transport::TlsConfig;

use crate::support::{Client, HEADER, PASSWORD, World, plain, world};

async fn listen(world: &World, mode: Mode) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    world
        .server
        .tasks
        .spawn(serve_tcp(world.server.clone(), listener, mode, Arrival::Direct));
    address
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

async fn sign_in(client: &mut Client<TlsStream<TcpStream>>, resource: &str) {
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain("juliet", PASSWORD)).await;
    client.expect("<success").await;
    client.bind(resource).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ports_and_both_versions() {
    let world = world(|settings| settings.limits.session_bytes_per_s = 0).await;
    world.account("juliet").await;
    let direct = listen(&world, Mode::DirectTls).await;
    let starttls = listen(&world, Mode::StartTls).await;
    let body = "x".repeat(200 * 1024);
    for version in [&TLS12, &TLS13] {
        for address in [direct, starttls] {
            let socket = TcpStream::connect(address).await.unwrap();
            let socket = if address == starttls {
                let mut plain = Client::new(socket);
                plain.send(HEADER).await;
                plain.expect("</stream:features>").await;
                plain
                    .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
                    .await;
                plain
                    .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
                    .await;
                plain.io
            } else {
                socket
            };
            let tls = world.connector(&[version]).connect(name(), socket).await.unwrap();
            let mut client = Client::new(tls);
            sign_in(&mut client, "balcony").await;
            // Many records, both ways.
            client
                .send(&format!(
                    "<message to='juliet@localhost/balcony'><body>{body}</body></message>"
                ))
                .await;
            assert!(client.expect("</message>").await.contains(&body));
            client.send("</stream:stream>").await;
            // A clean end: without close_notify this would be an error.
            assert_eq!(client.rest().await, "</stream:stream>");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_drops_nobody() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let address = listen(&world, Mode::DirectTls).await;
    let connector = world.connector(&[&TLS13]);
    let tls = connector
        .connect(name(), TcpStream::connect(address).await.unwrap())
        .await
        .unwrap();
    let mut client = Client::new(tls);
    sign_in(&mut client, "balcony").await;

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    world
        .server
        .connections
        .set_tls(TlsConfig::new(vec![made.cert.der().clone()], key.into()).unwrap());
    // The old certificate is gone for new connections …
    let refused = connector
        .connect(name(), TcpStream::connect(address).await.unwrap())
        .await;
    assert!(refused.is_err());
    // … and the connection that stands goes on.
    client
        .send("<message to='juliet@localhost/balcony'><body>still here</body></message>")
        .await;
    client.expect("still here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tls_on_the_tls_port_is_the_end() {
    let world = world(|_| {}).await;
    let address = listen(&world, Mode::DirectTls).await;
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.send(HEADER).await;
    while client.read().await {}
    assert!(!String::from_utf8_lossy(&client.came).contains("stream"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let world = world(|_| {}).await;
    let address = listen(&world, Mode::DirectTls).await;
    let mut silent = Client::new(TcpStream::connect(address).await.unwrap());
    let mut slow = Client::new(TcpStream::connect(address).await.unwrap());
    // The first bytes of a ClientHello.
    slow.send_bytes(&[22, 3, 1, 1, 0, 1]).await;
    world.until(|server| server.connections.count() == 2).await;
    let (clock, step) = (world.clock.clone(), world.server.settings.limits.auth_timeout_ms);
    let ticking = tokio::spawn(async move {
        loop {
            clock.advance(step);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(silent.rest().await, "");
    assert_eq!(slow.rest().await, "");
    ticking.abort();
    world.until_nobody_is_there().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_in_place_of_starttls_is_garbage() {
    let world = world(|_| {}).await;
    let address = listen(&world, Mode::StartTls).await;
    let refused = world
        .connector(&[&TLS13])
        .connect(name(), TcpStream::connect(address).await.unwrap())
        .await;
    assert!(refused.is_err());
    // And the other way round: after <proceed/> nothing but a handshake will do.
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client.send(HEADER).await;
    while client.read().await {}
    assert_eq!(client.came.first(), Some(&21), "an alert, and no stream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_stops_so_do_listeners_and_tasks() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let address = listen(&world, Mode::DirectTls).await;
    let tls = world
        .connector(&[&TLS13])
        .connect(name(), TcpStream::connect(address).await.unwrap())
        .await
        .unwrap();
    let mut client = Client::new(tls);
    sign_in(&mut client, "balcony").await;
    world.server.shutdown.cancel();
    client.expect("<system-shutdown ").await;
    client.expect("</stream:stream>").await;
    client.send("</stream:stream>").await;
    client.rest().await;
    assert!(TcpStream::connect(address).await.is_err());
}
