/**
 * Signs in with a password only to be given a device token, and then with that: so the session
 * belongs to its device, ends when the device is revoked, and no password is needed again.
 */
import { createDevice } from '../xmpp/account';
import { LinkLost } from '../xmpp/errors';
import { bare } from '../xmpp/jid';
import type { Dial, Link } from '../xmpp/link';
import type { KeptDevice } from './keyring';

export function withDevice(dial: Dial, label: string, keep: (device: KeptDevice) => void): Dial {
  return (credentials, events) => {
    if (credentials.kind === 'token') return dial(credentials, events);
    let isClosed = false;
    const exchange = async (link: Link) => {
      const device = await createDevice(link, label).catch((error: unknown) => {
        if (error instanceof LinkLost) isClosed = true;
        return undefined;
      });
      if (isClosed) return;
      if (!device) {
        // A server without such tokens: the password has to do as long as this page lives.
        events.onOnline(link);
        return;
      }
      const jid = bare(link.jid);
      keep({ jid, id: device.id, token: device.token });
      current.close();
      current = dial({ kind: 'token', jid, token: device.token }, events);
    };
    let current = dial(credentials, { ...events, onOnline: (link) => void exchange(link) });
    return {
      close: () => {
        isClosed = true;
        current.close();
      },
      drop: () => current.drop(),
    };
  };
}
