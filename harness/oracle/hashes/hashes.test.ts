// SPDX-License-Identifier: Apache-2.0
// Published values where there are any; else what this kernel did, seen in a lab: the conformance runs check many thousands more.
import test from "ava";
import { addressBytes } from "../hash.ts";
import { hashOf } from "./index.ts";
import { jhash, jhashWords } from "./lookup3.ts";
import { siphash32 } from "./siphash.ts";

/** SipHash-2-4 in whole 64-bit words, after the paper (Aumasson and Bernstein, 2012): slow, and another way of writing it. */
function siphashReference(data: Uint8Array, k0: bigint, k1: bigint): bigint {
  const M = (1n << 64n) - 1n;
  const rol = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & M;
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = () => {
    a = (a + b) & M;
    b = rol(b, 13n) ^ a;
    a = rol(a, 32n);
    c = (c + d) & M;
    d = rol(d, 16n) ^ c;
    a = (a + d) & M;
    d = rol(d, 21n) ^ a;
    c = (c + b) & M;
    b = rol(b, 17n) ^ c;
    c = rol(c, 32n);
  };
  const absorb = (m: bigint) => {
    d ^= m;
    round();
    round();
    a ^= m;
  };
  const padded = new Uint8Array(Math.floor(data.length / 8) * 8 + 8);
  padded.set(data);
  padded[padded.length - 1] = data.length & 255;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) absorb(view.getBigUint64(at, true));
  c ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return a ^ b ^ c ^ d;
}

test("the reference SipHash gives the value of the paper", (t) => {
  const bytes = Uint8Array.from({ length: 15 }, (_, i) => i);
  t.is(siphashReference(bytes, 0x0706050403020100n, 0x0f0e0d0c0b0a0908n), 0xa129ca6149be45e5n);
});

test("SipHash in pairs of words agrees with the reference at every length and seed", (t) => {
  for (let length = 0; length <= 80; length++) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    for (const seed of [1, 0x12345678, 0xffffffff]) {
      const key = (BigInt(seed) << 32n) | BigInt(seed);
      t.is(siphash32(data, seed), Number(siphashReference(data, key, key) & 0xffffffffn), `${length} ${seed}`);
    }
  }
});

test("jhash gives the values of lookup3's own self test", (t) => {
  const text = new TextEncoder().encode("Four score and seven years ago");
  t.is(jhash(text, 0), 0x17770551);
  t.is(jhash(text, 1), 0xcd628161);
  t.is(jhash(new Uint8Array(0), 0), 0xdeadbeef);
});

test("jhash over three words is jhash over their bytes", (t) => {
  const words = [0x01020304, 0xfffefdfc, 42] as const;
  const bytes = Buffer.alloc(12);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, i * 4);
  t.is(jhashWords(words, 3, 7), jhash(bytes, 7));
});

const flow = (src: string, dst: string, sport = 40_000, dport = 5001) => ({
  src: addressBytes(src),
  dst: addressBytes(dst),
  sport,
  dport,
  protocol: 6,
});

test("both directions of a flow have one multipath hash and one mark, as in the kernel", (t) => {
  for (const [a, b] of [
    ["50.0.1.2", "10.0.0.0"],
    ["2000::7", "1000::"],
  ] as const)
    for (const spec of [
      { kind: "fib_multipath", seed: 1, policy: "fields" },
      { kind: "hmark", seed: 1 },
    ] as const) {
      const there = hashOf(spec, flow(a, b));
      t.is(hashOf(spec, flow(b, a, 5001, 40_000)), there);
      t.not(hashOf(spec, flow(a, b, 40_001)), there);
      t.not(hashOf({ ...spec, seed: 2 }, flow(a, b)), there);
    }
});

test("a hash that depends on more than the 5-tuple is not guessed", (t) => {
  t.is(hashOf({ kind: "fib_multipath", seed: 1, policy: "l4" }, flow("50.0.1.2", "10.0.0.0")), null);
  t.is(hashOf({ kind: "fib_multipath", seed: 1, policy: "l3" }, flow("2000::7", "1000::")), null);
  const l3 = { kind: "fib_multipath", seed: 1, policy: "l3" } as const;
  t.is(hashOf(l3, flow("50.0.1.2", "10.0.0.0", 1)), hashOf(l3, flow("50.0.1.2", "10.0.0.0", 2)));
});

test("the multipath hash has 31 bits", (t) => {
  for (let port = 1; port < 2000; port++) {
    const hash = hashOf({ kind: "fib_multipath", seed: 9, policy: "fields" }, flow("50.0.1.2", "10.0.0.0", port));
    t.true(hash !== null && hash >= 0 && hash < 2 ** 31);
  }
});

test("nginx' hash is 15 bits of the CRC of address and port: its check value, where both spell 123456789", (t) => {
  const flow = {
    src: addressBytes("49.50.51.52"),
    dst: addressBytes("10.0.0.0"),
    sport: 56_789,
    dport: 5003,
    protocol: 6,
  };
  t.is(hashOf({ kind: "nginx" }, flow), (0xcbf43926 >>> 16) & 0x7fff);
});
