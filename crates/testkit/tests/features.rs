//! What XEP-0060 §10 lists is announced exactly where it works: every feature of the list is tried on an account and on the
//! pubsub service, and the outcome is compared with what service discovery says.
//!
//! <https://xmpp.org/extensions/xep-0060.html#features>

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use testkit::world::{Arrival, Client, World};
use xmpp::settings::Creators;

const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const ITEM: &str = "<item id='i1'><x xmlns='urn:example:x'/></item>";

/// How a feature is tried: requests in their order, each with its kind and what stands after `pubsub` in its namespace, and
/// what the last answer holds where the feature works. `{n}` is a node's name that was never used before.
struct Try {
    feature: &'static str,
    asked: Vec<(&'static str, &'static str, String)>,
    shows: &'static str,
}

fn form(field: &str, value: &str) -> String {
    filled("node_config", field, value)
}

fn filled(kind: &str, field: &str, value: &str) -> String {
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>{PUBSUB}#{kind}</value></field>\
         <field var='pubsub#{field}'><value>{value}</value></field></x>"
    )
}

fn configured(field: &str, value: &str) -> (&'static str, &'static str, String) {
    let form = form(field, value);
    let content = format!("<create node='{{n}}'/><configure>{form}</configure>");
    ("set", "", content)
}

fn tries() -> Vec<Try> {
    let create = || ("set", "", "<create node='{n}'/>".to_owned());
    let get = |content: &str| ("get", "", content.to_owned());
    let set = |content: &str| ("set", "", content.to_owned());
    let owner_get = |content: &str| ("get", "#owner", content.to_owned());
    let owner_set = |content: &str| ("set", "#owner", content.to_owned());
    let publish = || set(&format!("<publish node='{{n}}'>{ITEM}</publish>"));
    let read = || get("<items node='{n}'/>");
    let subscribe = || set("<subscribe node='{n}' jid='juliet@localhost'/>");
    let affiliated = |affiliation: &str| {
        let given = format!(
            "<affiliations node='{{n}}'><affiliation jid='romeo@localhost' affiliation='{affiliation}'/></affiliations>"
        );
        vec![
            create(),
            owner_set(&given),
            owner_get("<affiliations node='{n}'/>"),
        ]
    };
    let with_access = |model: &str| {
        vec![
            configured("access_model", model),
            owner_get("<configure node='{n}'/>"),
        ]
    };
    let asked = |feature, asked, shows| Try {
        feature,
        asked,
        shows,
    };
    let options = "<options node='{n}' jid='juliet@localhost'/>";
    let leased = format!(
        "<subscribe node='{{n}}' jid='juliet@localhost'/><options>{}</options>",
        filled("subscribe_options", "expire", "2099-01-01T00:00:00Z")
    );
    let unmet = format!(
        "<publish node='{{n}}'>{ITEM}</publish><publish-options>{}</publish-options>",
        filled("publish-options", "access_model", "whitelist")
    );
    let two = "<publish node='{n}'><item id='i1'><x xmlns='urn:example:x'/></item><item id='i2'><x xmlns='urn:example:x'/></item></publish>";
    vec![
        asked(
            "access-authorize",
            with_access("authorize"),
            "<value>authorize</value>",
        ),
        asked("access-open", with_access("open"), "<value>open</value>"),
        asked(
            "access-presence",
            with_access("presence"),
            "<value>presence</value>",
        ),
        asked("access-roster", with_access("roster"), "<value>roster</value>"),
        asked(
            "access-whitelist",
            with_access("whitelist"),
            "<value>whitelist</value>",
        ),
        asked("auto-create", vec![publish(), read()], "id='i1'"),
        asked(
            "config-node",
            vec![create(), owner_get("<configure node='{n}'/>")],
            "node_config",
        ),
        asked(
            "create-and-configure",
            vec![
                configured("title", "Titled"),
                owner_get("<configure node='{n}'/>"),
            ],
            "<value>Titled</value>",
        ),
        asked("create-nodes", vec![create()], "type='result'"),
        asked(
            "delete-items",
            vec![
                create(),
                publish(),
                set("<retract node='{n}'><item id='i1'/></retract>"),
            ],
            "type='result'",
        ),
        asked(
            "delete-nodes",
            vec![create(), owner_set("<delete node='{n}'/>")],
            "type='result'",
        ),
        asked("instant-nodes", vec![set("<create/>")], "<create node="),
        asked("item-ids", vec![create(), publish(), read()], "id='i1'"),
        // What is asked for by default.
        asked(
            "last-published",
            vec![owner_get("<default/>")],
            "<value>on_sub_and_presence</value><option",
        ),
        asked(
            "leased-subscription",
            vec![create(), set(&leased), get(options)],
            "2099-01-01",
        ),
        asked(
            "manage-subscriptions",
            vec![create(), subscribe(), owner_get("<subscriptions node='{n}'/>")],
            "juliet@localhost",
        ),
        asked("member-affiliation", affiliated("member"), "affiliation='member'"),
        asked("modify-affiliations", affiliated("publisher"), "romeo@localhost"),
        asked(
            "multi-items",
            vec![configured("max_items", "2"), set(two), read()],
            "id='i2'",
        ),
        asked(
            "multi-subscribe",
            vec![
                create(),
                subscribe(),
                subscribe(),
                get("<subscriptions node='{n}'/>"),
            ],
            "{twice}<subscription ",
        ),
        asked(
            "outcast-affiliation",
            affiliated("outcast"),
            "affiliation='outcast'",
        ),
        asked(
            "persistent-items",
            vec![create(), publish(), read()],
            "urn:example:x",
        ),
        asked(
            "presence-notifications",
            vec![
                configured("presence_based_delivery", "1"),
                owner_get("<configure node='{n}'/>"),
            ],
            "presence_based_delivery",
        ),
        asked("publish", vec![create(), publish()], "type='result'"),
        asked(
            "publish-node-full",
            vec![configured("publish_node_full", "reject")],
            "type='result'",
        ),
        asked(
            "publish-only-affiliation",
            affiliated("publish-only"),
            "affiliation='publish-only'",
        ),
        asked(
            "publish-options",
            vec![create(), set(&unmet)],
            "precondition-not-met",
        ),
        asked(
            "publisher-affiliation",
            affiliated("publisher"),
            "affiliation='publisher'",
        ),
        asked(
            "purge-nodes",
            vec![create(), owner_set("<purge node='{n}'/>")],
            "type='result'",
        ),
        asked(
            "retract-items",
            vec![
                create(),
                publish(),
                set("<retract node='{n}'><item id='i1'/></retract>"),
            ],
            "type='result'",
        ),
        asked(
            "retrieve-affiliations",
            vec![create(), get("<affiliations/>")],
            "affiliation='owner'",
        ),
        asked("retrieve-default", vec![owner_get("<default/>")], "node_config"),
        asked(
            "retrieve-default-sub",
            vec![get("<default/>")],
            "subscribe_options",
        ),
        asked("retrieve-items", vec![create(), read()], "<items "),
        asked(
            "retrieve-subscriptions",
            vec![create(), subscribe(), get("<subscriptions/>")],
            "{n}",
        ),
        asked(
            "subscribe",
            vec![create(), subscribe()],
            "subscription='subscribed'",
        ),
        asked(
            "subscription-options",
            vec![create(), subscribe(), get(options)],
            "subscribe_options",
        ),
    ]
}

/// What no single request shows: where it is announced, and the transcript that shows it.
const SHOWN_ELSEWHERE: [(&str, bool, bool); 7] = [
    // contact_events.txt, personal_events.txt
    ("auto-subscribe", true, false),
    ("filtered-notifications", true, false),
    ("presence-subscribe", true, false),
    // pending_requests.txt
    ("get-pending", true, true),
    // discovery.txt, node_fields.txt
    ("meta-data", true, true),
    // subscription_approval.txt, access_is_lost.txt
    ("subscription-notifications", true, true),
    // The list's first entry, which has no name of its own.
    ("", true, true),
];

async fn answer(client: &mut Client, id: &str, request: &str) -> String {
    client.send(request.as_bytes()).await.unwrap();
    loop {
        let Arrival::Stanza(document) = client.next().await.unwrap() else {
            panic!("the stream ended");
        };
        if document.root().attr("id").as_deref() == Some(id) {
            return String::from_utf8(document.root().cut()).unwrap();
        }
    }
}

async fn announced(client: &mut Client, to: &str) -> BTreeSet<String> {
    let request = format!(
        "<iq type='get' id='info' to='{to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    );
    let answer = answer(client, "info", &request).await;
    answer
        .split("var='")
        .skip(1)
        .filter_map(|rest| {
            rest.split('\'')
                .next()?
                .strip_prefix(PUBSUB)
                .map(ToOwned::to_owned)
        })
        .filter_map(|feature| match feature.as_str() {
            "" => Some(String::new()),
            name => name.strip_prefix('#').map(ToOwned::to_owned),
        })
        .collect()
}

/// Whether a feature works at an address.
async fn works(client: &mut Client, to: &str, node: &str, tried: &Try) -> bool {
    let mut last = String::new();
    for (number, (kind, namespace, content)) in tried.asked.iter().enumerate() {
        let id = format!("{node}-{number}");
        let content = content.replace("{n}", node);
        let request = format!(
            "<iq type='{kind}' id='{id}' to='{to}'><pubsub xmlns='{PUBSUB}{namespace}'>{content}</pubsub></iq>"
        );
        last = answer(client, &id, &request).await;
    }
    let wanted = tried.shows.replace("{n}", node);
    match wanted.strip_prefix("{twice}") {
        Some(wanted) => last.matches(wanted).count() == 2,
        None => last.contains(&wanted),
    }
}

#[tokio::test]
async fn what_is_announced_is_what_works() {
    let mut world = World::start().await;
    for name in ["juliet", "romeo"] {
        world.make_account(name).await.unwrap();
    }
    world.connect("juliet").await.unwrap();
    let client = world.client("juliet").unwrap();
    let tries = tries();
    for (place, to) in ["juliet@localhost", "pubsub.localhost"].into_iter().enumerate() {
        let announced = announced(client, to).await;
        for (number, tried) in tries.iter().enumerate() {
            let works = works(client, to, &format!("node{number}"), tried).await;
            assert_eq!(
                announced.contains(tried.feature),
                works,
                "{} at {to}",
                tried.feature
            );
        }
        for (feature, on_account, on_service) in SHOWN_ELSEWHERE {
            let wanted = if place == 0 { on_account } else { on_service };
            assert_eq!(announced.contains(feature), wanted, "{feature} at {to}");
        }
        // What else is announced is no feature of the list: other XEPs', and §16's.
        let known: BTreeSet<&str> = tries
            .iter()
            .map(|tried| tried.feature)
            .chain(SHOWN_ELSEWHERE.map(|(feature, ..)| feature))
            .chain(["config-node-max", "pubsub-on-a-jid", "rsm"])
            .collect();
        let unknown: Vec<_> = announced
            .iter()
            .filter(|feature| !known.contains(feature.as_str()))
            .collect();
        assert!(unknown.is_empty(), "nobody tried {unknown:?} at {to}");
    }
    world.end().await;
}

#[tokio::test]
async fn who_may_create_nodes_is_the_operators_choice() {
    for (creators, error) in [
        (Creators::Everybody, None),
        (Creators::Admins, Some("<forbidden ")),
        (Creators::Nobody, Some("feature='create-nodes'")),
    ] {
        let mut world = World::start_with(|settings| settings.creators = creators).await;
        world.make_account("juliet").await.unwrap();
        world.connect("juliet").await.unwrap();
        let client = world.client("juliet").unwrap();
        let create = |to: &str| {
            format!(
                "<iq type='set' id='{to}' to='{to}'><pubsub xmlns='{PUBSUB}'><create node='n'/></pubsub></iq>"
            )
        };
        let on_service = answer(client, "pubsub.localhost", &create("pubsub.localhost")).await;
        match error {
            None => assert!(on_service.contains("type='result'"), "{on_service}"),
            Some(error) => assert!(on_service.contains(error), "{on_service}"),
        }
        let on_account = answer(client, "juliet@localhost", &create("juliet@localhost")).await;
        assert!(on_account.contains("type='result'"), "{on_account}");
        let announced = announced(client, "pubsub.localhost").await;
        assert_eq!(announced.contains("create-nodes"), creators != Creators::Nobody);
        world.end().await;
    }
}
