// A very small IRC server (RFC 2812) with one channel's worth of company: whoever joins meets Peter, who answers when he is
// spoken to.
import { once } from 'node:events';
import { createServer } from 'node:net';

const NAME = 'irc.example';

export class Irc {
  /** Listens at an address, on IRC's port. */
  static async open(address) {
    const irc = new Irc();
    irc.heard = [];
    irc.waiting = new Set();
    irc.sockets = new Set();
    irc.listener = createServer((socket) => irc.serve(socket));
    irc.listener.listen(6667, address);
    await once(irc.listener, 'listening');
    return irc;
  }

  serve(socket) {
    const person = { socket, nick: '*', rest: '' };
    this.sockets.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      const lines = (person.rest + chunk).split('\r\n');
      person.rest = lines.pop();
      for (const line of lines) this.take(person, line);
    });
  }

  take(person, line) {
    this.heard.push(line);
    for (const look of this.waiting) look();
    const [, command, parameters] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    const [first, ...others] = (parameters ?? '').split(' ');
    const say = (from, text) => person.socket.write(`:${from} ${text}\r\n`);
    const self = () => `${person.nick}!user@localhost`;
    switch (command) {
      case 'NICK':
        person.nick = first.replace(/^:/, '');
        break;
      case 'USER':
        say(NAME, `001 ${person.nick} :Welcome`);
        say(NAME, `005 ${person.nick} CHANTYPES=# PREFIX=(ov)@+ :are supported`);
        say(NAME, `422 ${person.nick} :No message of the day`);
        break;
      case 'PING':
        say(NAME, `PONG ${NAME} ${parameters}`);
        break;
      case 'JOIN':
        say(self(), `JOIN ${first}`);
        say(NAME, `332 ${person.nick} ${first} :A public place`);
        say(NAME, `353 ${person.nick} = ${first} :${person.nick} @Peter`);
        say(NAME, `366 ${person.nick} ${first} :End of names`);
        break;
      case 'PART':
        say(self(), `PART ${first}`);
        break;
      case 'PRIVMSG':
        say('Peter!user@localhost', `PRIVMSG ${first.startsWith('#') ? first : person.nick} :Anon, ${others.join(' ').replace(/^:/, '')}`);
        break;
      case 'QUIT':
        person.socket.end();
        break;
    }
  }

  /** Waits until a line that came matches. */
  hears(pattern) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.heard.find((line) => pattern.test(line));
        if (found === undefined) return;
        this.waiting.delete(look);
        clearTimeout(patience);
        resolve(found);
      };
      const patience = setTimeout(() => reject(new Error(`IRC did not hear ${pattern} in:\n${this.heard.join('\n')}`)), 15_000);
      this.waiting.add(look);
      look();
    });
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    this.listener.close();
    await once(this.listener, 'close');
  }
}
