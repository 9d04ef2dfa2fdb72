// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { rendezvousTable } from "../oracle/rendezvous.ts";
import { simulateLoss } from "./maglev.ts";

const near = (t: { true(v: boolean, m: string): void }, value: number, wanted: number, error: number) =>
  t.true(Math.abs(value - wanted) <= error, `${value}, wanted ${wanted} +- ${error}`);

test("Maglev moves what the tables of its literature say", (t) => {
  near(t, simulateLoss("maglev", 997, 10, 1, 0, 30).outPercent, 12.5, 0.8);
  near(t, simulateLoss("maglev", 997, 10, 2, 0, 30).outPercent, 22.4, 0.8);
  near(t, simulateLoss("maglev", 16_381, 10, 2, 0, 3).outPercent, 20.5, 0.4);
});

test("modulo moves nearly all, rendezvous n/N exactly, a resilient group n/N", (t) => {
  near(t, simulateLoss("modulo", 9973, 10, 1, 0, 5).outPercent, 90, 1);
  near(t, simulateLoss("rendezvous", 9973, 10, 2, 0, 5).outPercent, 20, 1);
  near(t, simulateLoss("resilient", 1000, 10, 2, 0, 3).outPercent, 20, 0.1);
});

test("rendezvous moves the keys of a target that leaves, and no other", (t) => {
  const [before, after] = [rendezvousTable([0, 1, 2, 3], 1000, 7), rendezvousTable([0, 1, 3], 1000, 7)];
  t.true(before.every((target, key) => (target === 2 ? after[key] !== 2 : after[key] === target)));
  t.is(rendezvousTable([], 5, 0).length, 0);
});
