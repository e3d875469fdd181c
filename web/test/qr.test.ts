import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsQR from 'jsqr';
import { encodeQr, pathOf, type QrCode } from '../src/model/qr';

/** As a camera sees it: each square a few pixels wide, with a white border. */
function read(code: QrCode): string | undefined {
  const scale = 4;
  const border = 4;
  const side = (code.length + 2 * border) * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isDark = code[Math.floor(y / scale) - border]?.[Math.floor(x / scale) - border];
      if (isDark) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  return jsQR(pixels, side, side)?.data;
}

test('every length that fits is read back by another program', () => {
  const seen = new Set<number>();
  for (let length = 1; length <= 213; length += 4) {
    const text = 'https://verona.example/invite/'.padEnd(length, 'aZ09-_').slice(0, length);
    const code = encodeQr(text);
    assert.ok(code);
    seen.add(code.length);
    assert.equal(read(code), text, `${length} characters`);
  }
  assert.equal(seen.size, 10, 'all versions');
});

test('letters beyond ASCII survive', () => {
  const code = encodeQr('xmpp:Жюльетта@верона.example?roster');
  assert.equal(code && read(code), 'xmpp:Жюльетта@верона.example?roster');
});

test('what is too long has no code, and a code is drawn as squares', () => {
  assert.equal(encodeQr('x'.repeat(214)), undefined);
  assert.match(pathOf(encodeQr('x') ?? []), /^M0 0h1v1h-1zM1 0h1v1h-1z/);
});
