// Fills a server with a small town, as twenty people with ordinary XMPP clients would: accounts, names, who reads whom,
// a few days of talk. Then they talk on.
import { Client, MICROBLOG, entry, escape } from '../tests/stories/lib/client.mjs';
import { PEOPLE, contacts, follows } from './people.mjs';
import { ANSWERS, LETTERS, LIVE, THREADS } from './talk.mjs';

const HOUR = 3_600_000;
const ATTACHMENTS = 'urn:xmpp:pubsub-attachments:1';
export const PASSWORD = 'a town by the weir';
const jid = (name) => `${name}@localhost`;

/** Makes the town on a server for localhost. `administer` runs a command of the program. Gives everybody's client. */
export async function fill(site, administer) {
  const people = new Map();
  for (const { name } of PEOPLE) await administer(['account', 'add', jid(name), '--password-stdin'], PASSWORD);
  for (const { name, called, about } of PEOPLE) {
    const client = await Client.connect(site, `${jid(name)}/town`, PASSWORD);
    people.set(name, client);
    await client.publish('http://jabber.org/protocol/nick', 'current', `<nick xmlns='http://jabber.org/protocol/nick'>${escape(called)}</nick>`);
    await client.publish(
      'urn:xmpp:vcard4',
      'current',
      `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>${escape(called)}</text></fn><note><text>${escape(about)}</text></note></vcard>`,
    );
    // What one says of oneself is for contacts, unless one opens it.
    for (const node of ['http://jabber.org/protocol/nick', 'urn:xmpp:vcard4']) await client.configure(node, { 'pubsub#access_model': 'open' });
    client.send('<presence/>');
  }
  for (const [one, other] of contacts) await befriend(people.get(one), people.get(other));
  for (const [reader, author] of follows()) await people.get(reader).follow(jid(author));

  const happenings = THREADS.flatMap((thread, number) => inTime(thread, number));
  happenings.sort((one, other) => other.ago - one.ago);
  for (const { act } of happenings) await act(people);
  for (const [from, to, text] of LETTERS) write(people, from, to, text);
  return people;
}

/** One thread as what happens hours ago: the post, then answers, likes and boosts, each a little later. */
function inTime({ by, ago, text, replies = [], like = [], boost = [] }, number) {
  const post = { by, id: `town-${number}` };
  const later = (step) => Math.max(ago - 0.2 * step, 0.02);
  return [
    { ago, act: (people) => people.get(by).publish(MICROBLOG, post.id, dated(text, ago)) },
    ...replies.map(([name, answer], at) => ({
      ago: later(at + 1),
      act: async (people) => reply(people.get(name), await commentsOf(people, post), `${post.id}-${at}`, dated(answer, later(at + 1))),
    })),
    ...like.map((name, at) => ({ ago: later(at + 1.5), act: (people) => likes(people.get(name), post) })),
    ...boost.map((name, at) => ({ ago: later(at + 2), act: (people) => boosts(people.get(name), post) })),
  ];
}

function dated(text, ago) {
  const at = new Date(Date.now() - ago * HOUR).toISOString();
  return entry(text, `<published>${at}</published><updated>${at}</updated>`);
}

const addressOf = ({ by, id }) => `xmpp:${jid(by)}?;node=${encodeURIComponent(MICROBLOG)};item=${encodeURIComponent(id)}`;

/** The node of a post's comments, which the server names in the post. */
async function commentsOf(people, { by, id }) {
  const found = await people.get(by).ask(
    `<iq type='get' to='${jid(by)}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${MICROBLOG}'><item id='${id}'/></items></pubsub></iq>`,
  );
  const [link] = /<link [^>]*rel=["']replies["'][^>]*>/.exec(found) ?? [];
  const [, service, node] = /href=["']xmpp:([^?]+)\?;node=([^;"']+)/.exec(link ?? '') ?? [];
  if (!service) throw new Error(`the post has no place for comments: ${found}`);
  return { service, node: decodeURIComponent(node) };
}

const reply = (client, { service, node }, id, payload) => client.publish(node, id, payload, service);

function likes(client, post) {
  const noticed = `<attachments xmlns='${ATTACHMENTS}'><noticed timestamp='${new Date().toISOString()}'/></attachments>`;
  return client.publish(`${ATTACHMENTS}/${addressOf(post)}`, client.jid, noticed, jid(post.by));
}

const boosts = (client, post) =>
  client.publish(MICROBLOG, `boost-${post.id}`, entry('♻', `<link rel='via' href='${addressOf(post)}'/>`));

async function befriend(one, other) {
  one.send(`<presence type='subscribe' to='${other.jid}'/>`);
  const from = (client) => new RegExp(`from=["']${client.jid}["'][^>]*type=["']subscribe["']|type=["']subscribe["'][^>]*from=["']${client.jid}["']`);
  await other.sees(from(one));
  other.send(`<presence type='subscribed' to='${one.jid}'/>`);
  other.send(`<presence type='subscribe' to='${one.jid}'/>`);
  await one.sees(from(other));
  one.send(`<presence type='subscribed' to='${other.jid}'/>`);
}

function write(people, from, to, text) {
  people.get(from).send(`<message to='${jid(to)}' type='chat' id='${crypto.randomUUID()}'><body>${escape(text)}</body></message>`);
}

/** Lets them talk on, one act every few seconds, until `signal` aborts. */
export async function live(people, signal, seconds = 12) {
  const names = [...people.keys()];
  for (let turn = 0; !signal.aborted; turn += 1) {
    const [by, text] = LIVE[Math.floor(turn / 3) % LIVE.length];
    const post = { by, id: `live-${Math.floor(turn / 3)}` };
    // Somebody else each time, and never the author.
    const other = names.filter((name) => name !== by)[(turn * 7) % (names.length - 1)];
    if (turn % 3 === 0) await people.get(by).publish(MICROBLOG, post.id, entry(text));
    else if (turn % 3 === 1) await likes(people.get(other), post);
    else await reply(people.get(other), await commentsOf(people, post), `${post.id}-answer`, entry(ANSWERS[turn % ANSWERS.length]));
    await new Promise((next) => {
      const timer = setTimeout(next, seconds * 1_000);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        next();
      });
    });
  }
}
