// SPDX-License-Identifier: Apache-2.0
// Bob Jenkins' lookup3 ("jhash" in Linux) for bytes and for three words, little endian as the kernel runs here.
const INIT = 0xdeadbeef;

export function jhash(data: Uint8Array, seed: number): number {
  if (data.length === 0) return (INIT + seed) >>> 0;
  let a = (INIT + data.length + seed) | 0;
  let b = a;
  let c = a;
  const at = (i: number) => data[i] ?? 0;
  const u32 = (i: number) => at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24);
  let i = 0;
  for (; data.length - i > 12; i += 12) {
    a = (a + u32(i)) | 0;
    b = (b + u32(i + 4)) | 0;
    c = (c + u32(i + 8)) | 0;
    [a, b, c] = mix(a, b, c);
  }
  return final((a + u32(i)) | 0, (b + u32(i + 4)) | 0, (c + u32(i + 8)) | 0);
}

/** `words` of them (at most three) were given; the number goes into the start value. */
export function jhashWords([a, b, c]: readonly [number, number, number], words: 2 | 3, seed: number): number {
  const start = (INIT + words * 4 + seed) | 0;
  return final((a + start) | 0, (b + start) | 0, (c + start) | 0);
}

function mix(x: number, y: number, z: number): [number, number, number] {
  let [a, b, c] = [x, y, z];
  a = ((a - c) | 0) ^ rol(c, 4);
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ rol(a, 6);
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ rol(b, 8);
  b = (b + a) | 0;
  a = ((a - c) | 0) ^ rol(c, 16);
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ rol(a, 19);
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ rol(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

function final(x: number, y: number, z: number): number {
  let [a, b, c] = [x, y, z];
  c = ((c ^ b) - rol(b, 14)) | 0;
  a = ((a ^ c) - rol(c, 11)) | 0;
  b = ((b ^ a) - rol(a, 25)) | 0;
  c = ((c ^ b) - rol(b, 16)) | 0;
  a = ((a ^ c) - rol(c, 4)) | 0;
  b = ((b ^ a) - rol(a, 14)) | 0;
  c = ((c ^ b) - rol(b, 24)) | 0;
  return c >>> 0;
}

const rol = (x: number, bits: number) => (x << bits) | (x >>> (32 - bits));
