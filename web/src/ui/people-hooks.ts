/** Contacts and what hangs on them, for components. */
import { localpart } from '../xmpp/jid';
import type { Contact } from '../xmpp/roster';
import { Signal } from '../model/signal';
import { useCalmSignal, useClient, useName, useSignal } from './hooks';

const NOBODY = new Signal<ReadonlyMap<string, Contact> | undefined>(undefined);
const NOT_BLOCKED = new Signal<ReadonlySet<string> | undefined>(undefined);

/** All contacts; undefined until they were fetched. */
export function useContacts(): ReadonlyMap<string, Contact> | undefined {
  return useCalmSignal(useSignal(useClient().contacts)?.roster.contacts ?? NOBODY);
}

export function useContact(jid: string): Contact | undefined {
  return useContacts()?.get(jid);
}

export function useBlocked(): ReadonlySet<string> | undefined {
  return useSignal(useSignal(useClient().contacts)?.blocked.jids ?? NOT_BLOCKED);
}

/** What to call somebody: as this account does, else as they do themselves. */
export function useCalled(jid: string): string {
  const own = useContact(jid)?.name;
  const theirs = useName(jid, localpart(jid));
  return own ?? theirs;
}
