//! Reading in pages, in orders and by words: every item that may be read is given exactly once, whatever happens meanwhile.

use bus::{AccessModel, MICROBLOG};
use format::rsm::{Page, Request};
use format::search::Search;
use proptest::prelude::*;
use pubsub::{Actor, Host, ItemsPage, ItemsQuery, ItemsRequest, NewItem, Order, OrderBy, PubsubError, Sense};
use store::search::INDEX_WORDS;
use store::{Clock, PostId};

use crate::world::{World, note};

const NODE: &str = "balcony";

#[derive(Clone, Debug)]
enum Act {
    /// Publishes a new item.
    New,
    /// Replaces one of those there.
    Edit(usize),
    /// Retracts one.
    Retract(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::New),
        2 => any::<usize>().prop_map(Act::Edit),
        1 => any::<usize>().prop_map(Act::Retract),
    ]
}

/// What is there, in the order of creation; each with the number of its last change.
#[derive(Default)]
struct Model {
    items: Vec<(String, u64)>,
    changes: u64,
    given: u64,
}

impl Model {
    async fn act(&mut self, world: &World, actor: &Actor, act: &Act) {
        self.changes += 1;
        let at = |which: usize| which % self.items.len();
        let id = match act {
            Act::Edit(which) if !self.items.is_empty() => {
                let at = at(*which);
                self.items[at].1 = self.changes;
                self.items[at].0.clone()
            }
            Act::Retract(which) if !self.items.is_empty() => {
                let (id, _) = self.items.remove(at(*which));
                let host = &world.host;
                let retracted = host.retract(&world.service(), actor, NODE, &[&id], false).await;
                retracted.unwrap().durable.await.unwrap();
                return;
            }
            _ => {
                self.given += 1;
                self.items.push((format!("i{}", self.given), self.changes));
                format!("i{}", self.given)
            }
        };
        let parity = if self.changes.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        };
        let item = NewItem {
            id: Some(id),
            payload: Some(note(parity).into_bytes()),
        };
        let published = world
            .host
            .publish(&world.service(), actor, NODE, vec![item], None)
            .await;
        published.unwrap().durable.await.unwrap();
    }

    fn ids(&self, order: Order) -> Vec<String> {
        let mut items = self.items.clone();
        if order.by == OrderBy::Modification {
            items.sort_by_key(|(_, change)| *change);
        }
        if order.sense == Sense::Descending {
            items.reverse();
        }
        items.into_iter().map(|(id, _)| id).collect()
    }
}

async fn node(world: &World) -> Actor {
    let romeo = world.account("romeo", AccessModel::Open).await;
    let created = world
        .host
        .create(&world.service(), &romeo, Some(NODE), None)
        .await;
    created.unwrap().durable.await.unwrap();
    romeo
}

fn request(order: Order, max: u32, page: Page) -> ItemsRequest {
    ItemsRequest {
        query: ItemsQuery::Rsm(Request { max: Some(max), page }),
        order,
        search: None,
    }
}

async fn read(world: &World, actor: &Actor, request: ItemsRequest) -> Result<ItemsPage, PubsubError> {
    world.host.items(&world.service(), actor, NODE, request).await
}

fn ids(page: &ItemsPage) -> Vec<String> {
    page.items.iter().map(|item| item.id.to_string()).collect()
}

fn orders() -> [Order; 4] {
    let order = |by, sense| Order { by, sense };
    [
        order(OrderBy::Creation, Sense::Ascending),
        order(OrderBy::Creation, Sense::Descending),
        order(OrderBy::Modification, Sense::Ascending),
        order(OrderBy::Modification, Sense::Descending),
    ]
}

/// Walks from one end to the other, and does something between each two pages.
async fn walk(
    world: &World,
    actor: &Actor,
    model: &mut Model,
    order: Order,
    max: u32,
    is_forwards: bool,
    meanwhile: &[Act],
) -> Vec<String> {
    let mut all = Vec::new();
    let mut page = if is_forwards { Page::First } else { Page::Last };
    let mut meanwhile = meanwhile.iter();
    loop {
        let read = read(world, actor, request(order, max, page)).await.unwrap();
        let rsm = read.rsm.clone().unwrap();
        let mut found = ids(&read);
        if found.is_empty() {
            return all;
        }
        assert_eq!(rsm.count, Some(model.items.len() as u32));
        let there = model.ids(order);
        assert_eq!(
            rsm.first_index,
            there.iter().position(|id| *id == found[0]).map(|at| at as u32)
        );
        let last_id = found.last().cloned().unwrap();
        page = if is_forwards {
            Page::After(rsm.last.unwrap())
        } else {
            found.reverse();
            Page::Before(rsm.first.unwrap())
        };
        all.extend(found);
        if let Some(act) = meanwhile.next() {
            let kept = if is_forwards {
                last_id
            } else {
                all.last().cloned().unwrap()
            };
            match act {
                // The anchor has to stay for the walk to go on.
                Act::Retract(which) if model.items[which % model.items.len()].0 == kept => {}
                act => model.act(world, actor, act).await,
            }
        }
    }
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_gives_every_item_once(acts in prop::collection::vec(act(), 1..40), max in 1..9_u32) {
        on_a_runtime(async {
            let world = World::new().await;
            let romeo = node(&world).await;
            let mut model = Model::default();
            for act in &acts {
                model.act(&world, &romeo, act).await;
            }
            for order in orders() {
                let expected = model.ids(order);
                let forwards = walk(&world, &romeo, &mut model, order, max, true, &[]).await;
                assert_eq!(forwards, expected, "{order:?}");
                let mut backwards = walk(&world, &romeo, &mut model, order, max, false, &[]).await;
                backwards.reverse();
                assert_eq!(backwards, expected, "{order:?} backwards");
                for (index, first) in expected.iter().enumerate() {
                    let page = Page::Index(index as u32);
                    let page = read(&world, &romeo, request(order, 1, page)).await.unwrap();
                    assert_eq!(ids(&page), [first.as_str()], "{order:?} at {index}");
                    assert_eq!(page.rsm.unwrap().first_index, Some(index as u32));
                }
            }
        });
    }

    /// What is there from beginning to end is given once, though others come, change and go between the pages. What is
    /// changed during a walk by modification stands elsewhere then.
    #[test]
    fn what_happens_meanwhile_hides_and_repeats_nothing(
        acts in prop::collection::vec(Just(Act::New), 5..20),
        meanwhile in prop::collection::vec(act(), 1..20),
        max in 1..5_u32,
        is_forwards in any::<bool>(),
        is_descending in any::<bool>(),
    ) {
        on_a_runtime(async {
            let world = World::new().await;
            let romeo = node(&world).await;
            let mut model = Model::default();
            for act in &acts {
                model.act(&world, &romeo, act).await;
            }
            let order = orders()[usize::from(is_descending)];
            let before = model.ids(order);
            let mut walked = walk(&world, &romeo, &mut model, order, max, is_forwards, &meanwhile).await;
            let after = model.ids(order);
            let mut once = walked.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), walked.len(), "nothing twice");
            for id in before.iter().filter(|id| after.contains(id)) {
                assert!(walked.contains(id), "{id} was there all the time");
            }
            if !is_forwards {
                walked.reverse();
            }
            let known: Vec<_> = walked.iter().filter(|id| after.contains(id)).collect();
            let expected: Vec<_> = after.iter().filter(|id| walked.contains(id)).collect();
            assert_eq!(known, expected, "in order");
        });
    }

    #[test]
    fn a_search_gives_what_has_the_word(acts in prop::collection::vec(act(), 1..30), max in 1..5_u32) {
        on_a_runtime(async {
            let world = World::new().await;
            let romeo = node(&world).await;
            let mut model = Model::default();
            for act in &acts {
                model.act(&world, &romeo, act).await;
            }
            let even = model.items.iter().filter(|(_, change)| change.is_multiple_of(2));
            let expected: Vec<_> = even.map(|(id, _)| id.clone()).collect();
            let mut found = Vec::new();
            let mut page = Page::First;
            loop {
                let mut request = request(Order::default(), max, page);
                request.search = Some(Search::parse("EVEN").unwrap());
                let read = read(&world, &romeo, request).await.unwrap();
                let rsm = read.rsm.clone().unwrap();
                assert_eq!((rsm.count, rsm.first_index), (None, None));
                found.extend(ids(&read));
                match rsm.last {
                    Some(last) => page = Page::After(last),
                    None => break,
                }
            }
            assert_eq!(found, expected);
        });
    }
}

/// Boosts of what is closed by now are in nobody's page, and a page is filled behind them.
#[tokio::test]
async fn a_page_goes_on_behind_what_is_left_out_and_counts_nothing() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.post(&juliet, "last", "mine").await;
    for number in 0..5 {
        world.post(&romeo, &format!("p{number}"), "his").await;
        world.clock.advance(1);
        let boost = format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title>x</title><link rel='via' \
             href='xmpp:romeo@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=p{number}'/></entry>"
        );
        let boosted = world
            .publish(&juliet, MICROBLOG, &format!("b{number}"), &boost)
            .await;
        boosted.unwrap().durable.await.unwrap();
    }
    world.post(&juliet, "newest", "mine").await;
    let read = async |page| {
        let request = ItemsQuery::Rsm(Request { max: Some(2), page });
        world.read(&juliet, &romeo, MICROBLOG, request).await.unwrap()
    };
    assert_eq!(ids(&read(Page::First).await), ["last", "b0"]);
    let form = crate::world::form(
        "http://jabber.org/protocol/pubsub#node_config",
        &[("access_model", "whitelist")],
    );
    let closed = world
        .host
        .configure(&romeo.jid.bare(), &romeo, MICROBLOG, &form)
        .await;
    closed.unwrap().durable.await.unwrap();
    let page = read(Page::First).await;
    assert_eq!(ids(&page), ["last", "newest"]);
    let rsm = page.rsm.unwrap();
    assert_eq!(
        (rsm.count, rsm.first_index),
        (None, None),
        "it would count what is left out"
    );
}

/// Who asks for all is given the newest, and told that there are more; who asks for so many is told nothing else.
#[tokio::test]
async fn what_does_not_fit_comes_with_its_place() {
    let world = World::new().await;
    let romeo = node(&world).await;
    let mut model = Model::default();
    for _ in 0..300 {
        model.act(&world, &romeo, &Act::New).await;
    }
    for query in [ItemsQuery::All, ItemsQuery::Newest(1_000)] {
        let page = read(&world, &romeo, query.into()).await.unwrap();
        let rsm = page.rsm.clone().unwrap();
        assert_eq!(
            (page.items.len(), rsm.count, rsm.first_index),
            (256, Some(300), Some(44))
        );
        let before = request(Order::default(), 256, Page::Before(rsm.first.unwrap()));
        assert_eq!(read(&world, &romeo, before).await.unwrap().items.len(), 44);
    }
    let page = read(&world, &romeo, ItemsQuery::Newest(20).into()).await.unwrap();
    assert_eq!((page.items.len(), page.rsm), (20, None));
    let listed = world
        .host
        .item_ids(&world.service(), &romeo, NODE, None)
        .await
        .unwrap();
    assert_eq!((listed.ids.len(), listed.rsm.unwrap().count), (256, Some(300)));
}

/// Items of a version without search are found after the next start, and one that is changed meanwhile by what it says now.
#[tokio::test]
async fn what_was_stored_without_words_is_indexed_once() {
    let world = World::new().await;
    let romeo = node(&world).await;
    let mut model = Model::default();
    for _ in 0..150 {
        model.act(&world, &romeo, &Act::New).await;
    }
    let rows = world
        .store
        .read(|reader| reader.items_above(PostId(0), 1_000))
        .await
        .unwrap();
    let wordless = rows.into_iter().map(|row| store::search::Words {
        post_id: row.post_id,
        seq: row.seq,
        words: String::new(),
    });
    let forgotten = store::search::index(wordless.collect(), PostId(0), world.clock.now());
    world.store.write(forgotten).await.unwrap();
    let found = async |world: &World| {
        let mut request = request(Order::default(), 200, Page::First);
        request.search = Some(Search::parse("even").unwrap());
        read(world, &romeo, request).await.unwrap().items.len()
    };
    assert_eq!(found(&world).await, 0);
    // Cut off in its midst, it goes on at the next start.
    let world = world.restarted().await.restarted().await;
    let jobs = async || world.store.read(|reader| reader.jobs(INDEX_WORDS)).await.unwrap();
    while !jobs().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(found(&world).await, 75);
}

/// Whoever may not read a node learns nothing from any way of asking.
#[tokio::test]
async fn who_may_not_read_is_refused_every_way() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Whitelist).await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&juliet, "secret", "the word").await;
    let host: &Host = &world.host;
    let at = juliet.jid.bare();
    let mut requests = vec![ItemsRequest::from(ItemsQuery::Ids(vec!["secret".into()]))];
    for order in orders() {
        requests.push(request(order, 0, Page::First));
        requests.push(request(order, 1, Page::Last));
    }
    let mut searched = request(Order::default(), 1, Page::First);
    searched.search = Some(Search::parse("word").unwrap());
    requests.push(searched);
    for request in requests {
        let refused = host.items(&at, &romeo, MICROBLOG, request.clone()).await;
        assert_eq!(refused.err(), Some(PubsubError::ClosedNode), "{request:?}");
    }
    let ids = host
        .item_ids(&at, &romeo, MICROBLOG, Some(Request::default()))
        .await;
    assert_eq!(ids.err(), Some(PubsubError::ClosedNode));
    let page = |page| Some(Request { max: None, page });
    let listed = host.nodes(&at, &romeo, page(Page::First)).await.unwrap();
    assert!(listed.nodes.is_empty() && listed.rsm.unwrap().count.is_none());
    let beside = host.nodes(&at, &romeo, page(Page::After(MICROBLOG.into()))).await;
    assert_eq!(
        beside.err(),
        Some(PubsubError::ItemNotFound),
        "as one that is not there"
    );
}
