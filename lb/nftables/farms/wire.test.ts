// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { attribute, nest, textOf } from "./netlink.ts";
import { bytesOf, redraw } from "./wire.ts";

test("keys and data lie in registers as nft puts them; what is not known is left to it", (t) => {
  const hex = (type: string, value: string) => bytesOf(type, value)?.toString("hex") ?? null;
  t.is(hex("mark", "0x102"), "02010000");
  t.is(hex("number", "3"), "03000000");
  t.is(hex("ipv4_addr . inet_service", "192.0.2.1 . 80"), "c000020100500000");
  t.is(hex("ipv6_addr", "2001:db8::1"), "20010db8000000000000000000000001");
  for (const [type, value] of [
    ["ipv4_addr . inet_service", "192.0.2.1 . 80-90"],
    ["ipv4_addr", "192.0.2.0/24"],
    ["ipv4_addr", "192.0.2.1 timeout 3s"],
    ["verdict", "goto farm"],
  ] as const)
    t.is(hex(type, value), null, value);
});

test("a draw gets another size only where nothing else of the rule differs", (t) => {
  const draw = (modulus: number) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(modulus);
    return nest(1, textOf(1, "numgen"), nest(2, attribute(2, size)));
  };
  const expressions = draw(10);
  t.true(redraw(expressions, "x numgen inc mod 10 map @s", "x numgen inc mod 9 map @s"));
  t.deepEqual(expressions, draw(9));
  t.false(redraw(expressions, "x numgen inc mod 9 map @s", "x numgen inc mod 8 map @other"));
  t.false(redraw(expressions, "x numgen inc mod 10 map @s", "x numgen inc mod 8 map @s"), "the kernel has another one");
  t.deepEqual(expressions, draw(9));
});
