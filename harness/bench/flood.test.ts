// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { environment } from "./fixture.ts";
import { bisected, withMoreSenders } from "./flood.ts";
import { figuresOf } from "./result.ts";

/** A way that carries so many a second, senders that send so many each, and how many of them there may be. */
const found = ([carries, sends, most]: readonly [number, number, number]) =>
  withMoreSenders(
    (senders) =>
      bisected(async (asked) => {
        const pps = Math.min(asked, senders * sends);
        return { sent: pps, pps, loss: Math.max(0, 1 - carries / pps) };
      }, 0.001),
    most,
  );

test("where the sender is the limit, more send together until the way is", async (t) => {
  const near = async (way: readonly [number, number, number], expected: number, senderLimited: boolean) => {
    const highest = await found(way);
    t.is(highest.senderLimited, senderLimited, JSON.stringify(highest));
    t.true(Math.abs(highest.pps / expected - 1) < 0.03, JSON.stringify(highest));
  };
  await near([60_000, 200_000, 2], 60_000, false);
  await near([150_000, 100_000, 2], 150_000, false);
  await near([300_000, 80_000, 4], 300_000, false);
  await near([300_000, 80_000, 2], 160_000, true);
  await near([1_500_000, 4_000_000, 1], 1_500_000, false);
  await near([9_000_000, 9_000_000, 1], 3_920_000, true);
  t.deepEqual(await found([10_000, 200_000, 2]), { pps: 0, senderLimited: false }, "less than is ever tried");
});

test("a figure says in how many rounds the senders were the limit", (t) => {
  const metric = { name: "udp_64", unit: "1/s", higherIsBetter: true, summary: "" };
  const one = (round: number) => ({ backend: "tc", metric: "udp_64", at: null, round, value: 1, disturbed: false });
  const rounds = [one(0), { ...one(1), senderLimited: true as const }];
  t.is(figuresOf(rounds, [metric], environment)[0]?.senderLimited, 1);
  t.false("senderLimited" in (figuresOf([one(0)], [metric], environment)[0] ?? {}));
});
