//! What accounts are told: it comes and goes with what brought it about, once, and is told in the order of commits.

use store::accounts::{self, Account, AccountState};
use store::blocking::{self, Blocked};
use store::items::{self, NewItem};
use store::notifications::{
    KEPT, NewNotification, Notice, NoticeAct, Notices, NotificationType, followed, read_up_to, sweep,
    unfollowed,
};
use store::{JidNo, Links, NodeNo, PostId, Store, Timestamp, nodes};

use crate::fixtures::{Folder, START, item, node, open, rows, swept};

const DAY: i64 = 24 * 60 * 60 * 1_000;

async fn account(store: &Store, name: &str) -> JidNo {
    let no = store.jids().number(&format!("{name}@example.org")).await.unwrap();
    let account = Account {
        no,
        domain: "example.org".into(),
        localpart: name.into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: String::new(),
    };
    store.write(accounts::create(account)).await.unwrap();
    no
}

struct World {
    folder: Folder,
    store: Store,
    notices: Notices,
    juliet: JidNo,
    romeo: JidNo,
    node: NodeNo,
}

async fn world() -> World {
    let folder = Folder::new();
    let store = open(&folder);
    let notices = store.notices().unwrap();
    let juliet = account(&store, "juliet").await;
    let romeo = account(&store, "romeo").await;
    let node = node(&store, romeo, "urn:xmpp:microblog:0").await;
    World {
        folder,
        store,
        notices,
        juliet,
        romeo,
        node,
    }
}

fn mention(owner: JidNo) -> NewNotification {
    NewNotification {
        owner,
        kind: NotificationType::Mention,
        subject: None,
    }
}

fn like(owner: JidNo, subject: PostId) -> NewNotification {
    NewNotification {
        owner,
        kind: NotificationType::Like,
        subject: Some(subject),
    }
}

impl World {
    fn item(&self, id: &str, by: JidNo, notify: Vec<NewNotification>) -> NewItem {
        let likes = notify.iter().find_map(|one| one.subject);
        NewItem {
            publisher: by,
            links: Links {
                likes,
                ..Links::default()
            },
            notify,
            ..item(&self.store, self.node, id, "x")
        }
    }

    async fn publish(&self, id: &str, by: JidNo, notify: Vec<NewNotification>) -> PostId {
        let new = self.item(id, by, notify);
        self.put(new).await
    }

    async fn put(&self, new: NewItem) -> PostId {
        let (node, id) = (new.node, new.item_id.clone());
        self.store.write(items::put(new)).await.unwrap();
        let found = self.store.read(move |r| r.item(node, &id)).await.unwrap();
        found.unwrap().post_id
    }

    async fn retract(&self, id: &str) {
        self.store
            .write(items::retract(self.node, id.into()))
            .await
            .unwrap();
    }

    /// Juliet's, the oldest first: number, type, subject.
    async fn list(&self) -> Vec<(PostId, NotificationType, Option<PostId>)> {
        let owner = self.juliet;
        let all = self
            .store
            .read(move |r| r.oldest_notifications(owner, 10_000, None))
            .await
            .unwrap();
        assert!(all.iter().all(|one| one.owner == owner));
        all.iter().map(|one| (one.id, one.kind, one.subject)).collect()
    }

    fn told(&mut self) -> Vec<NoticeAct> {
        let mut acts = Vec::new();
        while let Ok(Notice { owner, act }) = self.notices.try_recv() {
            assert_eq!(owner, self.juliet);
            acts.push(act);
        }
        acts
    }
}

#[tokio::test]
async fn a_mention_comes_and_goes_with_its_post() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    let post = world
        .publish("p", romeo, vec![mention(juliet), mention(romeo)])
        .await;
    let list = world.list().await;
    assert_eq!(list.len(), 1);
    let (id, kind, subject) = list[0];
    assert_eq!((kind, subject), (NotificationType::Mention, Some(post)));
    assert_eq!(world.told(), [NoticeAct::Added(id)]);
    // An edit that says the same tells nobody anew.
    world.publish("p", romeo, vec![mention(juliet)]).await;
    assert_eq!(world.told(), []);
    world.publish("p", romeo, Vec::new()).await;
    assert_eq!(world.told(), [NoticeAct::Removed(id)]);
    assert_eq!(world.list().await, []);
    world.publish("p", romeo, vec![mention(juliet)]).await;
    assert_eq!(world.told(), [NoticeAct::Added(id)]);
    world.retract("p").await;
    assert_eq!(world.told(), [NoticeAct::Removed(id)]);
    world.store.close().await;
    assert_eq!(rows(&world.folder, "notifications"), 0);
}

#[tokio::test]
async fn liking_again_within_a_day_is_the_same_and_later_a_new_one() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    let post = world.publish("post", juliet, Vec::new()).await;
    world.publish("like", romeo, vec![like(juliet, post)]).await;
    let [(first, ..)] = world.list().await[..] else {
        panic!()
    };
    // By another item too: one notification, which stays while either says so.
    world.publish("heart", romeo, vec![like(juliet, post)]).await;
    assert_eq!(world.told(), [NoticeAct::Added(first)]);
    world.retract("like").await;
    assert_eq!(world.list().await.len(), 1);
    world.retract("heart").await;
    assert_eq!(world.list().await, []);
    world.publish("like", romeo, vec![like(juliet, post)]).await;
    assert_eq!(world.told(), [NoticeAct::Removed(first), NoticeAct::Added(first)]);
    world.retract("like").await;
    let later = NewItem {
        modified: Timestamp(START.0 + DAY + 1),
        ..world.item("like", romeo, vec![like(juliet, post)])
    };
    world.put(later).await;
    let [(second, ..)] = world.list().await[..] else {
        panic!()
    };
    assert!(second > first);
    // The post goes, and with it all that was said about it.
    world.retract("post").await;
    assert_eq!(world.list().await, []);
    assert_eq!(world.told().last(), Some(&NoticeAct::Removed(second)));
}

#[tokio::test]
async fn who_is_no_account_or_parted_is_not_told() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    let jids = world.store.jids();
    let stranger = jids.number("stranger@elsewhere.example").await.unwrap();
    let domain = jids.number("elsewhere.example").await.unwrap();
    world
        .publish("a", romeo, vec![mention(stranger), mention(juliet)])
        .await;
    world.publish("b", stranger, vec![mention(juliet)]).await;
    assert_eq!(world.list().await.len(), 2);
    world.told();
    // Blocking takes away what they were told of, by domain too.
    let whole = |contact| Blocked {
        contact,
        resource: String::new(),
    };
    let block = |no, added: Vec<Blocked>| world.store.write(blocking::change(no, added, Vec::new()));
    block(juliet, vec![whole(domain)]).await.unwrap();
    assert_eq!(world.list().await.len(), 1);
    world.publish("c", stranger, vec![mention(juliet)]).await;
    assert_eq!(world.list().await.len(), 1);
    // Whoever blocks is not heard either.
    let block = |no, added: Vec<Blocked>| world.store.write(blocking::change(no, added, Vec::new()));
    block(romeo, vec![whole(juliet)]).await.unwrap();
    world.publish("d", romeo, vec![mention(juliet)]).await;
    assert_eq!(world.list().await.len(), 1);
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn followers_and_reading() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    world.store.write(followed(juliet, romeo, START)).await.unwrap();
    world.store.write(followed(juliet, romeo, START)).await.unwrap();
    let [(id, NotificationType::Follow, None)] = world.list().await[..] else {
        panic!()
    };
    let read = world.store.write(read_up_to(juliet, id)).await.unwrap();
    assert_eq!(read.changed, 1);
    let back = world
        .store
        .write(read_up_to(juliet, PostId(id.0 - 1)))
        .await
        .unwrap();
    assert_eq!(back.changed, 0);
    let upto = world
        .store
        .read(move |r| r.notifications_read(juliet))
        .await
        .unwrap();
    assert_eq!(upto, id);
    world
        .store
        .write(unfollowed(juliet, romeo, "blog"))
        .await
        .unwrap();
    world
        .store
        .write(unfollowed(juliet, romeo, "blog"))
        .await
        .unwrap();
    assert_eq!(
        world.told(),
        [NoticeAct::Added(id), NoticeAct::Read(id), NoticeAct::Removed(id)]
    );
}

#[tokio::test]
async fn a_failed_commit_tells_nothing() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    world.store.faults().fail_next(1, store::Fault::Full);
    let new = world.item("p", romeo, vec![mention(juliet)]);
    assert!(world.store.write(items::put(new)).await.is_err());
    assert_eq!(world.told(), []);
    assert_eq!(world.list().await, []);
    world.publish("p", romeo, vec![mention(juliet)]).await;
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn what_is_swept_is_told_and_old_ones_are_forgotten() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    for n in 0..5 {
        world.publish(&n.to_string(), romeo, vec![mention(juliet)]).await;
    }
    assert_eq!(world.told().len(), 5);
    world.store.write(nodes::delete(world.node, START)).await.unwrap();
    swept(&world.store).await;
    assert_eq!(world.told().len(), 5);
    assert_eq!(world.list().await, []);

    world.node = node(&world.store, romeo, "again").await;
    for n in 0..3 {
        world.publish(&n.to_string(), romeo, vec![mention(juliet)]).await;
    }
    let later = Timestamp(START.0 + 200 * DAY);
    world.store.write(sweep(START, later, 2)).await.unwrap();
    assert_eq!(world.list().await.len(), 3);
    world
        .store
        .write(sweep(Timestamp(START.0 + DAY), later, 2))
        .await
        .unwrap();
    assert_eq!(world.list().await.len(), 1);
    world
        .store
        .write(sweep(Timestamp(START.0 + DAY), later, 2))
        .await
        .unwrap();
    assert_eq!(world.list().await, []);
}

#[tokio::test]
async fn an_account_keeps_the_newest_and_takes_all_with_it() {
    let world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    let pending: Vec<_> = (0..KEPT + 20)
        .map(|n| {
            let new = world.item(&n.to_string(), romeo, vec![mention(juliet)]);
            world.store.write(items::put(new))
        })
        .collect();
    for pending in pending {
        pending.await.unwrap();
    }
    let list = world.list().await;
    assert_eq!(list.len(), KEPT as usize);
    let newest = world
        .store
        .read(move |r| r.newest_notifications(juliet, 1, None))
        .await
        .unwrap();
    assert_eq!(list.last().unwrap().0, newest[0].id);
    world.store.write(read_up_to(juliet, newest[0].id)).await.unwrap();
    world.store.write(accounts::erase(juliet, START)).await.unwrap();
    swept(&world.store).await;
    world.store.close().await;
    assert_eq!(rows(&world.folder, "notifications"), 0);
    assert_eq!(rows(&world.folder, "notification_reads"), 0);
}

#[tokio::test]
async fn numbers_are_not_given_again_after_a_restart() {
    let mut world = world().await;
    let (juliet, romeo) = (world.juliet, world.romeo);
    let new = NewItem {
        modified: Timestamp(START.0 + 10 * DAY),
        ..world.item("p", romeo, vec![mention(juliet)])
    };
    world.put(new).await;
    let [(id, ..)] = world.list().await[..] else {
        panic!()
    };
    world.store.close().await;
    world.store = open(&world.folder);
    assert!(world.store.post_ids().next(START) > id);
}
