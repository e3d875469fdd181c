//! Pushes to browsers as a push service and a browser see them: RFC 8030 requests, signed by the server's key (RFC 8292), that
//! only the browser can read (RFC 8291).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use testkit::plain_client::PlainClient;

use crate::running::{Folder, Server};

/// What a push service was sent.
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }
}

/// A push service on a port of its own: what is sent to `/gone` is gone, `/moved` leads elsewhere, all else is taken.
struct PushService {
    origin: String,
    requests: Receiver<Request>,
}

impl PushService {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let elsewhere = format!("{origin}/elsewhere");
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let request = read(&mut socket);
                let status = match request.path() {
                    "/gone" => "410 Gone".to_owned(),
                    "/moved" => format!("307 Temporary Redirect\r\nLocation: {elsewhere}"),
                    _ => "201 Created".to_owned(),
                };
                write!(socket, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { origin, requests }
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

fn read(socket: &mut std::net::TcpStream) -> Request {
    let mut reader = BufReader::new(socket);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let header = |line: &String| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_lowercase(), value.trim().to_owned())
    };
    let mut request = Request {
        line: lines[0].clone(),
        headers: lines[1..].iter().map(header).collect(),
        body: Vec::new(),
    };
    request.body = vec![0; request.header("content-length").parse().unwrap()];
    reader.read_exact(&mut request.body).unwrap();
    request
}

/// A browser's keys.
struct Browser {
    private: PrivateKey,
    public: Vec<u8>,
    secret: [u8; 16],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    extracted
        .expand(&[info], Length(N))
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}

impl Browser {
    fn new() -> Self {
        let private = PrivateKey::generate(&ECDH_P256).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Self {
            private,
            public,
            secret: [7; 16],
        }
    }

    /// RFC 8291 §3.4 and RFC 8188 §2, from the reader's side.
    fn decrypt(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (sender, record) = rest[5..].split_at(65);
        let input = agree(
            &self.private,
            UnparsedPublicKey::new(&ECDH_P256, sender),
            (),
            |shared| {
                let info = [b"WebPush: info\0", self.public.as_slice(), sender].concat();
                Ok(derive::<32>(&self.secret, shared, &info))
            },
        );
        let input = input.unwrap();
        let key = derive::<16>(salt, &input, b"Content-Encoding: aes128gcm\0");
        let nonce = derive::<12>(salt, &input, b"Content-Encoding: nonce\0");
        let mut record = record.to_vec();
        let opened = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap())
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
            .unwrap();
        let end = opened.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(opened[end], 2);
        serde_json::from_slice(&opened[..end]).unwrap()
    }

    /// Has the account of this client told by way of this endpoint.
    fn enable(&self, client: &mut PlainClient, endpoint: &str, text: &str) {
        let (key, secret) = (
            URL_SAFE_NO_PAD.encode(&self.public),
            URL_SAFE_NO_PAD.encode(self.secret),
        );
        client
            .ask(
                "enable",
                &format!(
                    "<iq type='set' id='enable'><enable xmlns='urn:x-folkmoot:web-push:0' endpoint='{endpoint}' \
                     p256dh='{key}' auth='{secret}' text='{text}'/></iq>"
                ),
            )
            .unwrap();
    }
}

/// RFC 8292 §2 to §3: signed for this push service by the key that browsers are told.
fn check_signature(request: &Request, origin: &str, key: &str) {
    let written = request.header("authorization");
    let (token, shown) = written
        .strip_prefix("vapid t=")
        .unwrap()
        .split_once(", k=")
        .unwrap();
    assert_eq!(shown, key);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, URL_SAFE_NO_PAD.decode(key).unwrap())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let claims = signed.split_once('.').unwrap().1;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["aud"], origin);
    let left = claims["exp"].as_i64().unwrap() - seconds_now();
    assert!((1..=86_400).contains(&left), "{left}");
    assert!(claims["sub"].as_str().unwrap().starts_with("http"), "{claims}");
}

fn seconds_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs() as i64
}

#[test]
fn browsers_are_told_what_only_they_can_read() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--dev", "--domain", "localhost", "--bind=127.0.0.1"]);
    let service = PushService::start();
    let address = server.address();
    let arrive = |name: &str| {
        PlainClient::register(address, name, "secret").unwrap();
        PlainClient::sign_in(address, name, "secret", "browser").unwrap()
    };
    let mut romeo = arrive("romeo");
    let say = |romeo: &mut PlainClient, to: &str, text: &str| {
        let message = format!("<message type='chat' to='{to}@localhost'><body>{text}</body></message>");
        romeo.send(&message).unwrap();
    };

    // By default only who wrote.
    let (mut juliet, browser) = (arrive("juliet"), Browser::new());
    let answer = juliet
        .ask(
            "key",
            "<iq type='get' id='key'><web-push xmlns='urn:x-folkmoot:web-push:0'/></iq>",
        )
        .unwrap();
    let document = answer.document();
    let told = document
        .root()
        .child("web-push", "urn:x-folkmoot:web-push:0")
        .unwrap();
    let key = told.attr("key").unwrap().into_owned();
    browser.enable(&mut juliet, &format!("{}/one", service.origin), "false");
    say(&mut romeo, "juliet", "Wherefore");
    let request = service.next();
    assert_eq!(request.line, "POST /one HTTP/1.1");
    assert_eq!(request.header("content-encoding"), "aes128gcm");
    assert_eq!(request.header("urgency"), "high");
    assert_eq!(request.header("ttl"), "86400");
    check_signature(&request, &service.origin, &key);
    let mut told = browser.decrypt(&request.body);
    assert!(told["events"][0]["at"].take().is_i64());
    assert_eq!(
        told,
        serde_json::json!({
            "account": "juliet@localhost",
            "events": [{ "kind": "message", "from": "romeo@localhost", "count": 1, "at": null }],
        })
    );

    // What it says only where that was asked for; the browser is the last account's that registered it.
    let mut nurse = arrive("nurse");
    browser.enable(&mut nurse, &format!("{}/one", service.origin), "true");
    say(&mut romeo, "nurse", "Commend me to thy lady");
    let request = service.next();
    let told = browser.decrypt(&request.body);
    assert_eq!(told["account"], "nurse@localhost");
    assert_eq!(told["events"][0]["text"], "Commend me to thy lady");
    say(&mut romeo, "juliet", "art thou");

    // A browser that is gone is not told again; and where a push service leads elsewhere nobody follows.
    let mut paris = arrive("paris");
    for path in ["gone", "moved", "there"] {
        browser.enable(&mut paris, &format!("{}/{path}", service.origin), "false");
    }
    say(&mut romeo, "paris", "Good gentle youth");
    let mut paths: Vec<String> = (0..3).map(|_| service.next().path().to_owned()).collect();
    paths.sort();
    assert_eq!(paths, ["/gone", "/moved", "/there"]);
    say(&mut romeo, "paris", "tempt not a desperate man");
    assert_eq!(service.next().path(), "/there");
    assert!(service.requests.try_recv().is_err());
}

#[test]
fn an_operator_may_tell_no_browsers() {
    let folder = Folder::new();
    std::fs::write(folder.join("folkmoot.toml"), "[push]\nbrowsers = false\n").unwrap();
    let server = Server::start(&folder, &["--dev", "--domain", "localhost", "--bind=127.0.0.1"]);
    let address = server.address();
    PlainClient::register(address, "juliet", "secret").unwrap();
    let mut juliet = PlainClient::sign_in(address, "juliet", "secret", "browser").unwrap();
    let asked = juliet.ask(
        "key",
        "<iq type='get' id='key'><web-push xmlns='urn:x-folkmoot:web-push:0'/></iq>",
    );
    assert!(asked.unwrap_err().to_string().contains("service-unavailable"));
}
