//! XMPP over HTTP: XEP-0124 and XEP-0206, request by request. What HTTP itself has to do with it is the binary's.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sha1::{Digest, Sha1};
use tokio::task::JoinHandle;
use xmpp::listen::Peer;
use xmpp::listen::bosh::{self, Reply};
use xmpp::server::Server;

use crate::support::{PASSWORD, World, bind, dev_world, plain, world};

const XMLNS: &str = "xmlns='http://jabber.org/protocol/httpbind'";
const CREATE: &str = "to='localhost' wait='60' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'";
const BAD_REQUEST: &str = "type='terminate' condition='bad-request'";
const NOT_FOUND: &str = "type='terminate' condition='item-not-found'";
const VIOLATION: &str = "type='terminate' condition='policy-violation'";

fn here() -> Peer {
    Peer::direct(Ipv4Addr::LOCALHOST.into())
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// What a page would know of its session.
pub struct Session {
    server: Arc<Server>,
    pub sid: String,
    pub rid: u64,
}

/// A request on its way.
type Asked = JoinHandle<Reply>;

async fn said(asked: Asked) -> String {
    text(&asked.await.unwrap())
}

impl Session {
    /// A session of these attributes; its first answer.
    pub async fn create(server: &Arc<Server>, attributes: &str) -> (Session, String) {
        let rid = 1_573_741_820;
        let body = format!("<body {XMLNS} rid='{rid}' {attributes}/>");
        let reply = bosh::answer(server, here(), body.as_bytes()).await;
        let created = text(&reply);
        let sid = created
            .split_once(" sid='")
            .map_or("", |(_, rest)| rest.split('\'').next().unwrap());
        let session = Session {
            server: server.clone(),
            sid: sid.to_owned(),
            rid,
        };
        (session, created)
    }

    /// A bound session; only in development mode.
    pub async fn bound(world: &World, name: &str, attributes: &str) -> Session {
        world.account(name).await;
        let (mut session, created) = Session::create(&world.server, attributes).await;
        assert!(created.contains("<mechanism>PLAIN</mechanism>"), "{created}");
        session.sign_in(name).await;
        session
    }

    async fn sign_in(&mut self, name: &str) {
        let success = self.says(&plain(name, PASSWORD)).await;
        assert!(success.contains("<success"), "{success}");
        let features = said(self.restart()).await;
        assert!(features.contains("<bind xmlns="), "{features}");
        let bound = self.says(&bind("http")).await;
        assert!(
            bound.contains(&format!("<jid>{name}@localhost/http</jid>")),
            "{bound}"
        );
    }

    fn restart(&mut self) -> Asked {
        self.asks(
            "to='localhost' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'",
            "",
        )
    }

    /// A request with its own attributes, on its way.
    pub fn send(&self, rid: u64, attributes: &str, payload: &str) -> Asked {
        let sid = &self.sid;
        let body = format!("<body {XMLNS} rid='{rid}' sid='{sid}' {attributes}>{payload}</body>");
        self.send_raw(body)
    }

    fn send_raw(&self, body: String) -> Asked {
        let server = self.server.clone();
        tokio::spawn(async move { bosh::answer(&server, here(), body.as_bytes()).await })
    }

    /// The next request.
    pub fn asks(&mut self, attributes: &str, payload: &str) -> Asked {
        self.rid += 1;
        self.send(self.rid, attributes, payload)
    }

    /// The next request and its answer.
    pub async fn says(&mut self, payload: &str) -> String {
        said(self.asks("", payload)).await
    }

    /// Nothing but a request to be told something.
    fn listens(&mut self) -> Asked {
        self.asks("", "")
    }
}

/// Lets everybody do what they can do without time.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn to_self(body: &str) -> String {
    format!("<message xmlns='jabber:client' to='juliet@localhost/http'><body>{body}</body></message>")
}

#[tokio::test]
async fn the_whole_way() {
    let world = dev_world().await;
    world.account("juliet").await;
    let (mut session, created) = Session::create(&world.server, &format!("{CREATE} ack='1'")).await;
    for said in [
        "<body xmlns='http://jabber.org/protocol/httpbind' ",
        " wait='60' ",
        " requests='2' ",
        " hold='1' ",
        " inactivity='60' ",
        " polling='2' ",
        " maxpause='120' ",
        " ver='1.6' ",
        " ack='1573741820' ",
        " from='localhost' ",
        " xmpp:restartlogic='true' ",
        " xmpp:version='1.0'",
        " xmlns:stream='http://etherx.jabber.org/streams'",
        "<stream:features xmlns:stream=",
    ] {
        assert!(created.contains(said), "no {said} in {created}");
    }
    assert!(session.sid.len() >= 32, "{created}");
    // TLS is HTTP's (XEP-0206 §2).
    assert!(!created.contains("starttls"), "{created}");
    session.sign_in("juliet").await;
    // A message to oneself, without a namespace of its own (XEP-0206 §2), answers the request that brought it.
    let message = session
        .says("<message to='juliet@localhost/http'><body>first</body></message>")
        .await;
    assert!(
        message.contains("<message xmlns='jabber:client'") && message.contains("<body>first</body>"),
        "{message}"
    );
    assert!(message.contains("from='juliet@localhost/http'"), "{message}");
    // One request waits until there is something to say.
    let waiting = session.listens();
    settle().await;
    assert!(!waiting.is_finished());
    let sending = session.asks("", &to_self("second"));
    assert_eq!(
        said(waiting).await,
        format!("<body {XMLNS} ack='{}'/>", session.rid)
    );
    assert!(said(sending).await.contains("second"));
    // §13: what comes with the end still takes effect.
    let end = said(session.asks("type='terminate'", "<presence type='unavailable'/>")).await;
    assert_eq!(end, format!("<body {XMLNS} type='terminate'/>"));
    world.until_nobody_is_there().await;
    assert!(session.says("").await.contains(NOT_FOUND));
}

#[tokio::test]
async fn a_session_without_a_domain_or_sense_is_none() {
    let world = dev_world().await;
    for (attributes, condition) in [
        ("", "improper-addressing"),
        ("to=''", "improper-addressing"),
        ("to='elsewhere.example'", "host-unknown"),
        ("to='juliet@localhost'", "host-unknown"),
        ("to='localhost' wait='soon'", "bad-request"),
        ("to='localhost' hold='-1'", "bad-request"),
        ("to='localhost' ver='one'", "bad-request"),
        ("to='localhost' content='application/javascript'", "bad-request"),
    ] {
        let (_, answer) = Session::create(&world.server, attributes).await;
        assert_eq!(
            answer,
            format!("<body {XMLNS} type='terminate' condition='{condition}'/>"),
            "{attributes}"
        );
    }
    for body in [
        "",
        "<body/>",
        "<html xmlns='http://www.w3.org/1999/xhtml'/>",
        &format!("<body {XMLNS} to='localhost'/>"),
        &format!("<body {XMLNS} to='localhost' rid='0'/>"),
        &format!("<body {XMLNS} to='localhost' rid='9007199254740991'/>"),
        &format!("<body {XMLNS} to='localhost' rid='1'>"),
        &format!("<body {XMLNS} to='localhost' rid='1'>text</body>"),
        &format!("<body {XMLNS} to='localhost' rid='1'><!-- --></body>"),
    ] {
        let reply = bosh::answer(&world.server, here(), body.as_bytes()).await;
        assert!(text(&reply).contains(BAD_REQUEST), "{body}: {}", text(&reply));
    }
    assert_eq!(world.server.connections.count(), 0);
}

#[tokio::test]
async fn what_a_client_asks_for_is_bounded() {
    let world = dev_world().await;
    let (_, created) = Session::create(
        &world.server,
        "to='localhost' wait='86400' hold='1000' ver='2.0' content='text/plain; charset=utf-8'",
    )
    .await;
    for said in [" wait='60' ", " hold='2' ", " requests='3' ", " ver='1.11' "] {
        assert!(created.contains(said), "no {said} in {created}");
    }
}

#[tokio::test]
async fn requests_are_taken_and_answered_in_their_order() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", &CREATE.replace("hold='1'", "hold='2'")).await;
    let first = session.rid + 1;
    let third = session.send(first + 2, "", &to_self("three"));
    let second = session.send(first + 1, "", &to_self("two"));
    settle().await;
    assert!(!third.is_finished() && !second.is_finished());
    let one = said(session.asks("", &to_self("one"))).await;
    settle().await;
    let mut all = one;
    for asked in [second, third] {
        // What was said earlier already leaves nothing to say.
        if asked.is_finished() {
            all += &said(asked).await;
        }
    }
    let at = |word: &str| {
        all.find(&format!("<body>{word}</body>"))
            .unwrap_or_else(|| panic!("no {word} in {all}"))
    };
    assert!(at("one") < at("two") && at("two") < at("three"), "{all}");
}

#[tokio::test]
async fn numbers_outside_of_the_window_end_the_session() {
    for offset in [3, 1_000_000, -1_000_000] {
        let world = dev_world().await;
        let session = Session::bound(&world, "juliet", CREATE).await;
        let rid = session.rid.checked_add_signed(offset).unwrap();
        let refused = said(session.send(rid, "", &to_self("never"))).await;
        assert_eq!(refused, format!("<body {XMLNS} {NOT_FOUND}/>"), "{offset}");
        world.until_nobody_is_there().await;
    }
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let world = dev_world().await;
    let session = Session {
        server: world.server.clone(),
        sid: "guessed".into(),
        rid: 1,
    };
    assert!(said(session.send(7, "", "")).await.contains(NOT_FOUND));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let answer = session.says(&to_self("once")).await;
    assert!(answer.contains("once"));
    // The same, and the message is not sent a second time.
    let again = said(session.send(session.rid, "", &to_self("once"))).await;
    assert_eq!(answer, again);
    let waiting = session.listens();
    settle().await;
    assert!(!waiting.is_finished());
    // §17.3: the older of two copies is told so.
    let newer = session.send(session.rid, "", "");
    assert_eq!(said(waiting).await, format!("<body {XMLNS} type='error'/>"));
    settle().await;
    assert!(!newer.is_finished());
    let sending = session.asks("", &to_self("twice"));
    assert_eq!(said(newer).await, format!("<body {XMLNS}/>"));
    assert!(said(sending).await.contains("twice"));
    // Only so often.
    let mut last = String::new();
    for _ in 0..11 {
        last = said(session.send(session.rid, "", "")).await;
    }
    assert_eq!(last, format!("<body {XMLNS} {VIOLATION}/>"));
}

#[tokio::test]
async fn what_is_said_to_a_broken_connection_is_kept() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let mut romeo = world_client(&world, "romeo").await;
    let broken = session.listens();
    settle().await;
    broken.abort();
    settle().await;
    romeo
        .send("<message to='juliet@localhost/http'><body>meanwhile</body></message>")
        .await;
    romeo
        .send("<iq type='get' id='done' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    romeo.expect("id='done'").await;
    settle().await;
    // The client does not know what became of its request and repeats it.
    let repeated = said(session.send(session.rid, "", "")).await;
    assert!(repeated.contains("meanwhile"), "{repeated}");
    // Another that goes on with the next gets it there.
    let broken = session.listens();
    settle().await;
    broken.abort();
    settle().await;
    romeo
        .send("<message to='juliet@localhost/http'><body>again</body></message>")
        .await;
    settle().await;
    let next = session.says(&to_self("own")).await;
    let repeated = said(session.send(session.rid - 1, "", "")).await;
    assert_eq!(repeated, format!("<body {XMLNS}/>"));
    assert!(next.contains("again"), "{next}");
}

async fn world_client(world: &World, name: &str) -> crate::support::Client<tokio::io::DuplexStream> {
    world.account(name).await;
    world.session(name, "tcp").await
}

#[tokio::test]
async fn nobody_waits_longer_than_they_want() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", &CREATE.replace("wait='60'", "wait='20'")).await;
    let waiting = session.listens();
    settle().await;
    world.clock.advance(19_999);
    settle().await;
    assert!(!waiting.is_finished());
    world.clock.advance(1);
    assert_eq!(said(waiting).await, format!("<body {XMLNS}/>"));
}

#[tokio::test]
async fn silence_ends_the_session_and_a_held_request_is_none() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    for _ in 0..3 {
        let waiting = session.listens();
        settle().await;
        world.clock.advance(59_000);
        settle().await;
        world.clock.advance(1_000);
        assert_eq!(said(waiting).await, format!("<body {XMLNS}/>"));
        world.clock.advance(30_000);
        settle().await;
    }
    world.clock.advance(29_999);
    settle().await;
    assert_eq!(world.server.registry.all().len(), 1);
    world.clock.advance(1);
    world.until_nobody_is_there().await;
    assert!(session.says("").await.contains(NOT_FOUND));
}

#[tokio::test]
async fn half_open_connections_do_not_keep_a_session() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let waiting = session.listens();
    settle().await;
    waiting.abort();
    settle().await;
    world.clock.advance(60_000);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn a_pause_is_longer_than_silence() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let waiting = session.listens();
    settle().await;
    // §10: both are answered at once, with nothing in them.
    let pausing = session.asks("pause='120'", &to_self("later"));
    assert_eq!(said(waiting).await, format!("<body {XMLNS}/>"));
    assert_eq!(said(pausing).await, format!("<body {XMLNS}/>"));
    world.clock.advance(119_000);
    settle().await;
    assert!(session.says("").await.contains("later"));
    // From the next request on it is as before.
    world.clock.advance(60_000);
    world.until_nobody_is_there().await;

    let mut session = Session::create(&world.server, CREATE).await.0;
    session.sign_in("juliet").await;
    // A pause can be shorter, too, and not longer than was said.
    assert_eq!(
        said(session.asks("pause='5'", "")).await,
        format!("<body {XMLNS}/>")
    );
    settle().await;
    world.clock.advance(5_000);
    world.until_nobody_is_there().await;
    let mut session = Session::create(&world.server, CREATE).await.0;
    assert!(said(session.asks("pause='121'", "")).await.contains(VIOLATION));
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn asking_for_nothing_all_the_time_is_a_violation() {
    let world = dev_world().await;
    // §11: as many requests as may be at once, the last of them empty and soon after the one before.
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let waiting = session.listens();
    settle().await;
    assert!(session.says("").await.contains(VIOLATION));
    assert_eq!(
        said(waiting).await,
        format!("<body {XMLNS} type='terminate' condition='other-request'/>")
    );
    world.until_nobody_is_there().await;
    // Not so soon it is well.
    let mut session = Session::create(&world.server, CREATE).await.0;
    let waiting = session.listens();
    settle().await;
    world.clock.advance(2_000);
    let next = session.listens();
    assert_eq!(said(waiting).await, format!("<body {XMLNS}/>"));
    settle().await;
    assert!(!next.is_finished());

    // §12: a client that polls.
    world.account("romeo").await;
    let (mut session, created) =
        Session::create(&world.server, &CREATE.replace("hold='1'", "hold='0'")).await;
    assert!(
        created.contains(" requests='1' ") && created.contains(" inactivity='90' "),
        "{created}"
    );
    let unknown = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>";
    assert_eq!(session.says(unknown).await, format!("<body {XMLNS}/>"));
    settle().await;
    let failure = session.says("").await;
    assert!(failure.contains("<invalid-mechanism/>"), "{failure}");
    // What brought something may be followed by the next at once, what brought nothing may not.
    settle().await;
    assert_eq!(session.says("").await, format!("<body {XMLNS}/>"));
    assert!(session.says("").await.contains(VIOLATION));
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    // Two are within the window while the first has not come; a third is not, unless it ends the session.
    let early = session.send(session.rid + 2, "", &to_self("early"));
    settle().await;
    let end = session.send(session.rid + 3, "type='terminate'", "");
    settle().await;
    assert!(!early.is_finished() && !end.is_finished());
    let first = session.says(&to_self("first")).await;
    assert!(
        first.contains("first") || first == format!("<body {XMLNS}/>"),
        "{first}"
    );
    assert!(!said(early).await.contains("condition"));
    let _ = said(end).await;
    world.until_nobody_is_there().await;
}

fn hash(key: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha1::digest(key.as_bytes()) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

#[tokio::test]
async fn keys_keep_others_out() {
    let world = dev_world().await;
    world.account("juliet").await;
    // §15.3: K(1) to K(4).
    let keys: Vec<String> = std::iter::successors(Some(hash("seed")), |key| Some(hash(key)))
        .take(4)
        .collect();
    let (mut session, _) = Session::create(&world.server, &format!("{CREATE} newkey='{}'", keys[3])).await;
    let key = |number: usize| format!("key='{}'", keys[number]);
    let success = said(session.asks(&key(2), &plain("juliet", PASSWORD))).await;
    assert!(success.contains("<success"), "{success}");
    // Comparison does not look at case, and the last key brings a new sequence.
    let restart = format!(
        "{} to='localhost' xmpp:restart='1' xmlns:xmpp='urn:xmpp:xbosh'",
        key(1)
    );
    assert!(said(session.asks(&restart, "")).await.contains("<bind"));
    let next = hash("another seed");
    let last = format!("{} newkey='{}'", key(0), hash(&next).to_uppercase());
    assert!(said(session.asks(&last, &bind("http"))).await.contains("<jid>"));
    let sent = said(session.asks(&format!("key='{next}'"), &to_self("keyed"))).await;
    assert!(sent.contains("keyed"), "{sent}");
    // Whoever knows the numbers but not the key gets nothing, and it is the end.
    let stolen = said(session.asks(
        "key='0123456789012345678901234567890123456789'",
        &to_self("stolen"),
    ))
    .await;
    assert_eq!(stolen, format!("<body {XMLNS} {NOT_FOUND}/>"));
    world.until_nobody_is_there().await;

    let (mut session, _) = Session::create(&world.server, &format!("{CREATE} newkey='{}'", keys[3])).await;
    assert!(session.says("").await.contains(NOT_FOUND));
}

#[tokio::test]
async fn answers_that_did_not_arrive_are_reported() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", &format!("{CREATE} ack='1'")).await;
    let (before, lost) = (session.rid, session.rid + 1);
    assert!(session.says(&to_self("lost")).await.contains("lost"));
    world.clock.advance(2_500);
    let next = said(session.asks(&format!("ack='{before}'"), "")).await;
    assert_eq!(next, format!("<body {XMLNS} report='{lost}' time='2500'/>"));
    assert!(said(session.send(lost, "", "")).await.contains("lost"));
    // What has arrived is not kept.
    assert!(session.says(&to_self("more")).await.contains("more"));
    assert!(said(session.send(lost, "", "")).await.contains(NOT_FOUND));
}

#[tokio::test]
async fn stream_errors_are_told_within() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let told = session
        .says("<message xmlns='jabber:client' to='juliet@localhost/http'><body>before</body></message><dance xmlns='urn:x'/>")
        .await;
    // XEP-0206 §6: the stanzas before it, then the error; at the latest with the next answer.
    assert!(told.contains("before"), "{told}");
    let told = if told.contains("terminate") {
        told
    } else {
        session.says("").await
    };
    assert!(
        told.starts_with(&format!(
            "<body {XMLNS} xmlns:stream='http://etherx.jabber.org/streams' type='terminate' condition='remote-stream-error'>"
        )),
        "{told}"
    );
    assert!(
        told.contains("<unsupported-stanza-type xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"),
        "{told}"
    );
    world.until_nobody_is_there().await;
    // Whoever was not there is told at the next request.
    let mut session = Session::create(&world.server, CREATE).await.0;
    session.sign_in("juliet").await;
    let mut other = Session::create(&world.server, CREATE).await.0;
    other.sign_in("juliet").await;
    settle().await;
    let told = session.says("").await;
    assert!(
        told.contains("condition='remote-stream-error'") && told.contains("<conflict "),
        "{told}"
    );
    assert!(session.says("").await.contains(NOT_FOUND));
    // Nothing goes on in the clear from elsewhere.
    let world = crate::support::world(|_| {}).await;
    let body = format!("<body {XMLNS} rid='1' {CREATE}/>");
    let afar = Peer::direct(Ipv4Addr::new(192, 0, 2, 7).into());
    let told = text(&bosh::answer(&world.server, afar, body.as_bytes()).await);
    assert!(told.contains("<policy-violation "), "{told}");
    // A legacy client has its errors from HTTP (§17.1).
    let (session, created) = Session::create(&world.server, "to='localhost'").await;
    assert!(!created.contains(" ver="), "{created}");
    let reply = session.send(session.rid + 9, "", "").await.unwrap();
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_session_begun_under_tls_stays_there() {
    let world = world(|_| {}).await;
    let secure = Peer {
        is_secure: true,
        ..here()
    };
    let body = format!("<body {XMLNS} rid='10' {CREATE}/>");
    let created = text(&bosh::answer(&world.server, secure, body.as_bytes()).await);
    assert!(created.contains("<mechanism>PLAIN</mechanism>"), "{created}");
    let sid = created
        .split(" sid='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    let next = format!("<body {XMLNS} rid='11' sid='{sid}' type='terminate'/>");
    let plain = text(&bosh::answer(&world.server, here(), next.as_bytes()).await);
    assert!(plain.contains(NOT_FOUND), "{plain}");
    // It goes on for whoever comes the right way.
    let secure = text(&bosh::answer(&world.server, secure, next.as_bytes()).await);
    assert_eq!(secure, format!("<body {XMLNS} type='terminate'/>"));
}

#[tokio::test]
async fn sessions_are_bounded_in_number_and_requests_in_size() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.bosh_sessions = 2;
    })
    .await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let (other, _) = Session::create(&world.server, CREATE).await;
    let (_, refused) = Session::create(&world.server, CREATE).await;
    assert!(refused.contains("condition='internal-server-error'"), "{refused}");
    let begun = |session: &Session| format!("<body {XMLNS} rid='{}' sid='{}'>", session.rid + 1, session.sid);
    let allowed = |session: &Session| bosh::allowance(&world.server, begun(session).as_bytes());
    assert_eq!(allowed(&other), 14 * 1024);
    assert_eq!(allowed(&session), 260 * 1024);
    assert_eq!(bosh::allowance(&world.server, b"nonsense"), 14 * 1024);
    // What is too long for the stream is the stream's error.
    let long = session.says(&to_self(&"x".repeat(257 * 1024))).await;
    assert!(
        long.contains("remote-stream-error") && long.contains("<policy-violation "),
        "{long}"
    );
    let reply = bosh::too_long(&world.server, here(), begun(&other).as_bytes());
    assert!(text(&reply).contains(VIOLATION));
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn malformed_payloads_end_the_session_of_whoever_owns_it() {
    for payload in [
        "<message><body>unclosed</message>",
        "<!-- nothing to see -->",
        "<?php ?>",
        "stray words",
        "<message to='a' to='b'/>",
        "<message>&lol;</message>",
        "<x:y/>",
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>",
    ] {
        let world = dev_world().await;
        let mut session = Session::bound(&world, "juliet", CREATE).await;
        // A stranger's nonsense under a wrong number does not.
        let stranger = said(session.send(session.rid + 100, "", payload)).await;
        assert!(stranger.contains(BAD_REQUEST), "{payload}: {stranger}");
        assert!(session.says(&to_self("still here")).await.contains("still here"));
        let refused = session.says(payload).await;
        assert_eq!(refused, format!("<body {XMLNS} {BAD_REQUEST}/>"), "{payload}");
        world.until_nobody_is_there().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_bounded_memory() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.mailbox_soft_bytes = 64 * 1024;
        settings.limits.mailbox_hard_bytes = 256 * 1024;
    })
    .await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let mut romeo = world_client(&world, "romeo").await;
    let body = "x".repeat(10_000);
    for _ in 0..60 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost/http'><body>{body}</body></message>"
            ))
            .await;
    }
    romeo
        .send("<iq type='get' id='done' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    romeo.expect("id='done'").await;
    world.until(|server| server.registry.all().len() == 1).await;
    let told = session.says("").await;
    assert!(
        told.contains("condition='remote-stream-error'") && told.contains("<resource-constraint "),
        "{}",
        told.len()
    );
}

#[tokio::test]
async fn everybody_is_told_when_the_server_stops() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let waiting = session.listens();
    settle().await;
    world.server.shutdown.cancel();
    let told = said(waiting).await;
    assert!(
        told.contains("condition='remote-stream-error'") && told.contains("<system-shutdown "),
        "{told}"
    );
    let (_, refused) = Session::create(&world.server, CREATE).await;
    assert!(refused.contains("condition='system-shutdown'"), "{refused}");
}

#[tokio::test]
async fn sessions_from_one_address_are_connections_of_it() {
    let world = world(|settings| settings.limits.connections_per_ip = 2).await;
    let afar = Peer {
        is_secure: true,
        ..Peer::direct(Ipv4Addr::new(192, 0, 2, 7).into())
    };
    let body = format!("<body {XMLNS} rid='1' {CREATE}/>");
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(text(&bosh::answer(&world.server, afar, body.as_bytes()).await));
    }
    assert!(
        answers[0].contains(" sid=") && answers[1].contains(" sid="),
        "{answers:?}"
    );
    assert_eq!(answers[2], format!("<body {XMLNS} {VIOLATION}/>"));
    assert_eq!(world.server.connections.count(), 2);
}

#[tokio::test]
async fn a_managed_session_goes_on_elsewhere_when_its_requests_end() {
    let world = dev_world().await;
    let mut session = Session::bound(&world, "juliet", CREATE).await;
    let mut romeo = world_client(&world, "romeo").await;
    let enabled = session
        .says("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await;
    let id = enabled.split(" id='").nth(1).unwrap().split('\'').next().unwrap();
    let hers = world.server.registry.all();
    let hers = hers
        .iter()
        .find(|one| one.jid.as_str() == "juliet@localhost/http")
        .unwrap();
    settle().await;
    world.clock.advance(60_000);
    world.until(|_| hers.is_hibernating()).await;
    assert!(session.says("").await.contains(NOT_FOUND));
    romeo
        .send("<message to='juliet@localhost/http' type='chat'><body>meanwhile</body></message>")
        .await;
    let mut client = crate::hostile::resume(&world, "juliet", id, 0).await;
    client.expect("meanwhile").await;
}
