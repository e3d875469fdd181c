"""Juliet and Romeo with aioxmpp: register, befriend, see each other come and go, follow, post, talk, block, keep things."""

import asyncio
import sys

import aioxmpp
import aioxmpp.avatar
import aioxmpp.ibr
import aioxmpp.private_xml
import aioxmpp.pubsub.xso
import aioxmpp.vcard
import aioxmpp.version
import aioxmpp.xso as xso
from lxml import etree
from OpenSSL import SSL

ADDRESS, CERTIFICATE = sys.argv[1:3]
MICROBLOG = "urn:xmpp:microblog:0"
ATOM = "http://www.w3.org/2005/Atom"


class Title(xso.XSO):
    TAG = (ATOM, "title")
    text = xso.Text(default="")


@aioxmpp.pubsub.xso.as_payload_class
class Entry(xso.XSO):
    TAG = (ATOM, "entry")
    UNKNOWN_CHILD_POLICY = xso.UnknownChildPolicy.DROP
    title = xso.Child([Title])


@aioxmpp.private_xml.Query.as_payload_class
class Note(xso.XSO):
    TAG = ("urn:example:note", "note")
    text = xso.Text(default="")


def tls_context():
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(CERTIFICATE)
    return context


def security(password):
    return aioxmpp.make_security_layer(password)._replace(ssl_context_factory=tls_context)


def peer():
    return [(ADDRESS, 5222, aioxmpp.connector.STARTTLSConnector())]


class Person:
    def __init__(self, name):
        self.jid = aioxmpp.JID.fromstr(f"{name}@localhost/aioxmpp")
        self.name, self.password = name, f"{name}'s secret"
        self.came = asyncio.Queue()

    async def register(self):
        _, stream, _ = await aioxmpp.node.connect_xmlstream(
            aioxmpp.JID.fromstr("localhost"), security(None), override_peer=peer()
        )
        fields = await aioxmpp.ibr.get_registration_fields(stream)
        assert fields.username is not None and fields.password is not None, fields
        await aioxmpp.ibr.register(stream, aioxmpp.ibr.Query(self.name, self.password))
        stream.close()

    async def arrive(self):
        self.client = aioxmpp.PresenceManagedClient(self.jid, security(self.password), override_peer=peer())
        summon = self.client.summon
        self.roster = summon(aioxmpp.RosterClient)
        self.pubsub = summon(aioxmpp.PubSubClient)
        self.disco = summon(aioxmpp.DiscoClient)
        self.blocking = summon(aioxmpp.BlockingClient)
        self.private = summon(aioxmpp.private_xml.PrivateXMLService)
        self.vcard = summon(aioxmpp.vcard.VCardService)
        presence = summon(aioxmpp.PresenceClient)
        for signal, word in (
            (presence.on_available, "available"),
            (presence.on_changed, "changed"),
            (presence.on_unavailable, "unavailable"),
        ):
            signal.connect(lambda jid, stanza, word=word, **_: self.note(word, jid.bare()))
        self.roster.on_subscribe.connect(lambda stanza: self.note("subscribe", stanza.from_.bare()))
        self.roster.on_entry_subscription_state_changed.connect(lambda item: self.note(item.subscription, item.jid))
        self.roster.on_entry_name_changed.connect(lambda item: self.note("named", item.name))
        self.pubsub.on_item_published.connect(
            lambda jid, node, item, message=None: self.note("post", (node, item.registered_payload.title.text))
        )
        dispatcher = summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        dispatcher.register_callback(
            aioxmpp.MessageType.CHAT, None, lambda message: self.note("said", message.body.any())
        )
        online = asyncio.Event()
        self.client.on_stream_established.connect(lambda: online.set() or True)
        self.client.presence = aioxmpp.PresenceState(available=True)
        await asyncio.wait_for(online.wait(), 20)

    def note(self, what, detail):
        self.came.put_nowait((what, detail))

    async def expect(self, what, detail):
        seen = []
        while True:
            try:
                came = await asyncio.wait_for(self.came.get(), 15)
            except asyncio.TimeoutError:
                raise AssertionError(f"{self.name} never saw {(what, detail)}, but {seen}") from None
            if came == (what, detail):
                return
            seen.append(came)

    async def say(self, to, text):
        message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=to)
        message.body[None] = text
        await self.client.send(message)

    async def leave(self):
        self.client.presence = aioxmpp.PresenceState(available=False)
        gone = asyncio.Event()
        self.client.on_stopped.connect(lambda: gone.set() or True)
        await asyncio.wait_for(gone.wait(), 20)


async def story():
    juliet, romeo = Person("juliet"), Person("romeo")
    for person in (juliet, romeo):
        await person.register()
        await person.arrive()
    print("both registered and signed in", flush=True)

    info = await romeo.disco.query_info(aioxmpp.JID.fromstr("localhost"))
    assert "urn:xmpp:blocking" in info.features and "urn:xmpp:ping" in info.features, info.features
    about = await aioxmpp.version.query_version(romeo.client.stream, aioxmpp.JID.fromstr("localhost"))
    assert about.name == "Folkmoot", about
    print("disco and version answered", flush=True)

    her, him = juliet.jid.bare(), romeo.jid.bare()
    romeo.roster.subscribe(her)
    await juliet.expect("subscribe", him)
    juliet.roster.approve(him)
    juliet.roster.subscribe(him)
    await romeo.expect("subscribe", her)
    romeo.roster.approve(her)
    await romeo.expect("both", her)
    await juliet.expect("both", him)
    await romeo.roster.set_entry(her, name="Juliet", add_to_groups={"Capulets"})
    await romeo.expect("named", "Juliet")
    juliet.client.presence = aioxmpp.PresenceState(available=True, show=aioxmpp.PresenceShow.AWAY)
    await romeo.expect("changed", her)
    print("contacts, who see each other's presence", flush=True)

    await romeo.pubsub.subscribe(her, node=MICROBLOG, subscription_jid=him)
    entry = Entry()
    entry.title = Title()
    entry.title.text = "Good morrow"
    await juliet.pubsub.publish(her, MICROBLOG, entry, id_="first")
    await romeo.expect("post", (MICROBLOG, "Good morrow"))
    found = await romeo.pubsub.get_items(her, MICROBLOG)
    assert [item.id_ for item in found.payload.items] == ["first"], found
    await juliet.pubsub.retract(her, MICROBLOG, "first", notify=True)
    found = await romeo.pubsub.get_items(her, MICROBLOG)
    assert list(found.payload.items) == [], found
    print("followed, posted, read and retracted", flush=True)

    await romeo.say(her, "But, soft!")
    await juliet.expect("said", "But, soft!")
    await juliet.leave()
    await romeo.expect("unavailable", her)
    await romeo.say(her, "What light?")
    await juliet.arrive()
    await juliet.expect("said", "What light?")
    await romeo.expect("available", her)
    print("a message arrived at once, another when she came back", flush=True)

    await juliet.blocking.block_jids([him])
    await romeo.expect("unavailable", her)
    await romeo.say(her, "It is my lady")
    await juliet.blocking.unblock_jids([him])
    await romeo.expect("available", her)
    await romeo.say(her, "She speaks")
    await juliet.expect("said", "She speaks")
    print("blocked and unblocked", flush=True)

    note = Note()
    note.text = "the orchard wall"
    await romeo.private.set_private_xml(note)
    kept = await romeo.private.get_private_xml(Note())
    assert kept.registered_payload.text == "the orchard wall", kept
    card = await romeo.vcard.get_vcard()
    full_name = etree.fromstring("<FN xmlns='vcard-temp'>Romeo Montague</FN>")
    card.elements.append(full_name)
    await romeo.vcard.set_vcard(card)
    shown = await juliet.vcard.get_vcard(him)
    assert "Romeo Montague" in [element.text for element in shown.elements], shown
    print("private XML and vCard kept", flush=True)

    await romeo.leave()
    await juliet.leave()
    print("the story ended well", flush=True)


asyncio.new_event_loop().run_until_complete(asyncio.wait_for(story(), 90))
