/** One's own account: devices that may sign in without a password, and the password itself. */
import { domainpart, localpart } from './jid';
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childrenNamed, x } from './xml';

/** A newly made device token. */
export interface DeviceToken {
  id: string;
  token: string;
}

/** A device that may sign in. Times are Unix milliseconds. */
export interface Device {
  id: string;
  label: string;
  created: number | undefined;
  lastUsed: number | undefined;
  current: boolean;
}

export async function createDevice(link: Link, label: string): Promise<DeviceToken | undefined> {
  const answer = await link.iq('set', undefined, x('device', { xmlns: NS.devices, label }));
  const device = child(answer, 'device', NS.devices);
  const id = attribute(device, 'id');
  const token = attribute(device, 'token');
  return id && token ? { id, token } : undefined;
}

export async function fetchDevices(link: Link): Promise<Device[]> {
  const answer = await link.iq('get', undefined, x('devices', { xmlns: NS.devices }));
  const devices = child(answer, 'devices', NS.devices);
  if (!devices) return [];
  return childrenNamed(devices, 'device', NS.devices).map((device) => ({
    id: attribute(device, 'id') ?? '',
    label: attribute(device, 'label') ?? '',
    created: time(attribute(device, 'created')),
    lastUsed: time(attribute(device, 'last-used')),
    current: attribute(device, 'current') === 'true',
  }));
}

function time(text: string | undefined): number | undefined {
  const parsed = Date.parse(text ?? '');
  return Number.isNaN(parsed) ? undefined : parsed;
}

export async function revokeDevice(link: Link, id: string): Promise<void> {
  await link.iq('set', undefined, x('revoke', { xmlns: NS.devices, id }));
}

/** Changes the password (XEP-0077 §3.3); the server ends all other devices' tokens. */
export async function changePassword(link: Link, password: string): Promise<void> {
  const query = x(
    'query',
    { xmlns: NS.register },
    x('username', {}, localpart(link.jid)),
    x('password', {}, password),
  );
  await link.iq('set', domainpart(link.jid), query);
}

/** Ends the account (XEP-0077 §3.2); the server then ends the stream. */
export async function deleteAccount(link: Link): Promise<void> {
  await link.iq('set', domainpart(link.jid), x('query', { xmlns: NS.register }, x('remove')));
}
