const SIPHASH_2_4 = { each: 2, last: 4 };
/** What Linux calls hsiphash on 64-bit machines. */
export const SIPHASH_1_3 = { each: 1, last: 3 };

/**
 * SipHash with both halves of the key the same pair of 32-bit words, low and high, as Linux keys its multipath hash and IPVS. Only the low
 * 32 bits are returned: the kernel keeps no more. 64-bit words are pairs of 32-bit ones, which is far faster than bigint here.
 */
export function siphash32(data: Uint8Array, low: number, high = low, rounds = SIPHASH_2_4): number {
  const state = Int32Array.from(CONSTANTS, (word, i) => word ^ (i % 2 === 0 ? low : high));
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const whole = data.length & ~7;
  const absorb = (low: number, high: number) => {
    xor(state, 3, low, high);
    for (let i = 0; i < rounds.each; i++) round(state);
    xor(state, 0, low, high);
  };
  for (let at = 0; at < whole; at += 8) absorb(view.getInt32(at, true), view.getInt32(at + 4, true));
  const rest = new DataView(new ArrayBuffer(8));
  for (let at = whole; at < data.length; at++) rest.setUint8(at - whole, data[at] ?? 0);
  rest.setUint8(7, data.length & 255);
  absorb(rest.getInt32(0, true), rest.getInt32(4, true));
  xor(state, 2, 0xff, 0);
  for (let i = 0; i < rounds.last; i++) round(state);
  return (word(state, 0) ^ word(state, 2) ^ word(state, 4) ^ word(state, 6)) >>> 0;
}

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
