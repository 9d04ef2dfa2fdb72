// SPDX-License-Identifier: Apache-2.0
// The 5-tuples that a seed gives, as images/traffic/tuple.c draws them: index -> source offset and port, one to one. Sums and
// products of 64 bits are made of halves: BigInt would take microseconds for each tuple.

const FIRST_PORT = 1024;
const PORTS = 65_536 - FIRST_PORT;
const ROUNDS = 6;
const GOLDEN = 0x9e3779b97f4a7c15n;
const [MULTIPLIER_A, MULTIPLIER_B] = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const high = (value: bigint) => Number(value >> 32n) | 0;
const low = (value: bigint) => Number(value & 0xffffffffn) | 0;
const [A_HIGH, A_LOW, B_HIGH, B_LOW] = [high(MULTIPLIER_A), low(MULTIPLIER_A), high(MULTIPLIER_B), low(MULTIPLIER_B)];

/** Tuples of a network whose addresses have so many bits for hosts; `sources`: its first addresses only. */
export class TupleSpace {
  /** Of the tuple that was drawn last. */
  offset = 0;
  port = 0;
  readonly #size: number;
  readonly #firstOffset: number;
  readonly #halfBits: number;
  readonly #keyHigh: number;
  readonly #keyLow: number;

  constructor({ hostBits, sources, seed }: { hostBits: number; sources?: number | undefined; seed: number }) {
    // A network of two addresses has none that stand for all.
    this.#firstOffset = hostBits > 1 ? 1 : 0;
    const all = 2 ** hostBits - 2 * this.#firstOffset;
    this.#size = Math.min(all, sources ?? all) * PORTS;
    let halfBits = 0;
    while (4 ** halfBits < this.#size) halfBits++;
    this.#halfBits = halfBits;
    const key = mix(BigInt.asUintN(64, BigInt(seed) + GOLDEN));
    [this.#keyHigh, this.#keyLow] = [high(key), low(key)];
  }

  draw(index: number): void {
    let point = this.#feistel(index % this.#size);
    // Points outside are permuted again.
    while (point >= this.#size) point = this.#feistel(point);
    this.offset = this.#firstOffset + Math.floor(point / PORTS);
    this.port = FIRST_PORT + (point % PORTS);
  }

  #feistel(index: number): number {
    const half = 2 ** this.#halfBits;
    const mask = half - 1;
    let left = Math.floor(index / half);
    let right = index % half;
    for (let round = 0; round < ROUNDS; round++) {
      const next = left ^ (mixLow(this.#keyHigh ^ (round << 24), this.#keyLow ^ right) & mask);
      left = right;
      right = next;
    }
    return left * half + right;
  }
}

/** The finaliser of splitmix64. */
function mix(value: bigint): bigint {
  let x = value;
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * MULTIPLIER_A);
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * MULTIPLIER_B);
  return x ^ (x >> 31n);
}

/** The same of two halves: the lower half of the result. */
function mixLow(upper: number, lower: number): number {
  let h = upper ^ (upper >>> 30);
  let l = lower ^ ((lower >>> 30) | (upper << 2));
  h = (upperProduct(l, A_LOW) + Math.imul(l, A_HIGH) + Math.imul(h, A_LOW)) | 0;
  l = Math.imul(l, A_LOW);
  l ^= (l >>> 27) | (h << 5);
  h ^= h >>> 27;
  h = (upperProduct(l, B_LOW) + Math.imul(l, B_HIGH) + Math.imul(h, B_LOW)) | 0;
  l = Math.imul(l, B_LOW);
  return l ^ ((l >>> 31) | (h << 1));
}

/** Bits 32 to 63 of the product of two words. */
function upperProduct(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const crossA = a0 * b1;
  const crossB = a1 * b0;
  const middle = ((a0 * b0) >>> 16) + (crossA & 0xffff) + (crossB & 0xffff);
  return (a1 * b1 + (crossA >>> 16) + (crossB >>> 16) + (middle >>> 16)) | 0;
}
