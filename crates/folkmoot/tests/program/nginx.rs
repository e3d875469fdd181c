//! Debian's nginx before the server, with the configuration that docs/operating.md shows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::handshake;
use crate::running::{Folder, Server};

const NGINX: &str = "/usr/sbin/nginx";

/// The blocks of the page that are nginx's, in their order.
fn documented() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let page = std::fs::read_to_string(page).unwrap();
    page.split("```nginx\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// A port that is free at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The proxy; it ends when dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The documented configuration, on these ports.
struct Ports {
    http: u16,
    https: u16,
    xmpp: u16,
    xmpp_tls: u16,
}

fn start(folder: &Folder, server: &Server) -> (Nginx, Ports) {
    let home = folder.join("nginx");
    std::fs::create_dir(&home).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["example.org".to_owned()]).unwrap();
    std::fs::write(home.join("fullchain.pem"), made.cert.pem()).unwrap();
    std::fs::write(home.join("privkey.pem"), made.signing_key.serialize_pem()).unwrap();
    let ports = Ports {
        http: free_port(),
        https: free_port(),
        xmpp: free_port(),
        xmpp_tls: free_port(),
    };
    let blocks = documented();
    assert_eq!(blocks.len(), 2, "one for http, one for stream");
    let mut text = blocks.concat();
    // The page's ports and files are this test's; all else stands as it is written.
    let own = |path: &str| home.join(path).display().to_string();
    for (from, to) in [
        (
            "listen 443 ssl;",
            format!("listen 127.0.0.1:{} ssl;", ports.https),
        ),
        ("listen [::]:443 ssl;", String::new()),
        ("listen 80;", format!("listen 127.0.0.1:{};", ports.http)),
        ("listen [::]:80;", String::new()),
        ("listen 5222;", format!("listen 127.0.0.1:{};", ports.xmpp)),
        ("listen [::]:5222;", String::new()),
        ("listen 5223;", format!("listen 127.0.0.1:{};", ports.xmpp_tls)),
        ("listen [::]:5223;", String::new()),
        ("127.0.0.1:5280", format!("127.0.0.1:{}", server.port("http"))),
        ("127.0.0.1:15222", format!("127.0.0.1:{}", server.port("xmpp"))),
        (
            "127.0.0.1:15223",
            format!("127.0.0.1:{}", server.port("xmpp_tls")),
        ),
        (
            "/etc/letsencrypt/live/example.org/fullchain.pem",
            own("fullchain.pem"),
        ),
        (
            "/etc/letsencrypt/live/example.org/privkey.pem",
            own("privkey.pem"),
        ),
    ] {
        assert!(text.contains(from), "{from} stands in docs/operating.md");
        text = text.replace(from, &to);
    }
    let (http, stream) = text.split_once("stream {").unwrap();
    let temp = home.display();
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\npid {temp}/pid;\nerror_log stderr error;\nevents {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {temp}/body;\nproxy_temp_path {temp}/proxy;\nfastcgi_temp_path {temp}/fastcgi;\nuwsgi_temp_path {temp}/uwsgi;\nscgi_temp_path {temp}/scgi;\n{http}\n}}\nstream {{{stream}\n"
    );
    let path: PathBuf = home.join("nginx.conf");
    std::fs::write(&path, config).unwrap();
    let child = Command::new(NGINX)
        .arg("-c")
        .arg(&path)
        .arg("-p")
        .arg(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(home.join("log")).unwrap())
        .spawn()
        .expect("nginx (scripts/setup.sh test installs it)");
    let mut nginx = Nginx(child);
    for port in [ports.http, ports.https, ports.xmpp, ports.xmpp_tls] {
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if nginx.0.try_wait().unwrap().is_some() {
                panic!("{}", std::fs::read_to_string(home.join("log")).unwrap());
            }
            std::thread::yield_now();
        }
    }
    (nginx, ports)
}

fn server(folder: &Folder, trusted: &str) -> Server {
    let trusted = format!("trusted_proxies={trusted}");
    Server::start(
        folder,
        &[
            "--domain",
            "example.org",
            "--bind",
            "127.0.0.1",
            "--set",
            "site_url=https://example.org",
            "--set",
            "ports.proxy_protocol=[xmpp, xmpp_tls]",
            "--set",
            &trusted,
        ],
    )
}

/// A page over the proxy's HTTPS, with a header that claims another address.
fn page(port: u16, path: &str) -> String {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = handshake::connect(socket, "example.org", b"http/1.1").unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What is answered to a stream's header.
fn greeting(stream: &mut (impl Read + Write)) -> String {
    stream.write_all(HEADER.as_bytes()).unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 4_096];
    while !seen.contains("</stream:features>") {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return seen,
            Ok(length) => seen.push_str(&String::from_utf8_lossy(&bytes[..length])),
        }
    }
    seen
}

#[test]
fn pages_web_sockets_and_streams_go_through_it() {
    let folder = Folder::new();
    let server = server(&folder, "127.0.0.1");
    let (nginx, ports) = start(&folder, &server);
    // The claim of the client itself counts for nothing: the proxy names whom it saw.
    let seen = page(ports.https, "/healthz/connection");
    assert!(
        seen.contains("{\"address\":\"127.0.0.1\",\"secure\":true,\"proxied\":true}"),
        "{seen}"
    );
    assert!(page(ports.https, "/healthz").contains("\r\n\r\nok\n"));
    let mut plain = TcpStream::connect(("127.0.0.1", ports.http)).unwrap();
    write!(
        plain,
        "GET /x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 301") && answer.contains("https://example.org/x"),
        "{answer}"
    );

    let socket = TcpStream::connect(("127.0.0.1", ports.https)).unwrap();
    let mut stream = handshake::connect(socket, "example.org", b"http/1.1").unwrap();
    write!(
        stream,
        "GET /xmpp-websocket HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://example.org\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 101"), "{line}");

    let mut stream = TcpStream::connect(("127.0.0.1", ports.xmpp)).unwrap();
    assert!(greeting(&mut stream).contains("<starttls"));
    let socket = TcpStream::connect(("127.0.0.1", ports.xmpp_tls)).unwrap();
    let mut stream = handshake::connect(socket, "example.org", b"xmpp-client").unwrap();
    assert!(greeting(&mut stream).contains("SCRAM-SHA-256"));
    drop(nginx);
    let (status, log) = server.stop();
    assert!(status.success());
    assert!(!log.contains("was refused"), "{log}");
}

#[test]
fn both_versions_are_read_and_whoever_comes_directly_is_refused() {
    let folder = Folder::new();
    let server = server(&folder, "127.0.0.1");
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    second.extend([203, 0, 113, 9, 192, 0, 2, 1, 1, 2, 0x14, 0x66]);
    for header in [&b"PROXY TCP4 203.0.113.9 192.0.2.1 258 5222\r\n"[..], &second] {
        let mut stream = server.connect("xmpp");
        stream.write_all(header).unwrap();
        assert!(greeting(&mut stream).contains("<starttls"));
    }
    let mut direct = server.connect("xmpp");
    assert_eq!(greeting(&mut direct), "");
    let (_, log) = server.stop();
    assert!(
        log.contains("a connection to a port for proxies was refused"),
        "{log}"
    );
    assert!(log.contains("no PROXY protocol header"), "{log}");
}

#[test]
fn a_proxy_that_is_not_trusted_is_not_believed() {
    let folder = Folder::new();
    let server = server(&folder, "192.0.2.1");
    let mut stream = server.connect("xmpp");
    // The server may close before all is written.
    let _ = stream.write_all(b"PROXY TCP4 203.0.113.9 192.0.2.1 258 5222\r\n");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    let mut stream = server.connect("http");
    write!(
        stream,
        "GET /healthz/connection HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).unwrap();
    assert!(
        seen.contains("{\"address\":\"127.0.0.1\",\"secure\":false,\"proxied\":false}"),
        "{seen}"
    );
    let (_, log) = server.stop();
    assert!(log.contains("it comes from no trusted proxy"), "{log}");
}
