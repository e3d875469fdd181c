"""Juliet and Romeo with slixmpp: register, befriend, follow, post, read, retract, talk, lose the connection, look back."""

import asyncio
import sys

import slixmpp
from slixmpp.xmlstream import ET, tostring

ADDRESS, CERTIFICATE = sys.argv[1:3]
MICROBLOG = "urn:xmpp:microblog:0"
ATOM = "{http://www.w3.org/2005/Atom}"


class Person(slixmpp.ClientXMPP):
    def __init__(self, name):
        super().__init__(f"{name}@localhost/slixmpp", f"{name}'s secret")
        self.person = name
        # This release holds back requests before the session, registration too, unless told not to.
        self._always_send_everything = True
        self.ca_certs = CERTIFICATE
        for plugin in ("xep_0030", "xep_0059", "xep_0060", "xep_0077", "xep_0115", "xep_0163", "xep_0198", "xep_0199", "xep_0313"):
            self.register_plugin(plugin)
        self["xep_0077"].force_registration = True
        self.inbox = asyncio.Queue()
        self.add_event_handler("register", self.sign_up)
        self.add_event_handler("pubsub_publish", lambda m: self.inbox.put_nowait(("post", m)))
        self.add_event_handler("pubsub_retract", lambda m: self.inbox.put_nowait(("retract", m)))
        self.add_event_handler("message", lambda m: self.inbox.put_nowait(("message", m)))
        self.add_event_handler("presence_subscribed", lambda p: self.inbox.put_nowait(("subscribed", p)))
        self.add_event_handler("failed_auth", lambda f: print(f"{name}: failed_auth {f}", flush=True))

    async def sign_up(self, _form):
        request = self.Iq()
        request["type"] = "set"
        request["register"]["username"] = self.person
        request["register"]["password"] = self.password
        await request.send()

    async def arrive(self):
        started = self.wait_until("session_start", 30)
        self.connect((ADDRESS, 5222))
        await started
        self.send_presence()
        await self.get_roster()

    async def expect(self, kind, condition=lambda _: True):
        while True:
            what, stanza = await asyncio.wait_for(self.inbox.get(), 20)
            if what == kind and condition(stanza):
                return stanza


def post(text):
    entry = ET.Element(f"{ATOM}entry")
    title = ET.SubElement(entry, f"{ATOM}title", {"type": "text"})
    title.text = text
    mood = ET.SubElement(entry, "{urn:example:mood}mood")
    mood.text = "hopeful"
    return entry


async def story():
    juliet, romeo = Person("juliet"), Person("romeo")
    await juliet.arrive()
    await romeo.arrive()
    print("both registered and signed in", flush=True)
    print("done: sign in", flush=True)

    info = await romeo["xep_0030"].get_info(jid="localhost", cached=False)
    assert "urn:xmpp:ping" in info["disco_info"]["features"], info
    own = await romeo["xep_0030"].get_info(jid="romeo@localhost", cached=False)
    assert ("pubsub", "pep") in {(i[0], i[1]) for i in own["disco_info"]["identities"]}, own
    service = await romeo["xep_0030"].get_info(jid="pubsub.localhost", cached=False)
    assert ("pubsub", "service") in {(i[0], i[1]) for i in service["disco_info"]["identities"]}, service
    await romeo["xep_0199"].ping("localhost", timeout=10)
    print("disco and ping answered", flush=True)

    await romeo["xep_0060"].subscribe("juliet@localhost", MICROBLOG, subscribee="romeo@localhost")
    await juliet["xep_0060"].publish("juliet@localhost", MICROBLOG, id="first", payload=post("Good morrow #verona"))
    seen = await romeo.expect("post")
    item = seen["pubsub_event"]["items"]["item"]
    assert item["id"] == "first" and item["publisher"] == "juliet@localhost", tostring(seen.xml)
    entry = item["payload"]
    assert entry.find(f"{ATOM}title").text == "Good morrow #verona"
    assert entry.find("{urn:example:mood}mood").text == "hopeful", "unknown children survive"
    assert entry.find(f"{ATOM}id") is not None and entry.find(f"{ATOM}published") is not None
    assert "verona" in [c.get("term") for c in entry.findall(f"{ATOM}category")]
    print("a post arrived live", flush=True)
    print("done: publish\ndone: live posts", flush=True)

    got = await romeo["xep_0060"].get_items("juliet@localhost", MICROBLOG)
    assert [i["id"] for i in got["pubsub"]["items"]] == ["first"], got
    tag = await romeo["xep_0060"].get_items("pubsub.localhost", "tag/verona")
    assert len(list(tag["pubsub"]["items"])) == 1, tag
    public = await romeo["xep_0060"].get_items("pubsub.localhost", MICROBLOG)
    assert len(list(public["pubsub"]["items"])) == 1, public
    home = await romeo["xep_0060"].get_items("romeo@localhost", "urn:x-folkmoot:home:0")
    assert len(list(home["pubsub"]["items"])) == 1, home
    try:
        await romeo["xep_0060"].publish("juliet@localhost", MICROBLOG, payload=post("I am Juliet"))
        raise AssertionError("Romeo posted as Juliet")
    except slixmpp.exceptions.IqError as error:
        assert error.condition == "forbidden", error
    print("done: read", flush=True)
    print("read by node, tag, public stream and home; no posting for others", flush=True)

    await juliet["xep_0060"].retract("juliet@localhost", MICROBLOG, "first", notify="true")
    gone = await romeo.expect("retract")
    assert gone["pubsub_event"]["items"]["retract"]["id"] == "first", gone
    assert len(list((await romeo["xep_0060"].get_items("juliet@localhost", MICROBLOG))["pubsub"]["items"])) == 0
    print("retracted everywhere", flush=True)

    juliet.auto_authorize = romeo.auto_authorize = True
    juliet.auto_subscribe = True
    romeo.send_presence_subscription("juliet@localhost")
    await romeo.expect("subscribed")
    romeo.send_message("juliet@localhost", "But, soft!", mtype="chat")
    said = await juliet.expect("message", lambda m: m["body"])
    assert said["body"] == "But, soft!" and said["from"].bare == "romeo@localhost", said
    print("contacts, and a message arrived", flush=True)
    print("done: messages", flush=True)

    # The socket is gone without a word; what is said meanwhile comes once, after the stream was resumed.
    lost = romeo.wait_until("disconnected", 20)
    romeo.abort()
    await lost
    juliet.send_message("romeo@localhost", "Wherefore art thou?", mtype="chat")
    resumed = romeo.wait_until("session_resumed", 30)
    romeo.connect((ADDRESS, 5222))
    await resumed
    juliet.send_message("romeo@localhost", "Art thou there?", mtype="chat")
    for words in ("Wherefore art thou?", "Art thou there?"):
        said = await romeo.expect("message", lambda m: m["body"])
        assert said["body"] == words, said
    print("done: resume", flush=True)

    archive = await romeo["xep_0313"].retrieve(with_jid=slixmpp.JID("juliet@localhost"), timeout=20)
    said = [m["mam_result"]["forwarded"]["stanza"]["body"] for m in archive["mam"]["results"]]
    assert said == ["But, soft!", "Wherefore art thou?", "Art thou there?"], said
    print("done: archive", flush=True)

    for person in (juliet, romeo):
        await person.disconnect(wait=2)
    print("the story ended well", flush=True)


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(story(), 90))
