/**
 * QR codes (ISO/IEC 18004) of short texts: byte mode, error correction level M, versions 1 to 10,
 * which is room for 213 bytes. Draws nothing: gives the squares.
 */

/** Rows of squares; true is dark. */
export type QrCode = readonly (readonly boolean[])[];

interface Version {
  /** Error correction codewords of each block (table 9, level M). */
  correction: number;
  /** Data codewords of each block. */
  blocks: readonly number[];
  /** Centres of the alignment patterns (annex E). */
  alignment: readonly number[];
}

const VERSIONS: readonly Version[] = [
  { correction: 10, blocks: [16], alignment: [] },
  { correction: 16, blocks: [28], alignment: [6, 18] },
  { correction: 26, blocks: [44], alignment: [6, 22] },
  { correction: 18, blocks: [32, 32], alignment: [6, 26] },
  { correction: 24, blocks: [43, 43], alignment: [6, 30] },
  { correction: 16, blocks: [27, 27, 27, 27], alignment: [6, 34] },
  { correction: 18, blocks: [31, 31, 31, 31], alignment: [6, 22, 38] },
  { correction: 22, blocks: [38, 38, 39, 39], alignment: [6, 24, 42] },
  { correction: 22, blocks: [36, 36, 36, 37, 37], alignment: [6, 26, 46] },
  { correction: 26, blocks: [43, 43, 43, 43, 44], alignment: [6, 28, 50] },
];

/** The code; undefined where the text is too long. */
export function encodeQr(text: string): QrCode | undefined {
  const bytes = new TextEncoder().encode(text);
  for (const [index, version] of VERSIONS.entries()) {
    const number = index + 1;
    const room = version.blocks.reduce((sum, size) => sum + size, 0);
    // Four bits of mode, then the length, of one byte up to version 9 and two from there on.
    if (bytes.length + (number < 10 ? 2 : 3) > room) continue;
    return draw(number, version, codewords(bytes, number, version, room));
  }
  return undefined;
}

/** Data and error correction of all blocks, interleaved (§7.4, §7.5, §7.6). */
function codewords(bytes: Uint8Array, number: number, version: Version, room: number): number[] {
  const bits: number[] = [];
  const put = (value: number, length: number) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, number < 10 ? 8 : 16);
  bytes.forEach((byte) => put(byte, 8));
  put(0, 4);
  const data: number[] = [];
  for (let start = 0; start < bits.length; start += 8) {
    const byte = bits.slice(start, start + 8);
    data.push(byte.reduce((value, bit) => value * 2 + bit, 0) << (8 - byte.length));
  }
  data.length = Math.min(data.length, room);
  for (let pad = 0; data.length < room; pad++) data.push(pad % 2 === 0 ? 0xec : 0x11);

  let start = 0;
  const blocks = version.blocks.map((size) => data.slice(start, (start += size)));
  const corrections = blocks.map((block) => correct(block, version.correction));
  return [...interleave(blocks), ...interleave(corrections)];
}

function interleave(blocks: readonly number[][]): number[] {
  const longest = Math.max(...blocks.map((block) => block.length));
  const all: number[] = [];
  for (let index = 0; index < longest; index++) {
    for (const block of blocks) {
      const word = block[index];
      if (word !== undefined) all.push(word);
    }
  }
  return all;
}

/** Multiplication in the field of 256 elements with the polynomial 0x11d. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

/** Reed–Solomon: the remainder of the data divided by the generator polynomial (§7.5.2). */
function correct(data: readonly number[], count: number): number[] {
  let generator = [1];
  for (let power = 0, root = 1; power < count; power++, root = multiply(root, 2)) {
    const next = [...generator, 0];
    generator.forEach(
      (factor, index) => (next[index + 1] = at(next, index + 1) ^ multiply(factor, root)),
    );
    generator = next;
  }
  const remainder = new Array<number>(count).fill(0);
  for (const word of data) {
    const factor = word ^ at(remainder, 0);
    remainder.shift();
    remainder.push(0);
    for (let index = 0; index < count; index++) {
      remainder[index] = at(remainder, index) ^ multiply(at(generator, index + 1), factor);
    }
  }
  return remainder;
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? 0;
}

/** The squares while they are placed: undefined is still free for data. */
type Grid = (boolean | undefined)[][];

function draw(number: number, version: Version, words: readonly number[]): QrCode {
  const size = 17 + 4 * number;
  const grid: Grid = Array.from({ length: size }, () => new Array<boolean | undefined>(size));
  placePatterns(grid, number, version);
  const isData = grid.map((row) => Array.from(row, (square) => square === undefined));
  placeData(grid, words);
  let best: QrCode | undefined;
  let least = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    const masked = grid.map((row, y) =>
      row.map(
        (square, x) =>
          (square ?? false) !== (isData[y]?.[x] === true && MASKS[mask]?.(x, y) === true),
      ),
    );
    placeFormat(masked, mask);
    const penalty = penaltyOf(masked);
    if (penalty < least) {
      least = penalty;
      best = masked;
    }
  }
  return best ?? [];
}

function set(grid: (boolean | undefined)[][], x: number, y: number, isDark: boolean): void {
  const row = grid[y];
  if (row && x >= 0 && x < row.length) row[x] = isDark;
}

function placePatterns(grid: Grid, number: number, { alignment }: Version): void {
  const size = grid.length;
  for (const [cx, cy] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const) {
    for (let y = -4; y <= 4; y++) {
      for (let x = -4; x <= 4; x++) {
        const ring = Math.max(Math.abs(x), Math.abs(y));
        set(grid, cx + x, cy + y, ring !== 2 && ring !== 4);
      }
    }
  }
  for (const cy of alignment) {
    for (const cx of alignment) {
      // The three in the corners would lie upon the large patterns.
      const isCorner =
        (cx === 6 && cy === 6) || (cx === 6 && cy === size - 7) || (cx === size - 7 && cy === 6);
      if (isCorner) continue;
      for (let y = -2; y <= 2; y++) {
        for (let x = -2; x <= 2; x++) {
          set(grid, cx + x, cy + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
        }
      }
    }
  }
  for (let index = 8; index < size - 8; index++) {
    set(grid, index, 6, index % 2 === 0);
    set(grid, 6, index, index % 2 === 0);
  }
  placeFormat(grid, 0);
  if (number >= 7) placeVersion(grid, number);
}

/** Level and mask, twice, and the square that is always dark (§7.9). */
function placeFormat(grid: (boolean | undefined)[][], mask: number): void {
  const size = grid.length;
  // Level M is 00.
  const bits = ((mask << 10) | remainder(mask, 10, 0x537)) ^ 0x5412;
  for (let index = 0; index < 15; index++) {
    const isDark = ((bits >> index) & 1) === 1;
    const along = index < 6 ? index : index < 8 ? index + 1 : size - 15 + index;
    set(grid, 8, along, isDark);
    const across = index < 8 ? size - 1 - index : index < 9 ? 7 : 14 - index;
    set(grid, across, 8, isDark);
  }
  set(grid, 8, size - 8, true);
}

/** The number of the version, twice (§7.10). */
function placeVersion(grid: Grid, number: number): void {
  const bits = (number << 12) | remainder(number, 12, 0x1f25);
  for (let index = 0; index < 18; index++) {
    const isDark = ((bits >> index) & 1) === 1;
    const far = grid.length - 11 + (index % 3);
    const near = Math.floor(index / 3);
    set(grid, far, near, isDark);
    set(grid, near, far, isDark);
  }
}

/** The check bits of a BCH code. */
function remainder(value: number, length: number, generator: number): number {
  let rest = value;
  for (let step = 0; step < length; step++)
    rest = (rest << 1) ^ ((rest >> (length - 1)) * generator);
  return rest;
}

/** In pairs of columns from the right, up and down, past whatever is placed (§7.7.3). */
function placeData(grid: Grid, words: readonly number[]): void {
  const size = grid.length;
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const isUpward = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = isUpward ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid[y]?.[x] !== undefined) continue;
        set(grid, x, y, ((at(words, bit >> 3) >> (7 - (bit & 7))) & 1) === 1);
        bit++;
      }
    }
  }
}

/** Table 10; `x` is the column. */
const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** How hard the code is to read (§7.8.3): runs, blocks, false finder patterns, imbalance. */
function penaltyOf(code: QrCode): number {
  const size = code.length;
  const columns = code.map((_, x) => code.map((row) => row[x] ?? false));
  let penalty = 0;
  for (const line of [...code, ...columns]) {
    const text = line.map((isDark) => (isDark ? '1' : '0')).join('');
    for (const run of text.match(/(.)\1{4,}/g) ?? []) penalty += run.length - 2;
    penalty += 40 * (text.match(/(?=0000(1011101))|(?=1011101(0000))/g)?.length ?? 0);
  }
  let dark = 0;
  code.forEach((row, y) =>
    row.forEach((isDark, x) => {
      if (isDark) dark++;
      const others = [row[x + 1], code[y + 1]?.[x], code[y + 1]?.[x + 1]];
      if (others.every((other) => other === isDark)) penalty += 3;
    }),
  );
  return penalty + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}

/** The dark squares as one path, each a unit wide. */
export function pathOf(code: QrCode): string {
  return code
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('');
}
