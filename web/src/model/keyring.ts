/** The device token that this browser keeps between visits; never a password. */
import type { Storage } from './outbox';

const KEY = 'folkmoot.device';

export interface KeptDevice {
  jid: string;
  id: string;
  token: string;
}

export class Keyring {
  constructor(private readonly storage: Storage) {}

  read(): KeptDevice | undefined {
    try {
      const kept = JSON.parse(this.storage.getItem(KEY) ?? 'null') as Partial<KeptDevice> | null;
      return kept && typeof kept.jid === 'string' && typeof kept.token === 'string'
        ? { jid: kept.jid, id: kept.id ?? '', token: kept.token }
        : undefined;
    } catch {
      return undefined;
    }
  }

  keep(device: KeptDevice): void {
    try {
      this.storage.setItem(KEY, JSON.stringify(device));
    } catch {
      // Without storage the next visit asks for the password again.
    }
  }

  forget(): void {
    try {
      this.storage.removeItem(KEY);
    } catch {
      // Nothing was kept, then.
    }
  }

  /** Whether a change of this storage key concerns the token; null means: everything was cleared. */
  isMine(key: string | null): boolean {
    return key === null || key === KEY;
  }
}
