// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { randomNumbers } from "../../testing/hostile.ts";
import { NodeClock } from "./node-clock.ts";

const MS = 1e6;

test("whatever the way there and back takes, the node's clock lies within the error", (t) => {
  const random = randomNumbers(23);
  const below = (most: number) => Math.floor(random() * most);
  for (let n = 0; n < 500; n++) {
    const offset = below(2e9) - 1e9;
    // Up to 50 ppm apart.
    const rate = 1 + (below(101) - 50) / 1e6;
    const clock = new NodeClock();
    let now = 1e12;
    for (let i = 0; i < 20; i++) {
      const [there, back] = [below(3 * MS), below(3 * MS)];
      const nodeT = (now + there) * rate + offset;
      clock.add({ sentT: now, answeredT: now + there + back, nodeT });
      now += there + back + below(1000 * MS);
    }
    const { offsetNs, errorNs } = clock.relation(now);
    const real = now * rate + offset - now;
    t.true(Math.abs(real - offsetNs) <= errorNs, `${real} is not ${offsetNs} +- ${errorNs}`);
  }
});

test("the quickest round trip decides, and is less sure with time", (t) => {
  const clock = new NodeClock();
  clock.add({ sentT: 0, answeredT: 2 * MS, nodeT: 100 * MS });
  clock.add({ sentT: 2 * MS, answeredT: 12 * MS, nodeT: 110 * MS });
  t.deepEqual(clock.relation(12 * MS), { offsetNs: 99 * MS, errorNs: 1 * MS + 1000 });
  t.is(clock.relation(60_000 * MS + 2 * MS).errorNs, 7 * MS);
});

test("of the same clock the offset is 0", (t) => {
  const clock = new NodeClock();
  clock.add({ sentT: 5 * MS, answeredT: 7 * MS, nodeT: 6.4 * MS });
  t.deepEqual(clock.relation(7 * MS), { offsetNs: 0, errorNs: MS });
});
