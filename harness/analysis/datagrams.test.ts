// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Datagrams, Event } from "../record/schema.ts";
import { datagramFailures, datagramMerits, sumDatagrams } from "./datagrams.ts";

const good: Datagrams = {
  pattern: "in_order",
  sent: 1000,
  arrived: 1000,
  incompleteSent: 0,
  incompleteDelivered: 0,
  corrupt: 0,
  duplicates: 0,
  wrongTarget: 0,
};

test("datagrams of all streams are added up by the order of their fragments", (t) => {
  const event = (patterns: Datagrams[]): Event => ({ kind: "datagrams", t: 0, stream: "ipv4", fragments: 9, patterns });
  const shuffled = { ...good, pattern: "shuffled" };
  t.deepEqual(sumDatagrams([event([good, shuffled]), event([good])]), [
    { ...good, sent: 2000, arrived: 2000 },
    shuffled,
  ]);
  t.deepEqual(sumDatagrams([]), []);
});

const cases: [title: string, one: Partial<Datagrams>, failure: RegExp | null][] = [
  ["all arrived", {}, null],
  ["one in a thousand is lost in order", { arrived: 999 }, null],
  ["two in a thousand are lost in order", { arrived: 998 }, /2 of 1,000 datagrams \(in order\).*0.20 %, limit 0.1 %/],
  ["ten in a thousand are lost out of order", { pattern: "reversed", arrived: 990 }, null],
  ["eleven in a thousand are lost out of order", { pattern: "reversed", arrived: 989 }, /11 of 1,000.*limit 1 %/],
  ["one is corrupt", { corrupt: 1 }, /arrived corrupted/],
  ["one came twice", { duplicates: 1 }, /more than once/],
  ["one came to another target", { wrongTarget: 1 }, /another target/],
  [
    "one with a gap arrived",
    { pattern: "gaps", incompleteSent: 5, incompleteDelivered: 1 },
    /1 of 5 incomplete datagrams arrived/,
  ],
  [
    "one that contradicts itself arrived, as its first version",
    { pattern: "overlapping", incompleteSent: 5, incompleteDelivered: 1 },
    null,
  ],
];
for (const [title, one, failure] of cases)
  test(`${title}: ${failure ? "fails" : "passes"}`, (t) => {
    const [said, ...more] = datagramFailures({ datagrams: [{ ...good, ...one }] });
    t.deepEqual(more, []);
    if (failure) t.regex(said ?? "", failure);
    else t.is(said, undefined);
  });

test("what is well is said with numbers, and nothing where no fragments were sent", (t) => {
  t.deepEqual(datagramMerits({}), []);
  const [first, second] = datagramMerits({ datagrams: [good, { ...good, pattern: "gaps", incompleteSent: 7 }] });
  t.is(first, "2,000 of 2,000 fragmented datagrams arrived whole, each at the target of its flow.");
  t.regex(second ?? "", /^7 more/);
});
