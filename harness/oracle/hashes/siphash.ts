// SPDX-License-Identifier: Apache-2.0
const SIPHASH_2_4 = { each: 2, last: 4 };
/** What Linux calls hsiphash on 64-bit machines. */
export const SIPHASH_1_3 = { each: 1, last: 3 };

/**
 * SipHash with both halves of the key the same pair of 32-bit words, low and high, as Linux keys its multipath hash and IPVS. Only the low
 * 32 bits are returned: the kernel keeps no more. 64-bit words are pairs of 32-bit ones, which is far faster than bigint here.
 */
export function siphash32(data: Uint8Array, low: number, high = low, rounds = SIPHASH_2_4): number {
  const s = new Int32Array(8);
  for (let i = 0; i < 8; i++) s[i] = (CONSTANTS[i] ?? 0) ^ (i % 2 === 0 ? low : high);
  const whole = data.length & ~7;
  // The last word has what is left of the data, and its length in the highest byte.
  for (let at = 0; at <= whole; at += 8) {
    const low = fourBytes(data, at);
    const high = fourBytes(data, at + 4) ^ (at === whole ? data.length << 24 : 0);
    xor(s, 3, low, high);
    for (let i = 0; i < rounds.each; i++) round(s);
    xor(s, 0, low, high);
  }
  xor(s, 2, 0xff, 0);
  for (let i = 0; i < rounds.last; i++) round(s);
  return (word(s, 0) ^ word(s, 2) ^ word(s, 4) ^ word(s, 6)) >>> 0;
}

/** Little endian; 0 beyond the end. */
const fourBytes = (data: Uint8Array, at: number) =>
  (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16) | ((data[at + 3] ?? 0) << 24);

/** "somepseudorandomlygeneratedbytes" as four 64-bit words, low half first. */
const CONSTANTS = [0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462];

const word = (state: Int32Array, at: number) => state[at] ?? 0;

function xor(state: Int32Array, v: number, low: number, high: number): void {
  state[2 * v] = word(state, 2 * v) ^ low;
  state[2 * v + 1] = word(state, 2 * v + 1) ^ high;
}

function round(s: Int32Array): void {
  add(s, 0, 1);
  rotate(s, 1, 13);
  mixIn(s, 1, 0);
  swap(s, 0);
  add(s, 2, 3);
  rotate(s, 3, 16);
  mixIn(s, 3, 2);
  add(s, 0, 3);
  rotate(s, 3, 21);
  mixIn(s, 3, 0);
  add(s, 2, 1);
  rotate(s, 1, 17);
  mixIn(s, 1, 2);
  swap(s, 2);
}

function add(s: Int32Array, to: number, from: number): void {
  const low = (word(s, 2 * to) >>> 0) + (word(s, 2 * from) >>> 0);
  s[2 * to + 1] = word(s, 2 * to + 1) + word(s, 2 * from + 1) + (low > 0xffffffff ? 1 : 0);
  s[2 * to] = low;
}

function rotate(s: Int32Array, v: number, bits: number): void {
  const [low, high] = [word(s, 2 * v), word(s, 2 * v + 1)];
  s[2 * v] = (low << bits) | (high >>> (32 - bits));
  s[2 * v + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotation by 32 bits. */
function swap(s: Int32Array, v: number): void {
  const low = word(s, 2 * v);
  s[2 * v] = word(s, 2 * v + 1);
  s[2 * v + 1] = low;
}

function mixIn(s: Int32Array, to: number, from: number): void {
  xor(s, to, word(s, 2 * from), word(s, 2 * from + 1));
}
