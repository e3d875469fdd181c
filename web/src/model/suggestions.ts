/** People to follow: asked once for each connection, shown in several places. */
import type { Link } from '../xmpp/link';
import { fetchPeople, type Person } from '../xmpp/social';
import { Signal } from './signal';

const MOST = 50;

export interface SuggestionsState {
  /** Undefined until the server has answered. */
  people: readonly Person[] | undefined;
  error: unknown;
}

const NOTHING: SuggestionsState = { people: undefined, error: undefined };

export class Suggestions {
  readonly state = new Signal<SuggestionsState>(NOTHING);

  constructor(private readonly service: string) {}

  async connect(link: Link): Promise<void> {
    try {
      this.state.set({ people: await fetchPeople(link, this.service, MOST), error: undefined });
    } catch (error) {
      this.state.update((before) => ({ ...before, error }));
    }
  }

  clear(): void {
    this.state.set(NOTHING);
  }
}
