/**
 * Passwords in the one form that both kinds of preparation leave alone: SASLprep (RFC 4013, NFKC)
 * and OpaqueString (RFC 8265 §4.2, NFC), so that the proof is the same on both sides.
 */
export function preparePassword(password: string): string {
  return password.normalize('NFKC').replace(/\p{Zs}/gu, ' ');
}

/** Shorter ones are not accepted at sign-up. */
export const SHORTEST_PASSWORD = 8;
