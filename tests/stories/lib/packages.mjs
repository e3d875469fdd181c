// The stories use the packages that the web client already installs for its own tests.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));

export const { chromium } = require('playwright-core');
export const WebSocket = require('ws');
globalThis.WebSocket ??= WebSocket;
export const { Strophe, $iq, $msg, $pres, toStanza } = require('strophe.js');
export const xmpp = require('@xmpp/client');
