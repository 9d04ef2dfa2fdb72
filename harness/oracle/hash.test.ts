// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { addressBytes, flowKey, murmur3 } from "./hash.ts";

test("MurmurHash3 gives the published values", (t) => {
  const text = (s: string) => new TextEncoder().encode(s);
  t.is(murmur3(text(""), 0), 0);
  t.is(murmur3(text(""), 1), 0x514e28b7);
  t.is(murmur3(text(""), 0xffffffff), 0x81f16f39);
  t.is(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0), 0x76293b50);
  t.is(murmur3(Uint8Array.of(0x21, 0x43, 0x65), 0), 0x7e4a8634);
  t.is(murmur3(text("Hello, world!"), 0x9747b28c), 0x24884cba);
});

test("addresses become 16 bytes in every notation", (t) => {
  const hex = (address: string) => Buffer.from(addressBytes(address)).toString("hex");
  t.is(hex("10.0.0.1"), "00000000000000000000ffff0a000001");
  t.is(hex("::ffff:10.0.0.1"), hex("10.0.0.1"));
  t.is(hex("1000::1:192.168.1.7"), "10000000000000000000 0001c0a80107".replace(" ", ""));
  t.is(hex("::"), "0".repeat(32));
  t.is(hex("1000::"), `1000${"0".repeat(28)}`);
  t.is(hex("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
});

test("what is no address is refused", (t) => {
  for (const bad of ["", "10.0.0", "10.0.0.256", "1:2", "1::2::3", "g::", "12345::"])
    t.throws(() => addressBytes(bad), { message: /is not an IP address/ }, bad);
});

test("the key holds ports and protocol only when they are hashed", (t) => {
  const flow = {
    src: addressBytes("50.0.0.1"),
    dst: addressBytes("10.0.0.0"),
    sport: 0x1234,
    dport: 5001,
    protocol: 6,
  };
  t.is(Buffer.from(flowKey(flow, true).subarray(32)).toString("hex"), "1234138906000000");
  t.is(Buffer.from(flowKey(flow, false).subarray(32)).toString("hex"), "0000000000000000");
});
