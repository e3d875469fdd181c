//! Forms, publish-options, affiliations, metadata.

use bus::{AccessModel, Affiliation, MICROBLOG, MaxItems, NodeConfig, SendLast};
use format::form::{DataForm, FormType};
use pubsub::PubsubError;
use pubsub::form::{META_DATA, NODE_CONFIG, Options, PUBLISH_OPTIONS, Site, config_form};

use crate::world::{World, form, note};

const NOTES: &str = "urn:example:note";

#[test]
fn a_form_sent_back_changes_nothing() {
    let configs = [
        NodeConfig::pep(),
        NodeConfig::service(),
        NodeConfig::microblog(AccessModel::Open),
        NodeConfig {
            title: Some("A title".into()),
            access: AccessModel::Roster(vec!["Friends".into(), "Family".into()].into()),
            max_items: MaxItems::Count(7),
            item_expire: Some(60),
            max_payload_size: Some(1_000),
            contact: vec!["romeo@localhost".into()].into(),
            subscribe: false,
            tempsub: true,
            presence_based_delivery: true,
            publish_node_full: bus::NodeFull::Reject,
            dataform_xslt: Some("https://example.org/a.xslt".into()),
            ..NodeConfig::pep()
        },
    ];
    for config in configs {
        let sent_back = DataForm {
            kind: FormType::Submit,
            ..config_form(&config, Site::Account)
        };
        let options = Options::parse(&sent_back, Site::Account).unwrap();
        options.check(&config).unwrap();
        let mut other = NodeConfig {
            send_last: SendLast::OnSub,
            ..NodeConfig::service()
        };
        options.apply(&mut other);
        assert_eq!(other, config);
    }
}

#[test]
fn what_a_form_may_not_say() {
    let read =
        |form_type, field: (&str, &str), site| Options::parse(&form(form_type, &[field]), site).map(drop);
    let refusal = read(NODE_CONFIG, ("access_model", "telepathy"), Site::Account);
    assert_eq!(refusal, Err(PubsubError::UnsupportedAccessModel));
    for field in [
        ("max_items", "0"),
        ("max_items", "-1"),
        ("persist_items", "perhaps"),
        ("item_expire", "soon"),
        ("send_last_published_item", "always"),
        ("contact", "@"),
        ("subscribe", "perhaps"),
        ("publish_node_full", "burst"),
        ("telepathy", "1"),
    ] {
        let refusal = read(NODE_CONFIG, field, Site::Account).unwrap_err();
        assert!(matches!(refusal, PubsubError::InvalidOptions(_)), "{field:?}");
    }
    // What is registered and not here is refused too, unless it says what happens anyway.
    for field in [
        ("purge_offline", "true"),
        ("body_xslt", "http://x.example/"),
        ("itemreply", "owner"),
        ("node_type", "unheard-of"),
    ] {
        let refusal = read(NODE_CONFIG, field, Site::Account).unwrap_err();
        assert!(matches!(refusal, PubsubError::Unacceptable(_)), "{field:?}");
    }
    for field in [
        ("node_type", "collection"),
        ("collection", "heap"),
        ("children", "leaf"),
    ] {
        let refusal = read(NODE_CONFIG, field, Site::Account);
        assert_eq!(refusal, Err(PubsubError::Unsupported("collections")), "{field:?}");
    }
    for field in [("telepathy", "1"), ("purge_offline", "1"), ("collection", "heap")] {
        let unmet = read(PUBLISH_OPTIONS, field, Site::Account);
        assert_eq!(unmet, Err(PubsubError::PreconditionNotMet));
    }
    for word in ["presence", "roster"] {
        assert!(
            read(NODE_CONFIG, ("access_model", word), Site::Service).is_err(),
            "there is no roster"
        );
    }
    for field in [
        ("purge_offline", "0"),
        ("body_xslt", ""),
        ("collection", ""),
        ("itemreply", "publisher"),
        ("node_type", "leaf"),
        ("max_items", "max"),
    ] {
        read(NODE_CONFIG, field, Site::Service).unwrap();
    }
    assert!(read("urn:other", ("title", "x"), Site::Account).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_options_make_the_node_or_must_be_met() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let options = form(PUBLISH_OPTIONS, &[("max_items", "max"), ("access_model", "open")]);
    let publish = async |id: &str, options: &DataForm| {
        let published = world
            .publish_with(&romeo, NOTES, id, &note("x"), Some(options))
            .await?;
        published.durable.await
    };
    publish("1", &options).await.unwrap();
    let view = world.host.view(&romeo.jid.bare(), NOTES).await.unwrap().unwrap();
    assert_eq!(view.config.max_items, MaxItems::Max);
    assert_eq!(view.config.access, AccessModel::Open);
    assert_eq!(
        view.config.send_last,
        SendLast::OnSubAndPresence,
        "all else is as usual"
    );
    publish("2", &options).await.unwrap();
    let other = form(PUBLISH_OPTIONS, &[("access_model", "whitelist")]);
    assert_eq!(
        publish("3", &other).await.unwrap_err(),
        PubsubError::PreconditionNotMet
    );
    assert_eq!(world.ids(&romeo, &romeo, NOTES).await.unwrap(), ["1", "2"]);
    let view = world.host.view(&romeo.jid.bare(), NOTES).await.unwrap().unwrap();
    assert_eq!(
        view.config.access,
        AccessModel::Open,
        "a precondition changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_make_themselves_are_for_contacts() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world
        .publish(&romeo, NOTES, "1", &note("x"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let view = world.host.view(&romeo.jid.bare(), NOTES).await.unwrap().unwrap();
    assert_eq!(*view.config, NodeConfig::pep());
    let world = world.restarted().await;
    let again = world.host.view(&romeo.jid.bare(), NOTES).await.unwrap().unwrap();
    assert_eq!((again.no, &again.config), (view.no, &view.config));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_configure() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    let change = form(NODE_CONFIG, &[("access_model", "whitelist")]);
    let by_juliet = world.host.configure(&owner, &juliet, MICROBLOG, &change).await;
    assert_eq!(by_juliet.err(), Some(PubsubError::Forbidden));
    assert_eq!(
        world.host.config_form(&owner, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::Forbidden)
    );
    assert_eq!(
        world.host.delete(&owner, &juliet, MICROBLOG, None).await.err(),
        Some(PubsubError::Forbidden)
    );
    assert_eq!(
        world.host.purge(&owner, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::Forbidden)
    );
    assert_eq!(
        world.host.affiliations(&owner, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::Forbidden)
    );
    assert_eq!(
        world.host.create(&owner, &juliet, Some("x"), None).await.err(),
        Some(PubsubError::Forbidden)
    );
    let by_romeo = world.host.config_form(&owner, &romeo, MICROBLOG).await.unwrap();
    assert_eq!(by_romeo.value("pubsub#access_model"), Some("open"));
    assert_eq!(by_romeo.value("pubsub#max_items"), Some("max"));
    let cancelled = DataForm::new(FormType::Cancel);
    world
        .host
        .configure(&owner, &romeo, MICROBLOG, &cancelled)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let view = world.host.view(&owner, MICROBLOG).await.unwrap().unwrap();
    assert_eq!(view.config.access, AccessModel::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn affiliations_give_and_take() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (owner, host) = (romeo.jid.bare(), &world.host);
    world.post(&romeo, "1", "x").await;
    let bare = juliet.jid.bare().into();
    host.subscribe(&owner, &juliet, MICROBLOG, &bare)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.sink.take();
    let set = async |jid: &wire::BareJid, affiliation| {
        let changed = host
            .set_affiliations(&owner, &romeo, MICROBLOG, &[(jid.clone(), affiliation)])
            .await?;
        changed.durable.await
    };
    set(&juliet.jid.bare(), Affiliation::Outcast).await.unwrap();
    assert_eq!(
        world.sink.told(),
        ["affiliation blog outcast", "unsubscribe blog juliet@localhost"]
    );
    assert_eq!(
        world.ids(&romeo, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::Forbidden)
    );
    let again = host.subscribe(&owner, &juliet, MICROBLOG, &bare).await;
    assert_eq!(again.err(), Some(PubsubError::Forbidden));
    set(&juliet.jid.bare(), Affiliation::Publisher).await.unwrap();
    let own = host.own_affiliations(&owner, &juliet, None).await.unwrap();
    assert_eq!(own, [(MICROBLOG.into(), Affiliation::Publisher)]);
    let all = host.affiliations(&owner, &romeo, MICROBLOG).await.unwrap();
    assert_eq!(
        all,
        [
            (owner.clone(), Affiliation::Owner),
            (juliet.jid.bare(), Affiliation::Publisher)
        ]
    );
    // A publisher adds, but replaces and retracts only what is their own.
    let item = |id: &str| pubsub::NewItem {
        id: Some(id.into()),
        payload: Some(crate::world::entry("j").into()),
    };
    let by_juliet = async |id: &str| {
        host.publish(&owner, &juliet, MICROBLOG, vec![item(id)], None)
            .await
    };
    assert_eq!(by_juliet("1").await.err(), Some(PubsubError::Forbidden));
    by_juliet("2").await.unwrap().durable.await.unwrap();
    by_juliet("2").await.unwrap().durable.await.unwrap();
    let retract = async |id: &str| host.retract(&owner, &juliet, MICROBLOG, &[id], true).await.err();
    assert_eq!(retract("1").await, Some(PubsubError::Forbidden));
    assert_eq!(retract("2").await, None);
    let own = set(&owner, Affiliation::None).await.unwrap();
    assert_eq!(
        own.refused,
        [(owner.clone(), Affiliation::Owner)],
        "one's own node"
    );
    set(&juliet.jid.bare(), Affiliation::None).await.unwrap();
    assert!(
        host.own_affiliations(&owner, &juliet, None)
            .await
            .unwrap()
            .is_empty()
    );
    // On the service, somebody must remain the owner.
    let service = world.service();
    host.create(&service, &romeo, Some("n"), None)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let changes = [
        (owner.clone(), Affiliation::None),
        (juliet.jid.bare(), Affiliation::Member),
    ];
    let set = host
        .set_affiliations(&service, &romeo, "n", &changes)
        .await
        .unwrap();
    let set = set.durable.await.unwrap();
    assert_eq!(set.refused, [(owner, Affiliation::Owner)]);
    assert_eq!(set.changed, [(juliet.jid.bare(), Affiliation::Member)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Presence).await;
    let title = form(NODE_CONFIG, &[("title", "Romeo's")]);
    let owner = romeo.jid.bare();
    world
        .host
        .configure(&owner, &romeo, MICROBLOG, &title)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let info = world.host.node_info(&owner, &juliet, MICROBLOG).await.unwrap();
    let metadata = info.metadata.unwrap();
    assert_eq!(metadata.form_type(), Some(META_DATA));
    assert_eq!(metadata.value("pubsub#title"), Some("Romeo's"));
    assert_eq!(metadata.value("pubsub#owner"), Some("romeo@localhost"));
    assert_eq!(metadata.value("pubsub#type"), Some(MICROBLOG));
    assert_eq!(metadata.value("pubsub#num_subscribers"), Some("0"));
    let hidden = world.host.node_info(&juliet.jid.bare(), &romeo, MICROBLOG).await;
    assert_eq!(hidden.err(), Some(PubsubError::PresenceRequired));
    assert!(
        world
            .host
            .nodes(&juliet.jid.bare(), &romeo, None)
            .await
            .unwrap()
            .nodes
            .is_empty()
    );
    let own = world
        .host
        .nodes(&juliet.jid.bare(), &juliet, None)
        .await
        .unwrap()
        .nodes;
    let own: Vec<_> = own.iter().map(|node| &*node.name).collect();
    assert_eq!(own, [bus::HOME, bus::NOTIFICATIONS, MICROBLOG]);
    for virtual_node in [MICROBLOG, "tag/rust"] {
        world
            .host
            .node_info(&world.service(), &juliet, virtual_node)
            .await
            .unwrap();
    }
    let home = world.host.node_info(&owner, &juliet, bus::HOME).await;
    assert_eq!(home.err(), Some(PubsubError::Forbidden));
}
