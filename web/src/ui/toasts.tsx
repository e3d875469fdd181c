/** Short notes that say what has just happened, and go by themselves. */
import { Signal } from '../model/signal';
import { useSignal } from './hooks';

interface Toast {
  id: number;
  text: string;
  kind: 'note' | 'error';
  action: Action | undefined;
}

/** What can be done about it, or where it can be seen. */
interface Action {
  text: string;
  run: () => void;
}

const LIFETIME = 5_000;
const toasts = new Signal<readonly Toast[]>([]);
let counter = 0;

export function toast(text: string, kind: Toast['kind'] = 'note', action?: Action): void {
  const id = ++counter;
  toasts.update((all) => [...all.slice(-2), { id, text, kind, action }]);
  setTimeout(() => toasts.update((all) => all.filter((other) => other.id !== id)), LIFETIME);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useSignal(toasts).map(({ id, text, kind, action }) => (
        <p key={id} class={kind}>
          {text}
          {action && (
            <button type="button" class="link" onClick={action.run}>
              {action.text}
            </button>
          )}
        </p>
      ))}
    </div>
  );
}
