//! One session over HTTP: which requests wait, what was answered, and what its stream has yet to read and to say
//! ([XEP-0124 §8](https://xmpp.org/extensions/xep-0124.html#requests) to §15).
//!
//! It knows no task and no clock: times are arguments, in milliseconds.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use sha1::{Digest, Sha1};
use tokio::sync::oneshot::{self, Receiver, Sender};
use wire::ns;

use super::answer::{Condition, Manner, Reply, Wrapper};
use super::request::{Creation, Request};

/// The version of the protocol that is spoken here.
const VERSION: (u32, u32) = (1, 11);
/// The longest that a request is held, in seconds.
pub(super) const WAIT_MAX_S: u64 = 60;
/// How many requests of a session are held at once.
pub(super) const HOLD_MAX: usize = 2;
/// How long no request may be pending, in seconds: a comfortable time for a phone that changes its network.
const INACTIVITY_S: u64 = 60;
/// The same for clients that do not let their requests be held.
const INACTIVITY_POLLING_S: u64 = 90;
/// The longest pause, in seconds.
const PAUSE_MAX_S: u64 = 120;
/// How often nothing may be asked for, in seconds.
const POLLING_S: u64 = 2;
/// How often one request may be repeated.
const REPEATS_MAX: u32 = 10;
/// After this long a response that was not acknowledged is reported (§9.2).
const REPORT_MS: u64 = 2_000;
/// With more than this unread by the stream, requests are answered only when there is much to say or they end anyway.
const INPUT_SOFT: usize = 512 * 1024;
/// With more than this unread the client is a flood.
const INPUT_MAX: usize = 4 * INPUT_SOFT;
const OUTPUT_MUCH: usize = 32 * 1024;
/// How many bytes of answers are kept for clients that did not get them.
const KEPT_MAX: usize = 1024 * 1024;

/// See the module.
pub(super) struct State {
    manner: Manner,
    domain: String,
    wait_ms: u64,
    hold: usize,
    requests: usize,
    inactivity_ms: u64,
    is_polling: bool,
    has_acks: bool,
    /// The largest element that the stream takes at the moment.
    pub(super) element_bytes: usize,
    /// What the first answer says, until it is given.
    creation: Option<Wrapper>,
    /// What the next request's key must hash to (§15).
    key: Option<String>,
    /// The request to be taken next.
    next: u64,
    /// Requests that came before their turn.
    early: BTreeMap<u64, (Request, Sender<Reply>)>,
    /// Requests that are taken and not answered, in their order.
    waiting: VecDeque<Waiting>,
    answered: VecDeque<Answered>,
    repeats: u32,
    last: Option<Arrival>,
    /// The response that the client seems to have missed, and when it was given.
    report: Option<(u64, u64)>,
    silent_since: u64,
    /// How long it may be silent: the inactivity or a pause.
    silence_ms: u64,
    input: Vec<u8>,
    reader: Option<Waker>,
    output: Vec<u8>,
    writer: Option<Waker>,
    /// The stream is gone.
    is_stream_over: bool,
    /// The client is gone, or was told that it is.
    is_gone: bool,
    is_told: bool,
}

struct Waiting {
    rid: u64,
    answer: Sender<Reply>,
    deadline: u64,
}

struct Answered {
    rid: u64,
    body: Vec<u8>,
    at: u64,
}

/// The newest request.
struct Arrival {
    at: u64,
    is_empty: bool,
    /// Whether its answer brought something.
    was_fruitful: bool,
}

/// What becomes of a request.
pub(super) enum Taken {
    /// The answer.
    Now(Reply),
    /// The answer, and the session is over.
    Terminated(Reply),
    /// The answer will come.
    Waits { wait_ms: u64, answer: Receiver<Reply> },
}

/// Appends what `write` appends as one frame: its length, then itself. A frame of nothing is the end of the stream.
pub(crate) fn write_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The first frame, if it is whole, and what follows.
pub(crate) fn read_frame(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

impl State {
    pub(super) fn new(creation: &Creation, sid: &str, element_bytes: usize, now: u64) -> State {
        let is_polling = creation.is_polling();
        let inactivity_s = if is_polling {
            INACTIVITY_POLLING_S
        } else {
            INACTIVITY_S
        };
        let requests = creation.hold + 1;
        let mut first = Wrapper::new();
        first.attribute("xmlns:xmpp", ns::XBOSH);
        first.attribute("sid", sid);
        first.number("wait", creation.wait_s);
        first.number("requests", requests as u64);
        first.number("hold", creation.hold as u64);
        first.number("inactivity", inactivity_s);
        first.number("polling", POLLING_S);
        first.number("maxpause", PAUSE_MAX_S);
        if let Some(ver) = creation.ver {
            let (major, minor) = ver.min(VERSION);
            first.attribute("ver", &format!("{major}.{minor}"));
        }
        if creation.has_acks {
            first.number("ack", creation.rid);
        }
        first.attribute("from", &creation.to);
        first.attribute("xmpp:restartlogic", "true");
        first.attribute("xmpp:version", "1.0");
        State {
            manner: Manner {
                content_type: creation.content_type,
                is_legacy: creation.ver.is_none(),
            },
            domain: creation.to.clone(),
            wait_ms: creation.wait_ms(),
            hold: creation.hold,
            requests,
            inactivity_ms: inactivity_s * 1_000,
            is_polling,
            has_acks: creation.has_acks,
            element_bytes,
            creation: Some(first),
            key: creation.new_key.clone(),
            next: creation.rid,
            early: BTreeMap::new(),
            waiting: VecDeque::new(),
            answered: VecDeque::new(),
            repeats: 0,
            last: None,
            report: None,
            silent_since: now,
            silence_ms: inactivity_s * 1_000,
            input: Vec::new(),
            reader: None,
            output: Vec::new(),
            writer: None,
            is_stream_over: false,
            is_gone: false,
            is_told: false,
        }
    }

    /// Holds the first request until there is something to say.
    pub(super) fn begin(&mut self, deadline: u64) -> Receiver<Reply> {
        let (answer, answered) = oneshot::channel();
        self.waiting.push_back(Waiting {
            rid: self.next,
            answer,
            deadline,
        });
        self.next += 1;
        answered
    }

    /// Whether a request of this number may come next.
    pub(super) fn expects(&self, rid: u64) -> bool {
        !self.is_gone && (self.next..self.next + self.requests as u64).contains(&rid)
    }

    /// Takes a request (§14).
    pub(super) fn take(&mut self, request: Request, now: u64) -> Taken {
        let rid = request.rid;
        if self.is_gone {
            return Taken::Terminated(Reply::terminate(Condition::ItemNotFound, Some(self.manner)));
        }
        if rid < self.next {
            return self.repeat(rid, now);
        }
        // §11: one more may come to pause or to end.
        let window = self.requests + usize::from(request.is_terminating || request.pause.is_some());
        if rid >= self.next + window as u64 {
            return Taken::Terminated(self.terminate(Condition::ItemNotFound));
        }
        let (sender, answer) = oneshot::channel();
        if let Some((_, before)) = self.early.insert(rid, (request, sender)) {
            self.repeats += 1;
            self.repeated(before);
        }
        if self.repeats > REPEATS_MAX {
            return Taken::Terminated(self.terminate(Condition::PolicyViolation));
        }
        while let Some((request, answer)) = self.early.remove(&self.next) {
            if let Err(condition) = self.process(request, answer, now) {
                return Taken::Terminated(self.terminate(condition));
            }
        }
        self.settle(now);
        Taken::Waits {
            wait_ms: self.wait_ms,
            answer,
        }
    }

    /// The same request again (§14.3).
    fn repeat(&mut self, rid: u64, now: u64) -> Taken {
        self.repeats += 1;
        if self.repeats > REPEATS_MAX {
            return Taken::Terminated(self.terminate(Condition::PolicyViolation));
        }
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.rid == rid) {
            let (sender, answer) = oneshot::channel();
            let wait_ms = self.waiting[at].deadline.saturating_sub(now);
            let before = std::mem::replace(&mut self.waiting[at].answer, sender);
            self.repeated(before);
            self.settle(now);
            return Taken::Waits { wait_ms, answer };
        }
        let Some(answered) = self.answered.iter().find(|answered| answered.rid == rid) else {
            return Taken::Terminated(self.terminate(Condition::ItemNotFound));
        };
        self.silent_since = now;
        Taken::Now(Reply::new(self.manner.content_type, answered.body.clone()))
    }

    /// Tells an older copy of a request that a newer one will be answered (§17.3).
    fn repeated(&self, before: Sender<Reply>) {
        let mut wrapper = Wrapper::new();
        wrapper.attribute("type", "error");
        // Its connection is broken most of the time.
        let _ = before.send(Reply::new(self.manner.content_type, wrapper.finish(&[])));
    }

    /// Takes the request whose turn it is.
    fn process(&mut self, request: Request, answer: Sender<Reply>, now: u64) -> Result<(), Condition> {
        self.check_key(&request)?;
        self.acknowledge(&request, now);
        self.check_frequency(&request, now)?;
        let is_empty = request.is_empty();
        let Request {
            rid,
            pause,
            restart,
            payload,
            ..
        } = request;
        if !payload.is_empty() && self.input.len() > INPUT_MAX {
            return Err(Condition::PolicyViolation);
        }
        self.input.extend_from_slice(&payload);
        if let Some(restart) = restart {
            let domain = std::mem::take(&mut self.domain);
            self.feed(|out| restart.write(&domain, out));
            self.domain = domain;
        }
        self.silence_ms = self.inactivity_ms;
        self.next = rid + 1;
        self.repeats = 0;
        self.last = Some(Arrival {
            at: now,
            is_empty,
            was_fruitful: false,
        });
        self.waiting.push_back(Waiting {
            rid,
            answer,
            deadline: now + self.wait_ms,
        });
        if let Some(pause) = pause {
            if pause > PAUSE_MAX_S {
                return Err(Condition::PolicyViolation);
            }
            // §10: everything is answered, with nothing in it.
            while !self.waiting.is_empty() {
                self.answer_first(Content::None, now);
            }
            self.answered.pop_back_if(|answered| answered.rid == rid);
            self.silence_ms = pause * 1_000;
        }
        self.wake_reader();
        Ok(())
    }

    /// §15: each key hashes to the one before.
    fn check_key(&mut self, request: &Request) -> Result<(), Condition> {
        let Some(expected) = &self.key else {
            return Ok(());
        };
        let key = request.key.as_ref().ok_or(Condition::ItemNotFound)?;
        let mut hash = String::with_capacity(40);
        for byte in Sha1::digest(key.as_bytes()) {
            hash.push_str(&format!("{byte:02x}"));
        }
        if !hash.eq_ignore_ascii_case(expected) {
            return Err(Condition::ItemNotFound);
        }
        self.key = request.new_key.clone().or_else(|| request.key.clone());
        Ok(())
    }

    /// §9: forgets the answers that have arrived, and notes one that has not.
    fn acknowledge(&mut self, request: &Request, now: u64) {
        if !self.has_acks {
            return;
        }
        let received = request.ack.unwrap_or(request.rid - 1);
        self.answered.retain(|answered| answered.rid > received);
        let missed = self.answered.front().filter(|missed| missed.rid == received + 1);
        self.report = missed
            .filter(|missed| now.saturating_sub(missed.at) >= REPORT_MS)
            .map(|missed| (missed.rid, missed.at));
    }

    /// §11, §12: who asks for nothing may not do it all the time.
    fn check_frequency(&self, request: &Request, now: u64) -> Result<(), Condition> {
        let Some(last) = self.last.as_ref().filter(|_| request.is_empty()) else {
            return Ok(());
        };
        let is_soon = now.saturating_sub(last.at) < POLLING_S * 1_000;
        let is_too_much = if self.is_polling {
            last.is_empty && !last.was_fruitful
        } else {
            self.waiting.len() + 1 >= self.requests
        };
        if is_soon && is_too_much {
            return Err(Condition::PolicyViolation);
        }
        Ok(())
    }

    /// Answers the requests whose time has come.
    pub(super) fn settle(&mut self, now: u64) {
        while let Some(first) = self.waiting.front() {
            let has_content = !self.output.is_empty() || self.is_stream_over;
            let is_over_held = self.waiting.len() > self.hold && self.creation.is_none();
            let is_due = first.deadline <= now || is_over_held || self.report.is_some();
            let is_there = !first.answer.is_closed();
            let is_another_there = self.waiting.iter().skip(1).any(|other| !other.answer.is_closed());
            // What is said to a broken connection would have to be asked for again.
            let gets = has_content && (is_there || (is_due && !is_another_there));
            if !(is_due || gets || (has_content && is_another_there)) {
                break;
            }
            let is_stuffed = self.input.len() > INPUT_SOFT && self.output.len() < OUTPUT_MUCH;
            if is_stuffed && first.deadline > now && !self.is_stream_over {
                break;
            }
            self.answer_first(if gets { Content::All } else { Content::None }, now);
        }
        if self.output.is_empty()
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }

    fn answer_first(&mut self, content: Content, now: u64) {
        let Some(Waiting { rid, answer, .. }) = self.waiting.pop_front() else {
            return;
        };
        let said = match content {
            Content::All => self.said(),
            Content::None => Said::default(),
        };
        let mut wrapper = match self.creation.take() {
            Some(first) if !said.is_end => first,
            _ => Wrapper::new(),
        };
        if said.has_prefix {
            // XEP-0206 §2
            wrapper.attribute("xmlns:stream", ns::STREAMS);
        }
        // §9.1: not where it would be the request's own number, as in the first answer.
        if self.has_acks && rid + 1 < self.next {
            wrapper.number("ack", self.next - 1);
        }
        if let Some((missed, at)) = self.report.take() {
            wrapper.number("report", missed);
            wrapper.number("time", now.saturating_sub(at));
        }
        if said.is_end {
            wrapper.end(said.condition);
        }
        if let Some(last) = &mut self.last {
            last.was_fruitful |= !said.elements.is_empty();
        }
        let body = wrapper.finish(&said.elements);
        self.silent_since = now;
        if said.is_end {
            self.is_gone = true;
            self.is_told = true;
            self.wake_reader();
        } else {
            self.keep(rid, body.clone(), now);
        }
        // Whose connection is broken asks for it again.
        let _ = answer.send(Reply::new(self.manner.content_type, body));
        if said.is_end {
            // §13: the others get nothing.
            for other in self.waiting.drain(..) {
                let empty = Wrapper::new().finish(&[]);
                let _ = other.answer.send(Reply::new(self.manner.content_type, empty));
            }
            self.early.clear();
        }
    }

    /// Keeps an answer for a client that does not get it (§14.3).
    fn keep(&mut self, rid: u64, body: Vec<u8>, now: u64) {
        self.answered.push_back(Answered { rid, body, at: now });
        let mut kept: usize = self.answered.iter().map(|answered| answered.body.len()).sum();
        while self.answered.len() > 1 && (self.answered.len() > self.requests || kept > KEPT_MAX) {
            kept -= self.answered.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }

    /// Takes what the stream has said.
    fn said(&mut self) -> Said {
        let mut said = Said::default();
        let output = std::mem::take(&mut self.output);
        let mut rest = output.as_slice();
        while let Some((frame, more)) = read_frame(rest) {
            rest = more;
            if frame.is_empty() {
                said.is_end = true;
                break;
            }
            said.has_prefix |= frame.starts_with(b"<stream:");
            if frame.starts_with(b"<stream:error") {
                said.condition = Some(Condition::RemoteStreamError);
            }
            said.elements.extend_from_slice(frame);
        }
        if self.is_stream_over && !said.is_end {
            said.is_end = true;
            said.condition = Some(Condition::RemoteConnectionFailed);
        }
        said
    }

    /// Ends the session for something that its client did.
    pub(super) fn terminate(&mut self, condition: Condition) -> Reply {
        self.is_gone = true;
        self.output = Vec::new();
        self.answered.clear();
        let early = std::mem::take(&mut self.early)
            .into_values()
            .map(|(_, answer)| answer);
        let waiting = self.waiting.drain(..).map(|waiting| waiting.answer);
        for answer in waiting.chain(early) {
            let _ = answer.send(Reply::terminate(Condition::OtherRequest, Some(self.manner)));
        }
        self.wake_reader();
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Reply::terminate(condition, Some(self.manner))
    }

    /// The time of a held request is over.
    pub(super) fn expire(&mut self, now: u64) {
        self.settle(now);
    }

    /// A held request was answered, or its connection broke.
    pub(super) fn released(&mut self, now: u64) {
        if !self.is_pending() {
            self.silent_since = now;
        }
    }

    fn is_pending(&self) -> bool {
        self.waiting.iter().any(|waiting| !waiting.answer.is_closed())
    }

    /// When the client will have been silent for too long.
    pub(super) fn silence_due(&self, now: u64) -> u64 {
        let since = if self.is_pending() { now } else { self.silent_since };
        since + self.silence_ms
    }

    /// The client is given up (§10).
    pub(super) fn give_up(&mut self) {
        self.is_gone = true;
    }

    /// Gives the stream one element to read.
    pub(super) fn feed(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write_frame(&mut self.input, write);
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Moves what the stream can read to `into`: how much; 0 at the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>, now: u64) -> Poll<usize> {
        if self.input.is_empty() {
            if self.is_gone {
                return Poll::Ready(0);
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let room = (into.capacity() - into.len()).max(1);
        let read = room.min(self.input.len());
        into.extend_from_slice(&self.input[..read]);
        self.input.drain(..read);
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        self.settle(now);
        Poll::Ready(read)
    }

    /// Takes frames from the stream; they leave with [`State::settle`].
    pub(super) fn write(&mut self, frames: &[u8]) {
        if !self.is_gone {
            self.output.extend_from_slice(frames);
        }
    }

    pub(super) fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Ready when all is said, or nobody will hear it.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, now: u64) -> Poll<bool> {
        self.settle(now);
        if self.output.is_empty() {
            return Poll::Ready(true);
        }
        if self.is_gone {
            return Poll::Ready(false);
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The stream is gone.
    pub(super) fn end_stream(&mut self, now: u64) {
        self.is_stream_over = true;
        self.settle(now);
    }

    /// How long to keep the end for the client that was not told yet.
    pub(super) fn patience_with_end(&self) -> Option<u64> {
        (!self.is_gone).then_some(self.inactivity_ms)
    }

    pub(super) fn is_end_told(&self) -> bool {
        self.is_told
    }
}

/// What an answer may bring.
#[derive(Clone, Copy)]
enum Content {
    All,
    None,
}

/// What the stream has said.
#[derive(Default)]
struct Said {
    elements: Vec<u8>,
    has_prefix: bool,
    is_end: bool,
    condition: Option<Condition>,
}
