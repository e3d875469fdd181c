#![allow(clippy::unwrap_used)]

use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use proptest::prelude::*;

use super::*;
use crate::session::mailbox::{Lane, NotQueued};

const ID: ResumptionId = *b"sixteen bytes id";
const LIMIT: usize = 64 * 1024;

fn message(number: usize) -> Outgoing {
    Outgoing::Stanza(format!("<message id='{number}'/>").into_bytes().into())
}

fn number(out: &Outgoing) -> usize {
    let Outgoing::Stanza(bytes) = out else {
        panic!("only whole stanzas are sent here")
    };
    let text = std::str::from_utf8(bytes).unwrap();
    text.split('\'').nth(1).unwrap().parse().unwrap()
}

fn managed(resume_s: u32) -> Mailbox {
    let mailbox = Mailbox::new(LIMIT);
    assert!(mailbox.manage(ID, resume_s));
    assert!(!mailbox.manage(ID, resume_s));
    mailbox
}

fn take(mailbox: &Mailbox, limit: usize, connection: u32) -> Poll<Result<Batch, Lost>> {
    mailbox.poll_take(&mut Context::from_waker(Waker::noop()), limit, connection)
}

/// What happens to a session and its client.
#[derive(Debug, Clone)]
enum Act {
    /// Somebody sends it this many stanzas, in one of the lanes.
    Send(usize, bool),
    /// The server writes, this many bytes at a time.
    Write(usize),
    /// This many of those on the way arrive.
    Arrive(usize),
    Acknowledge,
    /// The connection ends; what is on the way is lost.
    Cut,
    /// A client comes on a new connection, whether the old one is gone or not.
    Resume,
    /// It came, and its connection ended before anything was written.
    ResumeInVain,
    Inactive(bool),
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..20_usize, any::<bool>()).prop_map(|(count, is_reply)| Act::Send(count, is_reply)),
        3 => (1..200_usize).prop_map(Act::Write),
        3 => (0..12_usize).prop_map(Act::Arrive),
        2 => Just(Act::Acknowledge),
        2 => Just(Act::Cut),
        2 => Just(Act::Resume),
        1 => Just(Act::ResumeInVain),
        1 => any::<bool>().prop_map(Act::Inactive),
    ]
}

/// A session and its client, who knows only what arrived.
struct Play {
    mailbox: Mailbox,
    connection: u32,
    is_connected: bool,
    sent: usize,
    on_the_way: VecDeque<usize>,
    arrived: Vec<usize>,
}

impl Play {
    fn write(&mut self, limit: usize) {
        while let Poll::Ready(batch) = take(&self.mailbox, limit, self.connection) {
            self.on_the_way.extend(batch.unwrap().all().map(number));
        }
    }

    fn cut(&mut self) {
        self.on_the_way.clear();
        if std::mem::take(&mut self.is_connected) {
            let detached = self.mailbox.detach(self.connection, 0, Waker::noop());
            assert_eq!(detached, Detached::Waits(600_000));
        }
    }

    fn resume(&mut self) {
        let h = self.arrived.len() as u32;
        let before = self.connection;
        let claimed = self.mailbox.claim(&ID, h, 599_999).unwrap();
        self.connection = claimed.connection;
        assert_eq!(claimed.waited_until.is_some(), !self.is_connected);
        // The connection before has nothing to say or to take any more.
        assert!(matches!(
            take(&self.mailbox, LIMIT, before),
            Poll::Ready(Err(Lost))
        ));
        assert_eq!(self.mailbox.begin(before), Err(Lost));
        assert_eq!(self.mailbox.detach(before, 0, Waker::noop()), Detached::TakenOver);
        self.on_the_way.clear();
        self.mailbox.acknowledge(h).unwrap();
        self.is_connected = true;
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Send(count, is_reply) => {
                let lane = if *is_reply { Lane::Reply } else { Lane::FanOut };
                for _ in 0..*count {
                    self.mailbox.send(lane, message(self.sent)).unwrap();
                    self.sent += 1;
                }
            }
            Act::Write(limit) if self.is_connected => self.write(*limit),
            Act::Arrive(count) => {
                let count = (*count).min(self.on_the_way.len());
                self.arrived.extend(self.on_the_way.drain(..count));
            }
            Act::Acknowledge if self.is_connected => {
                self.mailbox.acknowledge(self.arrived.len() as u32).unwrap();
            }
            Act::Cut => self.cut(),
            Act::Resume => {
                self.resume();
                self.mailbox.attach(self.connection);
            }
            Act::ResumeInVain => {
                self.resume();
                self.cut();
            }
            Act::Inactive(is_active) => self.mailbox.set_active(*is_active),
            Act::Write(_) | Act::Acknowledge => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is cut when: each stanza arrives exactly once, and nothing is kept that was acknowledged.
    #[test]
    fn every_stanza_arrives_once(acts in prop::collection::vec(acts(), 1..60)) {
        let mut play = Play {
            mailbox: managed(600),
            connection: 0,
            is_connected: true,
            sent: 0,
            on_the_way: VecDeque::new(),
            arrived: Vec::new(),
        };
        for act in &acts {
            play.act(act);
        }
        for act in [Act::Resume, Act::Write(100), Act::Arrive(usize::MAX), Act::Acknowledge] {
            play.act(&act);
        }
        let mut arrived = play.arrived.clone();
        arrived.sort_unstable();
        prop_assert_eq!(arrived, (0..play.sent).collect::<Vec<_>>());
        prop_assert_eq!(play.mailbox.inner.lock().total(), 0);
    }

    /// In one lane the order is kept, whatever is cut when.
    #[test]
    fn the_order_is_kept(acts in prop::collection::vec(acts(), 1..60)) {
        let mut play = Play {
            mailbox: managed(600),
            connection: 0,
            is_connected: true,
            sent: 0,
            on_the_way: VecDeque::new(),
            arrived: Vec::new(),
        };
        for act in &acts {
            match act {
                Act::Send(count, _) => play.act(&Act::Send(*count, false)),
                act => play.act(act),
            }
        }
        for act in [Act::Resume, Act::Write(100), Act::Arrive(usize::MAX)] {
            play.act(&act);
        }
        prop_assert_eq!(play.arrived, (0..play.sent).collect::<Vec<_>>());
    }
}

#[test]
fn counting_begins_with_what_is_written_after() {
    let mailbox = Mailbox::new(LIMIT);
    mailbox.send(Lane::FanOut, message(0)).unwrap();
    assert!(take(&mailbox, LIMIT, 0).is_ready());
    mailbox.manage(ID, 0);
    assert!(mailbox.acknowledge(1).is_err());
    mailbox.send(Lane::FanOut, message(1)).unwrap();
    assert!(take(&mailbox, LIMIT, 0).is_ready());
    assert_eq!(mailbox.acknowledge(2), Err(TooHigh { h: 2, sent: 1 }));
    assert_eq!(mailbox.acknowledge(1), Ok(false));
    // What is acknowledged stays so.
    assert_eq!(mailbox.acknowledge(0), Ok(false));
    assert_eq!(mailbox.acknowledge(1), Ok(false));
}

#[test]
fn numbers_go_round() {
    let mailbox = managed(600);
    mailbox.with_managed(|managed| managed.begin_at(u32::MAX - 1));
    for sent in 0..4 {
        mailbox.send(Lane::FanOut, message(sent)).unwrap();
    }
    assert!(take(&mailbox, LIMIT, 0).is_ready());
    assert_eq!(mailbox.acknowledge(3), Err(TooHigh { h: 3, sent: 2 }));
    assert_eq!(mailbox.acknowledge(u32::MAX), Ok(false));
    assert_eq!(mailbox.acknowledge(1), Ok(false));
    assert_eq!(mailbox.inner.lock().total(), message(0).len());
    assert_eq!(mailbox.acknowledge(2), Ok(false));
    assert!(
        mailbox.claim(&ID, 1, 0).is_none(),
        "it cannot have lost what it had"
    );
    assert!(mailbox.claim(&ID, 2, 0).is_some());
}

#[test]
fn only_the_right_id_resumes_and_only_while_it_waits() {
    let mailbox = managed(600);
    let mut wrong = ID;
    wrong[15] ^= 1;
    assert!(mailbox.claim(&wrong, 0, 0).is_none());
    assert_eq!(mailbox.detach(0, 1_000, Waker::noop()), Detached::Waits(601_000));
    assert!(mailbox.is_waiting());
    assert_eq!(mailbox.overdue(600_999), Overdue::Until(601_000));
    assert!(mailbox.claim(&ID, 0, 601_000).is_none());
    let claimed = mailbox.claim(&ID, 0, 600_999).unwrap();
    assert!(!mailbox.is_waiting());
    // The watch comes too late.
    assert_eq!(mailbox.overdue(601_000), Overdue::Gone);
    assert!(matches!(
        mailbox.detach(claimed.connection, 2_000, Waker::noop()),
        Detached::Waits(_)
    ));
    assert_eq!(mailbox.overdue(u64::MAX), Overdue::Now(ID, 0));
    assert!(mailbox.claim(&ID, 0, 0).is_none());
    assert_eq!(mailbox.send(Lane::FanOut, message(0)), Err(NotQueued::Closed));
    // Without the wish to resume nobody waits.
    assert_eq!(managed(0).detach(0, 0, Waker::noop()), Detached::Over);
    assert!(managed(0).claim(&ID, 0, 0).is_none());
    assert_eq!(Mailbox::new(LIMIT).detach(0, 0, Waker::noop()), Detached::Over);
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_reader_is_cut_and_then_ended() {
    let mailbox = managed(600);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let large = || Outgoing::Stanza(vec![b'x'; LIMIT / 2].into());
    // Written, so that it counts as sent; then blocked.
    mailbox.send(Lane::FanOut, large()).unwrap();
    assert!(take(&mailbox, LIMIT, 0).is_ready());
    let cx = &mut Context::from_waker(&waker);
    assert!(mailbox.poll_closing(cx, 0).is_pending());
    mailbox.send(Lane::FanOut, large()).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // One too many: the connection has to go, the session does not.
    mailbox.send(Lane::FanOut, message(1)).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(matches!(mailbox.poll_closing(cx, 0), Poll::Ready(Err(Lost))));
    assert!(matches!(mailbox.detach(0, 0, &waker), Detached::Waits(_)));
    mailbox.send(Lane::FanOut, large()).unwrap();
    assert_eq!(
        count.0.load(Ordering::Relaxed),
        1,
        "only its end is worth waking anybody"
    );
    // A client that comes back reads all of it, and what comes meanwhile, before it is measured again.
    let claimed = mailbox.claim(&ID, 0, 0).unwrap();
    mailbox.attach(claimed.connection);
    mailbox.send(Lane::FanOut, message(2)).unwrap();
    let mut read = 0;
    while let Poll::Ready(batch) = take(&mailbox, 1_000, claimed.connection) {
        read += batch.unwrap().all().count();
    }
    assert_eq!(read, 5);
    assert!(matches!(
        mailbox.detach(claimed.connection, 0, &waker),
        Detached::Waits(_)
    ));
    // Twice the bound is the end, of which the watch is told.
    assert_eq!(mailbox.send(Lane::FanOut, large()), Err(NotQueued::Full));
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    assert_eq!(mailbox.overdue(0), Overdue::Now(ID, 0));
    assert_eq!(
        mailbox.shut().into_all().count(),
        5,
        "what it held goes elsewhere"
    );
}

#[test]
fn who_sends_a_lot_leaves_a_session_without_reader_some_room() {
    let cx = &mut Context::from_waker(Waker::noop());
    let mailbox = managed(600);
    let some = Outgoing::Stanza(vec![b'x'; LIMIT / 4].into());
    mailbox.send(Lane::FanOut, some.clone()).unwrap();
    assert!(mailbox.poll_room(cx).is_pending());
    mailbox.detach(0, 0, Waker::noop());
    assert_eq!(mailbox.poll_room(cx), Poll::Ready(true));
    mailbox.send(Lane::FanOut, some.clone()).unwrap();
    mailbox.send(Lane::FanOut, some).unwrap();
    assert!(!mailbox.was_refused_room());
    assert_eq!(mailbox.poll_room(cx), Poll::Ready(false));
    assert!(mailbox.was_refused_room());
    assert!(!mailbox.was_refused_room());
}

#[test]
fn the_client_is_asked_once_at_a_time() {
    let mailbox = managed(0);
    let asks = |limit| match take(&mailbox, limit, 0) {
        Poll::Ready(batch) => batch.unwrap().asks,
        Poll::Pending => panic!("something waits"),
    };
    let result = || Outgoing::Stanza(b"<iq type='result'/>"[..].into());
    for sent in 1..=16 {
        mailbox.send(Lane::Reply, result()).unwrap();
        assert_eq!(asks(LIMIT), sent == 16, "{sent}");
    }
    mailbox.send(Lane::FanOut, message(0)).unwrap();
    assert!(!asks(LIMIT));
    assert_eq!(mailbox.acknowledge(16), Ok(true));
    assert!(mailbox.is_asked());
    assert_eq!(mailbox.acknowledge(17), Ok(false));
    mailbox.send(Lane::FanOut, message(1)).unwrap();
    assert!(asks(LIMIT));
}

#[test]
fn what_waits_for_attention_is_bounded() {
    let mailbox = Mailbox::new(LIMIT);
    mailbox.set_active(false);
    assert!(!mailbox.is_active());
    let presence = |from: usize| {
        Outgoing::Stanza(
            format!("<presence from='r{from}@localhost/x'/>")
                .into_bytes()
                .into(),
        )
    };
    for from in 0..255 {
        mailbox.send(Lane::FanOut, presence(from)).unwrap();
        mailbox.send(Lane::FanOut, presence(from)).unwrap();
    }
    assert!(take(&mailbox, LIMIT, 0).is_pending());
    mailbox.send(Lane::FanOut, presence(255)).unwrap();
    let Poll::Ready(Ok(batch)) = take(&mailbox, LIMIT, 0) else {
        panic!("all of it goes")
    };
    assert_eq!(batch.fan_out.len(), 256);
    mailbox.send(Lane::FanOut, presence(0)).unwrap();
    mailbox.set_active(true);
    assert!(mailbox.is_active());
    let Poll::Ready(Ok(batch)) = take(&mailbox, LIMIT, 0) else {
        panic!("the rest goes")
    };
    assert_eq!(batch.first.len(), 1, "before any answer");
}

/// A session with stream management costs at most 1 KiB more: what is boxed, a queue of a few stanzas and an entry among
/// those that wait.
#[test]
fn a_managed_session_is_small() {
    const QUEUE: usize = 16 * size_of::<Outgoing>();
    const PENDING: usize = 4 * size_of::<(u32, Ticket)>();
    const WAITING: usize = 2 * size_of::<((u64, u64), usize)>();
    let size = size_of::<Survival>() + QUEUE + PENDING + WAITING;
    println!("{} {size}", size_of::<Survival>());
    assert!(size_of::<Survival>() <= 320 && size <= 1_024, "{size}");
}
