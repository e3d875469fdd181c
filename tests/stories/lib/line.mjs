// A line between a client and a server, which can be cut: every connection over it ends without a word, and none is made
// until it is mended. What was under way is lost.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export class Line {
  /** Lays a line to the server, at its address and another port; to its site unless another port of it is named. */
  static async lay(server, port = new URL(server.site).port) {
    const line = new Line();
    const { hostname } = new URL(server.site);
    line.sockets = new Set();
    line.isCut = false;
    line.listener = createServer((near) => {
      if (line.isCut) {
        near.destroy();
        return;
      }
      const far = connect(Number(port), hostname);
      for (const socket of [near, far]) {
        line.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => line.sockets.delete(socket));
      }
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    });
    line.listener.listen(0, hostname);
    await once(line.listener, 'listening');
    line.port = line.listener.address().port;
    line.site = `http://${hostname}:${line.port}`;
    return line;
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  async remove() {
    this.cut();
    this.listener.close();
    await once(this.listener, 'close');
  }
}
