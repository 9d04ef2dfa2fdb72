// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { EventDefinition } from "../api/event.ts";
import { eventMeaning } from "../record/meaning.ts";
import { EVENTS, explanationOf, isExplained, meaningOf } from "./index.ts";
import { idealLoss, inUse, isFoundOut, isRouterDeath, isSilent, isUndoing, memberNoun } from "./meaning.ts";

const kinds: [string, EventDefinition][] = Object.entries(EVENTS);

test("each kind stands in the table under its own name, and undoes one that acts on the same subject", (t) => {
  for (const [name, event] of kinds) {
    t.is(event.kind, name);
    if (event.undoes === undefined) continue;
    const undone = kinds.filter(([kind]) => isUndoing(event, kind)).map(([, one]) => one);
    t.is(undone.length, [event.undoes].flat().length, name);
    for (const one of undone) {
      t.is(one.subject, event.subject, name);
      t.is(one.announced, event.announced, name);
      t.deepEqual([one.effect, event.effect], event.effect === "none" ? ["none", "none"] : ["leave", "join"], name);
    }
  }
});

test("a meaning is data: written into a record and read back it says the same", (t) => {
  for (const [name, { apply: _, ...event }] of kinds) {
    const meaning = eventMeaning.parse(JSON.parse(JSON.stringify({ ...event, kind: `other_${name}` })));
    t.deepEqual(explanationOf(meaning), { meaning });
    t.is(meaningOf({ kind: meaning.kind, meaning }), meaning);
  }
});

test("kinds of ours need no explanation, and without one others are unknown", (t) => {
  t.deepEqual(explanationOf(EVENTS.scale_in), {});
  t.true(isExplained({ kind: "scale_in" }));
  t.false(isExplained({ kind: "toString" }));
  t.throws(() => meaningOf({ kind: "eclipse" }), { message: /'eclipse' is unknown/ });
});

const view = (router: number) => ({ router, routers: 3 });
const sets = (names: (keyof typeof EVENTS)[], router: number, subject: "targets" | "routers" = "targets") =>
  inUse(
    subject,
    [1, 2, 3],
    names.map((name) => ({ meaning: EVENTS[name], members: [1] })),
    view(router),
  ).map((set) => [...set].join(""));

test("members leave and return, and other subjects stay as they are", (t) => {
  t.deepEqual(sets(["scale_in", "scale_out"], 0), ["123", "23", "231"]);
  t.deepEqual(sets(["failure", "failure_end"], 2), ["123", "23", "231"]);
  t.deepEqual(sets(["router_out", "blackout", "router_in"], 0), ["123", "123", "123", "123"]);
  t.deepEqual(sets(["router_out", "blackout", "router_in"], 0, "routers"), ["123", "23", "23", "231"]);
});

test("in a drift the last router keeps its view until it is told too", (t) => {
  for (const told of [0, 1]) t.deepEqual(sets(["drift", "drift_end"], told), ["123", "23", "23"]);
  t.deepEqual(sets(["drift", "drift_end"], 2), ["123", "123", "23"]);
});

test("only the dead and the deaf are silent, and an outage and its end are found out by the balancer itself", (t) => {
  const those = (is: (event: EventDefinition) => boolean) =>
    kinds.flatMap(([name, event]) => (is(event) ? [name] : []));
  const routers = ["router_crash", "router_pause", "router_resume", "router_link", "router_relink"];
  t.deepEqual(those(isSilent), ["failure", "death", "deadline", "deaf", "router_crash", "router_pause", "router_link"]);
  t.deepEqual(those(isFoundOut), ["failure", "failure_end", "appearance", ...routers]);
  t.deepEqual(those(isRouterDeath), routers);
  t.deepEqual(
    those((event) => memberNoun(event) === "router"),
    [
      "router_out",
      "router_in",
      "blackout",
      "blackout_end",
      "balancer_stop",
      "balancer_kill",
      "balancer_restart",
      "balancer_reload",
      "balancer_upgrade",
      ...routers,
      "path_up",
      "path_loss",
    ],
  );
});

test("at least so many have to move as targets leave, or as those that come get", (t) => {
  t.is(idealLoss(10, 8), 0.2);
  t.is(idealLoss(8, 10, 1000), 200);
  t.is(idealLoss(0, 0, 5), 0);
});
