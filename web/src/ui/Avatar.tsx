/** Somebody's generated face: a pebble in their own colour with their initials. */
import { lookOf } from '../model/look';
import { localpart } from '../xmpp/jid';
import { useName } from './hooks';

interface Props {
  jid: string;
  size: 'small' | 'normal' | 'large';
  /** A name that came with a post; the person's own counts more. */
  fallback?: string | undefined;
}

/** Decoration only: the name always stands beside it. */
export function Avatar({ jid, size, fallback }: Props) {
  const name = useName(jid, fallback ?? localpart(jid));
  const { hue, initials, shape } = lookOf(jid, name);
  return (
    <span
      class={`avatar ${size} pebble-${shape}`}
      style={{ '--hue': String(hue) }}
      aria-hidden="true"
    >
      {initials}
    </span>
  );
}
