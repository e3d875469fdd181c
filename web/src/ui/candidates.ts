/** The people who are suggested for a mention: followed, contacts, and who is on the screen. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Client } from '../model/client';
import type { Candidate } from '../model/mentions';
import { handleOf } from '../xmpp/jid';
import { useAccount, useClient } from './hooks';

const MOST = 200;

/** Fetches nothing before it is wanted. */
export function useCandidates(isWanted: boolean): readonly Candidate[] {
  const client = useClient();
  const account = useAccount();
  const [, draw] = useState({});
  const jids = useMemo(
    () => (isWanted ? peopleAround(client, account) : []),
    [client, account, isWanted],
  );
  useEffect(() => {
    const stops = jids.map((jid) => client.names.of(jid).subscribe(() => draw({})));
    return () => stops.forEach((stop) => stop());
  }, [client, jids]);
  return jids.map((jid) => ({
    jid,
    handle: handleOf(jid, client.site.domain),
    name: client.names.of(jid).value,
  }));
}

/** Whoever is nearest comes first. */
function peopleAround(client: Client, account: string): string[] {
  const people = new Set([
    ...client.conversation.people(),
    ...(client.follows.state.value?.keys() ?? []),
    ...(client.contacts.value?.roster.contacts.value?.keys() ?? []),
    ...client.people(),
  ]);
  people.delete(account);
  return [...people].slice(0, MOST);
}
