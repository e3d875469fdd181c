/** Short notes that say what has just happened, and go by themselves. */
import { Signal } from '../model/signal';
import { useSignal } from './hooks';

interface Toast {
  id: number;
  text: string;
  kind: 'note' | 'error';
}

const LIFETIME = 5_000;
const toasts = new Signal<readonly Toast[]>([]);
let counter = 0;

export function toast(text: string, kind: Toast['kind'] = 'note'): void {
  const id = ++counter;
  toasts.update((all) => [...all.slice(-2), { id, text, kind }]);
  setTimeout(() => toasts.update((all) => all.filter((other) => other.id !== id)), LIFETIME);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useSignal(toasts).map(({ id, text, kind }) => (
        <p key={id} class={kind}>
          {text}
        </p>
      ))}
    </div>
  );
}
