#![allow(clippy::unwrap_used)]
use super::*;

const SITE: &str = "https://social.example.org";

fn request() -> http::request::Builder {
    Request::builder()
        .uri(PATH)
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-version", "13")
        // The example of RFC 6455 §1.3.
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn check(builder: http::request::Builder, origins: &Origins) -> Result<HeaderValue, Refusal> {
    handshake(&builder.body(()).unwrap(), origins, SITE)
}

#[test]
fn the_example_of_the_rfc_is_accepted() {
    let accept = check(
        request().header("sec-websocket-protocol", "chat, xmpp"),
        &Origins::Any,
    )
    .unwrap();
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let response = accepted(accept);
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["sec-websocket-protocol"], "xmpp");
}

#[test]
fn each_wrong_part_has_its_answer() {
    let any = &Origins::Any;
    let plain = Request::builder().uri(PATH).body(()).unwrap();
    assert_eq!(handshake(&plain, any, SITE), Err(Refusal::NotAnUpgrade));
    assert_eq!(refused(Refusal::NotAnUpgrade).status(), 426);
    assert_eq!(check(request().method("POST"), any), Err(Refusal::NotAnUpgrade));
    assert_eq!(check(request(), any), Err(Refusal::Subprotocol));
    assert_eq!(
        check(request().version(Version::HTTP_10), any),
        Err(Refusal::Malformed)
    );
    for (name, value, refusal) in [
        ("sec-websocket-version", "8", Refusal::Version),
        ("sec-websocket-key", "c2hvcnQ=", Refusal::Malformed),
        ("sec-websocket-key", "not base64", Refusal::Malformed),
    ] {
        let mut wrong = request()
            .header("sec-websocket-protocol", "xmpp")
            .body(())
            .unwrap();
        wrong.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(handshake(&wrong, any, SITE), Err(refusal));
    }
    assert_eq!(refused(Refusal::Version).headers()["sec-websocket-version"], "13");
}

#[test]
fn a_page_from_elsewhere_does_not_reach_a_server_for_localhost() {
    let with = |origin: &str| {
        request()
            .header("sec-websocket-protocol", "xmpp")
            .header("origin", origin.to_owned())
    };
    for good in [
        "http://localhost:5280",
        "https://127.0.0.1",
        "http://[::1]:5280",
        "http://a.localhost",
    ] {
        assert!(check(with(good), &Origins::Loopback).is_ok(), "{good}");
    }
    for bad in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://evil.example:localhost",
    ] {
        assert_eq!(
            check(with(bad), &Origins::Loopback),
            Err(Refusal::Origin),
            "{bad}"
        );
        assert!(check(with(bad), &Origins::Any).is_ok());
    }
    let only = Origins::Only(vec!["https://chat.example.org/".into()]);
    assert!(check(with("https://chat.example.org"), &only).is_ok());
    assert!(check(with(SITE), &only).is_ok());
    assert_eq!(check(with("https://evil.example"), &only), Err(Refusal::Origin));
    assert!(
        check(
            request().header("sec-websocket-protocol", "xmpp"),
            &Origins::Loopback
        )
        .is_ok()
    );
}
