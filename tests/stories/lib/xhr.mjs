// What Strophe.js needs of a browser's XMLHttpRequest to speak over HTTP in Node.js: text out, XML in.
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));
const { DOMParser } = require('@xmldom/xmldom');

// As a browser does, connections are kept, and as many are opened as there are requests at once.
const agent = new http.Agent({ keepAlive: true });

export class XMLHttpRequest {
  readyState = 0;
  status = 0;
  responseText = '';
  responseXML = null;
  #headers = {};
  #answered;

  open(method, url) {
    this.#to(1);
    this.request = http.request(url, { method, agent });
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  overrideMimeType() {}

  send(body) {
    for (const [name, value] of Object.entries(this.#headers)) this.request.setHeader(name, value);
    this.request.setHeader('Content-Length', Buffer.byteLength(body ?? ''));
    this.request.on('response', async (response) => {
      this.status = response.statusCode;
      this.#answered = response.headers;
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      this.responseText = Buffer.concat(chunks).toString();
      this.responseXML = new DOMParser().parseFromString(this.responseText, 'text/xml');
      this.#to(4);
    });
    this.request.on('error', () => {
      this.status = 0;
      this.#to(4);
    });
    this.request.end(body);
  }

  abort() {
    this.request.destroy();
  }

  getResponseHeader(name) {
    return this.#answered?.[name.toLowerCase()] ?? null;
  }

  getAllResponseHeaders() {
    return Object.entries(this.#answered ?? {}).map(([name, value]) => `${name}: ${value}`).join('\r\n');
  }

  #to(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
globalThis.XMLHttpRequest ??= XMLHttpRequest;
