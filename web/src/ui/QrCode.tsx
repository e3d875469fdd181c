/** A text as a QR code, drawn here: nobody else learns of it. */
import { useMemo } from 'preact/hooks';
import { encodeQr, pathOf } from '../model/qr';

/** White around it, without which cameras do not find it. */
const MARGIN = 4;

export function QrCode({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => encodeQr(text), [text]);
  if (!code) return null;
  const side = code.length + 2 * MARGIN;
  return (
    <svg
      class="qr"
      role="img"
      aria-label={label}
      viewBox={`${-MARGIN} ${-MARGIN} ${side} ${side}`}
      shape-rendering="crispEdges"
    >
      <rect x={-MARGIN} y={-MARGIN} width={side} height={side} class="qr-ground" />
      <path d={pathOf(code)} class="qr-ink" />
    </svg>
  );
}
