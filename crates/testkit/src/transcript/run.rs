//! Plays a transcript against a server of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use wire::{Document, Writer};

use super::http::Http;
use super::pattern::{Captures, compare, encode, fill, repeat, stanzas};
use super::sasl;
use super::step::{Located, Step, parse};
use crate::world::{Arrival, PASSWORD, World, is_component};

/// Why a transcript failed, with its line.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Failure {
    line: usize,
    why: String,
}

/// Real time after which something that should have happened has not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Plays a transcript from its text.
///
/// # Errors
/// The first step that did not go as written.
pub fn run(text: &str) -> Result<(), Failure> {
    let steps = parse(text).map_err(|why| Failure { line: 0, why })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure {
            line: 0,
            why: error.to_string(),
        })?;
    let tells_of_itself = steps.iter().any(|one| one.step == Step::TellsOfItself);
    runtime.block_on(async {
        let mut play = Play {
            world: World::start_with(|settings| settings.tells_of_server = tells_of_itself).await,
            captures: Captures::new(),
            asked: BTreeMap::new(),
            features: BTreeMap::new(),
            http: Http::default(),
        };
        for Located { line, step } in steps {
            let played = tokio::time::timeout(PATIENCE, play.step(step)).await;
            played
                .unwrap_or_else(|_| Err("nothing more came".to_owned()))
                .map_err(|why| Failure { line, why })?;
        }
        play.world.end().await;
        Ok(())
    })
}

struct Play {
    world: World,
    captures: Captures,
    /// The last stanza that each client sent.
    asked: BTreeMap<String, Document>,
    /// What each client that opened a stream was offered.
    features: BTreeMap<String, Document>,
    http: Http,
}

impl Play {
    async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Accounts(names) => {
                for name in names {
                    self.world.make_account(&name).await?;
                }
                Ok(())
            }
            // The world began so.
            Step::TellsOfItself => Ok(()),
            Step::Contacts(one, other) => self.world.befriend(&one, &other).await,
            Step::Follows(who, whom) => self.world.follow(&who, &whom).await,
            Step::Posted { who, id, text } => self.world.post(&who, &id, &text).await,
            Step::Connects(who) => self.world.connect(&who).await,
            Step::Online(who) => self.world.come_online(&who, &[]).await,
            Step::OnlineWanting(who, nodes) => self.world.come_online(&who, &nodes).await,
            Step::Sends(who, block) => {
                let block = fill(&block, &self.captures);
                // White space between stanzas is for the reader, not for the wire.
                let packet: String = block.lines().map(str::trim).collect::<Vec<_>>().join("\n");
                // What cannot be read is sent all the same; only what can be read is answered.
                let asked = stanzas(&packet).ok().and_then(|mut all| all.pop());
                asked.map(|asked| self.asked.insert(who.clone(), asked));
                self.world
                    .client(&who)?
                    .send(encode(&repeat(&packet)).as_bytes())
                    .await
            }
            Step::Opens(who) => {
                self.world.open_connection(&who);
                Ok(())
            }
            Step::Administrator(who) => self.world.make_administrator(&who).await,
            Step::Pushes { token, body } => {
                let (token, body) = (fill(&token, &self.captures), repeat(&body));
                self.world.push(token, body.into_bytes());
                Ok(())
            }
            Step::PushIs(outcome) => self.world.pushed(&outcome).await,
            Step::ConnectsAsComponent(who) => self.world.connect_component(&who).await,
            Step::TurnedAway(who, condition) => {
                self.world.prove_component(&who).await?;
                self.disconnected(&who, &condition).await
            }
            Step::OpensAsComponent(who) => {
                self.world.open_component(&who);
                Ok(())
            }
            Step::Answered(who, block) => {
                let mut answer = self.answer(&who, "result")?;
                answer.raw(block.as_bytes()).close();
                let arrived = self.next_stanza(&who).await?;
                self.check_text(answer, &arrived)
            }
            Step::Refused(who, error) => {
                let mut answer = self.answer(&who, "error")?;
                let arrived = self.next_stanza(&who).await?;
                write_error(&mut answer, &error, &arrived);
                answer.close();
                self.check_text(answer, &arrived)
            }
            Step::Receives(who, block) => {
                for expected in stanzas(&block)? {
                    let arrived = self.next_stanza(&who).await?;
                    self.check(&expected, &arrived)?;
                }
                Ok(())
            }
            Step::ReceivesDecoded(who, block) => {
                let arrived = sasl::decoded(&self.next_stanza(&who).await?)?;
                for expected in stanzas(&block)? {
                    self.check(&expected, &arrived)?;
                }
                Ok(())
            }
            Step::ReceivesUnordered(who, block) => self.receive_unordered(&who, &block).await,
            Step::ReceivesNothing(who) => self.receive_nothing(&who).await,
            Step::Leaves(who) => {
                self.world.client(&who)?.send(b"</stream:stream>").await?;
                self.until_end(&who).await
            }
            Step::OpensStream(who) => {
                let features = self.world.open_stream(&who).await?;
                self.features.insert(who, features);
                Ok(())
            }
            Step::Authenticates {
                who,
                mechanism,
                token,
                block,
            } => {
                self.authenticate(&who, &mechanism, token.as_deref(), &block)
                    .await
            }
            Step::SignsIn(who) => self.world.only_sign_in(&who).await,
            Step::CutOff(who) => match self.world.client(&who)?.next().await? {
                Arrival::Stanza(arrived) => Err(format!("expected the end, found {}", show(&arrived))),
                Arrival::End => {
                    self.world.forget(&who);
                    Ok(())
                }
            },
            Step::Loses(who) => self.world.lose_connection(&who).await,
            Step::BreaksOff(who) => self.world.break_off(&who).await,
            Step::Disconnected(who, condition) => self.disconnected(&who, &condition).await,
            Step::Posts(who, block) => {
                let block = fill(&block, &self.captures);
                let body: String = block.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                self.http.post(&self.world, &who, encode(&repeat(&body)));
                Ok(())
            }
            Step::GetsBack(who, block) => {
                let arrived = self.http.answer(&who).await?;
                stanzas(&block)?
                    .iter()
                    .try_for_each(|expected| self.check(expected, &arrived))
            }
            Step::Waits(who) => self.http.waits(&who).await,
            Step::ServerStops => {
                self.world.server.shutdown.cancel();
                Ok(())
            }
            Step::StoreHolds => {
                self.world.hold_commits();
                Ok(())
            }
            Step::StoreCommits => {
                self.world.release_commits();
                Ok(())
            }
            Step::NextCommitFails => {
                self.world.fail_next_commit();
                Ok(())
            }
            Step::ClockSetBack(seconds) => {
                self.world.clock.set_back(i64::from(seconds) * 1_000);
                Ok(())
            }
            Step::SecondsPass(seconds) => {
                self.world.clock.advance(seconds * 1_000);
                Ok(())
            }
        }
    }

    async fn next_stanza(&mut self, who: &str) -> Result<Document, String> {
        match self.world.client(who)?.next().await? {
            Arrival::Stanza(document) => {
                let jid = document
                    .root()
                    .child("authorization-identifier", "urn:xmpp:sasl:2")
                    .map(|jid| jid.text().into_owned());
                if let Some(jid) = jid {
                    self.world.client(who)?.known_as(&jid);
                }
                Ok(document)
            }
            Arrival::End => Err(format!("the server closed {who}'s stream")),
        }
    }

    /// Goes through an exchange of the second profile, up to its outcome.
    async fn authenticate(
        &mut self,
        who: &str,
        mechanism: &str,
        token: Option<&str>,
        block: &str,
    ) -> Result<(), String> {
        let name = who.split('/').next().unwrap_or(who);
        let children: String = fill(block, &self.captures).lines().collect();
        let (first, verifier) = match token {
            Some(token) => {
                let (first, verifier) = sasl::hashed_token(name, &fill(token, &self.captures));
                (first, Some(verifier))
            }
            None if mechanism == "PLAIN" => (format!("\0{name}\0{PASSWORD}").into_bytes(), None),
            None => (sasl::scram_first(name).into_bytes(), None),
        };
        let asked = sasl::authenticate(mechanism, &first, &children);
        self.world.client(who)?.send(asked.as_bytes()).await?;
        let verifier = if token.is_none() && mechanism != "PLAIN" {
            let challenge = self.next_stanza(who).await?;
            let features = self.features.get(who).ok_or("no stream was opened")?;
            let (response, verifier) = sasl::scram_last(name, &challenge, features)?;
            self.world.client(who)?.send(response.as_bytes()).await?;
            Some(verifier)
        } else {
            verifier
        };
        if let Some(verifier) = verifier {
            self.captures.insert("verifier".to_owned(), verifier);
        }
        Ok(())
    }

    /// The beginning of the answer to a client's last stanza: from whom it was sent to, in requests the account itself
    /// where that was nobody.
    fn answer(&mut self, who: &str, kind: &str) -> Result<Writer, String> {
        let own = self.world.client(who)?.jid().to_owned();
        let asked = self
            .asked
            .get(who)
            .ok_or_else(|| format!("{who} has asked nothing"))?
            .root();
        // A component speaks for many.
        let is_component = is_component(&own);
        let jid = asked
            .attr("from")
            .filter(|_| is_component)
            .map_or(own, std::borrow::Cow::into_owned);
        let bare = jid.split_once('/').map_or(jid.as_str(), |(bare, _)| bare);
        let from = asked
            .attr("to")
            .map_or_else(|| bare.to_owned(), std::borrow::Cow::into_owned);
        let mut writer = Writer::new();
        writer
            .open(asked.name())
            .attr("type", kind)
            .attr("from", &from)
            .attr("to", &jid);
        writer.attr_opt("id", asked.attr("id").as_deref());
        Ok(writer)
    }

    fn check_text(&mut self, expected: Writer, arrived: &Document) -> Result<(), String> {
        let expected = stanzas(&String::from_utf8_lossy(&expected.finish()))?;
        expected
            .iter()
            .try_for_each(|expected| self.check(expected, arrived))
    }

    fn check(&mut self, expected: &Document, arrived: &Document) -> Result<(), String> {
        let mut captures = self.captures.clone();
        compare(expected.root(), arrived.root(), &mut captures)
            .map_err(|why| format!("{why}\n    arrived: {}", show(arrived)))?;
        self.captures = captures;
        Ok(())
    }

    async fn receive_unordered(&mut self, who: &str, block: &str) -> Result<(), String> {
        let mut expected = stanzas(block)?;
        while !expected.is_empty() {
            let arrived = self.next_stanza(who).await?;
            let fitting = expected
                .iter()
                .position(|wanted| self.check_quietly(wanted, &arrived));
            let Some(at) = fitting else {
                let reasons: Vec<String> = expected
                    .iter()
                    .filter_map(|wanted| self.check(wanted, &arrived).err())
                    .collect();
                return Err(format!("none of those expected fits: {}", reasons.join("; ")));
            };
            let wanted = expected.remove(at);
            self.check(&wanted, &arrived)?;
        }
        Ok(())
    }

    fn check_quietly(&self, expected: &Document, arrived: &Document) -> bool {
        compare(expected.root(), arrived.root(), &mut self.captures.clone()).is_ok()
    }

    async fn receive_nothing(&mut self, who: &str) -> Result<(), String> {
        let surplus = self.world.settle_and_collect(who).await?;
        match surplus.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} more arrived, the first: {}",
                surplus.len(),
                show(first)
            )),
        }
    }

    async fn until_end(&mut self, who: &str) -> Result<(), String> {
        while let Arrival::Stanza(_) = self.world.client(who)?.next().await? {}
        self.world.forget(who);
        Ok(())
    }

    async fn disconnected(&mut self, who: &str, condition: &str) -> Result<(), String> {
        const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
        let arrived = self.next_stanza(who).await?;
        let error = arrived.root();
        let is_expected = error.name() == "error" && error.child(condition, STREAM_ERRORS).is_some();
        if !is_expected {
            return Err(format!(
                "expected the stream error {condition}, found {}",
                show(&arrived)
            ));
        }
        self.until_end(who).await
    }
}

const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// Writes an error: its type, its condition, and perhaps one of XEP-0060's. What it says in words is not compared.
fn write_error(writer: &mut Writer, words: &str, arrived: &Document) {
    let mut words = words.split(' ');
    writer
        .open("error")
        .attr("type", words.next().unwrap_or_default());
    if let Some(condition) = words.next() {
        writer.open(condition).ns(STANZA_ERRORS).close();
    }
    let error = arrived.root().children().find(|child| child.name() == "error");
    if error.is_some_and(|error| error.child("text", STANZA_ERRORS).is_some()) {
        writer.open("text").ns(STANZA_ERRORS).text("{any}").close();
    }
    for app in words {
        let (name, feature) = app
            .split_once('=')
            .map_or((app, None), |(name, feature)| (name, Some(feature)));
        writer
            .open(name)
            .ns("http://jabber.org/protocol/pubsub#errors")
            .attr_opt("feature", feature)
            .close();
    }
    writer.close();
}

fn show(document: &Document) -> String {
    String::from_utf8_lossy(document.bytes()).into_owned()
}
