/**
 * The built client against the server in memory, for looking at it without the real server.
 * Started by test/browser/preview.mjs; never part of what is shipped.
 */
import './dom';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { FakeServer } from './server';
import { serveXmpp } from './websocket';

const web = process.env.WEB_FOLDER ?? './';
const TYPES: Record<string, string> = {
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  html: 'text/html; charset=utf-8',
};

const MINUTE = 60_000;

function fill(server: FakeServer): void {
  const now = Date.now();
  server.account(
    'juliet',
    'Juliet Capulet',
    'Daughter of the house. Balconies, #gardening and the moon.\nhttps://verona.example/juliet',
  );
  server.account('romeo', 'Romeo Montague', 'Somewhere near the wall.');
  server.account('nurse', 'Angelica');
  server.account('mercutio', 'Mercutio');
  server.account('benvolio');
  server.account('friar.lawrence', 'Friar Lawrence', 'Herbs, letters, good advice.');
  server.account('wulfstan', '伍尔夫斯坦');
  server.account('newcomer', 'Ælfgifu');
  const { follows } = server.account('juliet');
  for (const name of ['romeo', 'nurse', 'friar.lawrence']) follows.add(`${name}@localhost`);
  server.account('romeo').follows.add('juliet@localhost');
  server.account('nurse').follows.add('juliet@localhost');
  for (let index = 0; index < 90; index++) {
    server.post(
      'nurse',
      `Older tale number ${index + 1} of the #orchard`,
      undefined,
      now - 9e9 + index * 9e7,
    );
  }
  const say = (minutes: number, name: string, text: string) =>
    server.post(name, text, undefined, now - minutes * MINUTE);
  say(
    2900,
    'friar.lawrence',
    'Within the infant rind of this weak flower poison hath residence and medicine power. #herbs',
  );
  say(1500, 'benvolio', 'Part, fools! Put up your swords; you know not what you do.');
  say(
    310,
    'mercutio',
    'O, then I see Queen Mab hath been with you. She is the fairies’ midwife, and she comes in shape no bigger than an agate-stone on the fore-finger of an alderman…\n\nLong version on my page: https://mercutio.example/writing/queen-mab-or-what-dreamers-do?utm=no',
  );
  say(95, 'nurse', 'Has anybody seen @juliet? Supper is on the table.');
  say(42, 'juliet', 'Three words, dear @romeo, and good night indeed. #balcony #verona');
  say(18, 'wulfstan', '大家好！第一次来到这个议会。 #introductions');
  say(
    6,
    'romeo',
    'But, soft! what light through yonder window breaks?\nIt is the east, and Juliet is the sun. ☀️ #balcony',
  );
}

/** What is made of some of the posts, so that there is a thread, a boost and something to read. */
function talk(server: FakeServer): void {
  const balcony = server.posts.at(-1);
  const words = server.posts.find(({ text }) => text.startsWith('Three words'));
  if (!balcony || !words) return;
  const first = server.reply('juliet', balcony, 'O Romeo, Romeo! Wherefore art thou Romeo?');
  const second = server.reply('romeo', first, '@juliet I take thee at thy word.');
  server.reply('nurse', balcony, 'Madam! Who is shouting in the orchard at this hour?');
  const third = server.reply('juliet', second, 'How cam’st thou hither, tell me, and wherefore?');
  const fourth = server.reply(
    'romeo',
    third,
    'With love’s light wings did I o’erperch these walls.',
  );
  server.reply('mercutio', fourth, 'He jests at scars that never felt a wound.');
  server.reply('benvolio', first, 'Come, he hath hid himself among these trees.');
  server.reply('romeo', words, 'So thrive my soul!');
  for (const name of ['romeo', 'nurse', 'mercutio', 'benvolio']) server.like(name, words);
  for (const name of ['nurse', 'mercutio']) server.like(name, balcony);
  const herbs = server.posts.find(({ text }) => text.startsWith('Within the infant'));
  if (herbs) server.boost('nurse', herbs);
  server.boost('romeo', words);
  server.notice('juliet@localhost', 'follow', 'mercutio@localhost');
}

const server = new FakeServer();
fill(server);
talk(server);

const http = createServer((request, response) => {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (request.method === 'POST' && path === '/fake/post') {
    const query = new URLSearchParams((request.url ?? '').split('?')[1]);
    server.post(query.get('from') ?? 'romeo', query.get('text') ?? 'Another one.');
    response.end();
    return;
  }
  if (request.method === 'POST' && path === '/fake/reply') {
    const query = new URLSearchParams((request.url ?? '').split('?')[1]);
    const parent = server.posts.find(({ postId }) => String(postId) === query.get('to'));
    if (parent) server.reply(query.get('from') ?? 'romeo', parent, query.get('text') ?? 'Aye.');
    response.end();
    return;
  }
  if (request.method === 'POST' && path === '/fake/cut') {
    cut();
    response.end();
    return;
  }
  const isFile = path.startsWith('/assets/');
  const file = isFile ? path.slice(1) : 'index.html';
  try {
    const body = readFileSync(`${web}dist/${file}`);
    const type = TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    response.setHeader('content-type', type);
    response.end(
      isFile
        ? body
        : body.toString().replace('-domain" content=""', '-domain" content="localhost"'),
    );
  } catch {
    response.statusCode = 404;
    response.end();
  }
});
const cut = serveXmpp(http, server);
http.listen(Number(process.env.PORT ?? 5299), '127.0.0.1');
