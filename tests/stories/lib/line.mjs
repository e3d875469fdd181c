// A line between clients and a server that can be cut, as a phone's is in a tunnel.
import net from 'node:net';

export class Line {
  #pairs = new Set();

  /** Listens on a port of its own for whoever is to reach this one. */
  static async to(host, port) {
    const line = new Line();
    line.server = net.createServer((near) => {
      const far = net.connect(port, host);
      const pair = [near, far];
      line.#pairs.add(pair);
      for (const [one, other] of [pair, [far, near]]) {
        one.on('error', () => other.destroy());
        one.on('close', () => {
          line.#pairs.delete(pair);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise((ready) => line.server.listen(0, host, ready));
    line.port = line.server.address().port;
    return line;
  }

  /** Breaks off every connection, without a word to either side's protocol. */
  cut() {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  end() {
    this.cut();
    this.server.close();
  }
}
