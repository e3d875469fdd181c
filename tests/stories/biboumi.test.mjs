// A stock component, Debian's biboumi, which is a gateway to IRC: a person here talks with people there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Irc } from './lib/irc.mjs';
import { Server } from './lib/server.mjs';

const SECRET = 'known to both of us';
const ROOM = '#verona@irc.localhost';
const server = new Server();
server.args.push('--set', `components_bind=${server.address}`);
server.args.push('--set', `components=[{domain="irc.localhost",secret="${SECRET}",name="IRC"}]`);
let irc;
let gateway;

/** Starts biboumi, which takes everything from its file. */
function startGateway(secret = SECRET) {
  const folder = join(server.data, 'biboumi');
  mkdirSync(folder, { recursive: true });
  const settings = {
    hostname: 'irc.localhost',
    password: secret,
    xmpp_server_ip: server.address,
    port: 5347,
    fixed_irc_server: server.address,
    db_name: join(folder, 'biboumi.sqlite'),
    policy_directory: folder,
    identd_port: 0,
    log_level: 1,
  };
  const file = join(folder, 'biboumi.cfg');
  writeFileSync(file, Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(''));
  gateway = spawn('biboumi', [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  gateway.said = '';
  for (const stream of [gateway.stdout, gateway.stderr]) stream.on('data', (chunk) => (gateway.said += chunk));
}

async function stopGateway() {
  if (!gateway || gateway.exitCode !== null || gateway.signalCode !== null) return;
  const ended = once(gateway, 'exit');
  gateway.kill('SIGKILL');
  await ended;
}

/** Looks until it is so. */
async function until(isSo) {
  const deadline = Date.now() + 20_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${isSo}\n${gateway.said}\n${server.output}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

/** Waits until the domain lists it. */
const isListed = (client) =>
  until(async () => {
    const items = await client.ask(`<iq type='get' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`);
    return /jid="irc.localhost"[^>]*name="IRC"|name="IRC"[^>]*jid="irc.localhost"/.test(items);
  });

before(async () => {
  await server.start();
  irc = await Irc.open(server.address);
  await server.administer(['account', 'add', 'juliet@localhost', '--password-stdin'], 'a good secret');
});
after(async () => {
  await stopGateway();
  await irc?.close();
  await server.remove();
});

test('a person talks on IRC through biboumi, sees it go, and goes on when it is back', { timeout: 120_000 }, async () => {
  const juliet = await Client.connect(server.site, 'juliet@localhost/web', 'a good secret');
  juliet.send('<presence/>');

  // Nobody is let in with another secret.
  startGateway('something else');
  await until(() => server.output.includes('could not prove itself'));
  assert.ok(!server.output.includes('something else') && !server.output.includes(SECRET));
  await stopGateway();

  startGateway();
  await isListed(juliet);
  const info = await juliet.ask(`<iq type='get' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  assert.match(info, /category="conference"/);

  // Joining, talking, being answered.
  const join = `<presence to='${ROOM}/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
  juliet.send(join);
  await juliet.sees(/<presence[^>]*from="#verona@irc\.localhost\/Peter"/);
  await juliet.sees(/<presence[^>]*from="#verona@irc\.localhost\/juliet".*code="110"/);
  juliet.send(`<message to='${ROOM}' type='groupchat' id='m1'><body>Good morrow, cousin</body></message>`);
  await irc.hears(/^PRIVMSG #verona :Good morrow, cousin$/);
  await juliet.sees(/<message[^>]*from="#verona@irc\.localhost\/Peter".*Anon, Good morrow, cousin/);

  // It goes: so do those who were in the room, for her.
  juliet.seen.length = 0;
  await stopGateway();
  await juliet.sees(/<presence[^>]*(type="unavailable"[^>]*from="#verona@irc\.localhost\/Peter"|from="#verona@irc\.localhost\/Peter"[^>]*type="unavailable")/);
  juliet.seen.length = 0;
  juliet.send(`<message to='${ROOM}' type='groupchat' id='m2'><body>Still there?</body></message>`);
  await juliet.sees(/<message.*remote-server-timeout/);

  // And comes back.
  startGateway();
  await isListed(juliet);
  juliet.send(join);
  await juliet.sees(/<presence[^>]*from="#verona@irc\.localhost\/juliet".*code="110"/);
  juliet.send(`<presence to='${ROOM}/juliet' type='unavailable'/>`);
  await irc.hears(/^(PART|QUIT)/);
});
