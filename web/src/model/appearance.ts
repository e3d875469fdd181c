/** How the client looks in this browser, whoever is signed in. */
import type { Storage } from './outbox';
import { Signal } from './signal';

export const THEMES = ['system', 'light', 'dark'] as const;
export const SIZES = ['normal', 'large', 'larger'] as const;

export interface Appearance {
  theme: (typeof THEMES)[number];
  size: (typeof SIZES)[number];
}

const KEY = 'folkmoot.appearance';

export class AppearanceChoice {
  readonly state: Signal<Appearance>;

  constructor(
    private readonly storage: Storage,
    /** Where the choice is written for the style sheets. */
    private readonly page: Pick<HTMLElement, 'dataset'>,
  ) {
    this.state = new Signal<Appearance>(this.load());
    this.apply();
  }

  set(change: Partial<Appearance>): void {
    this.state.update((before) => ({ ...before, ...change }));
    this.apply();
    try {
      this.storage.setItem(KEY, JSON.stringify(this.state.value));
    } catch {
      // Without storage it holds as long as this page does.
    }
  }

  private apply(): void {
    this.page.dataset.theme = this.state.value.theme;
    this.page.dataset.size = this.state.value.size;
  }

  private load(): Appearance {
    let kept: Partial<Appearance> | null = null;
    try {
      kept = JSON.parse(this.storage.getItem(KEY) ?? 'null') as Partial<Appearance> | null;
    } catch {
      // What cannot be read is as if nothing had been chosen.
    }
    return {
      theme: THEMES.find((theme) => theme === kept?.theme) ?? 'system',
      size: SIZES.find((size) => size === kept?.size) ?? 'normal',
    };
  }
}
