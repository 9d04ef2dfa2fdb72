// SPDX-License-Identifier: Apache-2.0
// What JET promises: no connection is broken whose target stays, though most are not remembered.
import test from "ava";
import { scaleIn } from "../../events/scale-in.ts";
import { murmur3 } from "../hash.ts";
import { lossProbability } from "../loss.ts";
import { makeOracle, type OracleSpec } from "../oracle.ts";
import { simulations } from "./registry.ts";

const TARGETS = 20;
const flows = Array.from({ length: 800 }, (_, i) => murmur3(Uint8Array.of(i, i >> 8), 1));
const all = Array.from({ length: TARGETS }, (_, i) => i);
const without = (...gone: number[]) => all.filter((i) => !gone.includes(i));
const COURSE = [all, without(3), without(3, 7, 11), without(7, 11), without(7), all];

/** Flows opened in that state of the course: how many are broken though their targets stay, and how many because those leave. */
function followed(given: Record<string, unknown>, opened: number) {
  const spec = simulations().get("jet")?.spec(4093, 5, TARGETS, given) as OracleSpec;
  const states: ReturnType<typeof makeOracle>[] = [];
  for (const active of COURSE) states.push(makeOracle(spec, active, states.at(-1)));
  let [broken, gone] = [0, 0];
  for (const hash of flows) {
    const target = states[opened]?.pick(hash) ?? null;
    for (const [i, after] of states.entries()) {
      if (i <= opened) continue;
      const [activeBefore, activeAfter] = [new Set(COURSE[i - 1]), new Set(COURSE[i])];
      const change = {
        ...scaleIn,
        before: states[i - 1] as typeof after,
        after,
        activeBefore,
        activeAfter,
        reroutedShare: 0,
      };
      const lived = states.slice(opened, i);
      const alive = { protocol: "tcp" as const, hash, target, lived, knownToReturning: false };
      if (lossProbability(spec, change, alive) === 0) continue;
      if (activeAfter.has(target as number)) broken++;
      else gone++;
      break;
    }
  }
  return { broken, gone };
}

test("JET breaks nothing over a consistent hash, while those come that it expects", (t) => {
  for (const over of ["anchor", "rendezvous", "ring", "dx"]) {
    const { broken, gone } = followed({ over }, 0);
    t.is(broken, 0, over);
    t.true(gone > 60 && gone < 180, `${gone}`);
    t.deepEqual(followed({ over }, 2), { broken: 0, gone: 0 });
  }
});

test("whom it does not expect, and a hash that is not consistent, it pays for", (t) => {
  t.true(followed({ over: "anchor", horizon: 0 }, 2).broken > 60);
  t.true(followed({ over: "rendezvous", horizon: 1 }, 2).broken > 20);
  t.true(followed({ over: "maglev" }, 0).broken > 0);
});
