/**
 * Proof of work (XEP-0158 §5.1): finds a text that begins as asked and whose SHA-256 ends in the
 * wanted bits. Yields to the page between slices, so that it stays alive.
 */
import { sha256 } from './sha256';

const SLICE = 20_000;

/** `prefix`: the address that the request went to. `label`: the wanted low bits in hexadecimal. */
export async function proveWork(label: string, prefix: string): Promise<string> {
  const { mask, wanted } = target(label);
  const salt = crypto.getRandomValues(new Uint32Array(2)).join('');
  const encoder = new TextEncoder();
  for (let counter = 0; ; counter++) {
    const text = `${prefix}${salt}${counter.toString(36)}`;
    if (((sha256(encoder.encode(text))[7] ?? 0) & mask) >>> 0 === wanted) return text;
    if (counter % SLICE === SLICE - 1) await new Promise((resolve) => setTimeout(resolve));
  }
}

/** The number of bits that the XEP means is that of the value itself, without leading zeros. */
function target(label: string): { mask: number; wanted: number } {
  const digits = /^[0-9a-f]{1,8}$/i.test(label) ? label : '0';
  const wanted = Number.parseInt(digits, 16);
  const bits = wanted === 0 ? 0 : 32 - Math.clz32(wanted);
  return { mask: bits === 32 ? 0xffffffff : (1 << bits) - 1, wanted };
}
