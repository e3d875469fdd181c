/** The window in which somebody is added to the contacts, or what they are called is changed. */
import { Signal } from '../model/signal';

export type Adding =
  | { kind: 'closed' }
  /** `jid` undefined: the address is asked for. */
  | { kind: 'add'; jid: string | undefined }
  | { kind: 'edit'; jid: string };

export const adding = new Signal<Adding>({ kind: 'closed' });

export function openAdd(jid: string | undefined): void {
  adding.set({ kind: 'add', jid });
}

export function openEdit(jid: string): void {
  adding.set({ kind: 'edit', jid });
}

export function closeAdding(): void {
  adding.set({ kind: 'closed' });
}
