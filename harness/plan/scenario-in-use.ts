// SPDX-License-Identifier: Apache-2.0
// What a scenario file leaves in use, and which changes nobody could judge.
import type { ScenarioOptions } from "../api/scenario.ts";
import { inUse } from "../events/meaning.ts";
import type { Placed, Wrong } from "./scenario-file.ts";

/** At each time, as each router knows it. Throws what `wrong` makes of it. */
export function checkInUse(
  out: readonly number[],
  steps: readonly Placed[],
  { targets, routers }: Pick<ScenarioOptions, "targets" | "routers">,
  wrong: Wrong,
): void {
  const start = Array.from({ length: targets }, (_, i) => i + 1).filter((n) => !out.includes(n));
  if (start.length === 0) throw wrong(["out"], "no target is in use at the start.");
  const events = steps.map(({ step: { event, members } }) => ({ meaning: event, members }));
  const known = Array.from({ length: routers }, (_, router) => inUse("targets", start, events, { router, routers }));
  for (const sets of known) {
    const none = sets.findIndex((set, i) => i > 0 && set.size === 0);
    const placed = steps[none - 1];
    if (placed) throw wrong(placed.path, `after this event at ${placed.step.atS} s no target is in use.`);
  }
  const texts = known.map((sets) => sets.map((set) => [...set].sort((a, b) => a - b).join()));
  const apart = steps.find(
    ({ step: { event } }, i) => event.subject === "routers" && texts.some((own) => own[i] !== texts[0]?.[i]),
  );
  if (apart)
    throw wrong(
      apart.path,
      `at ${apart.step.atS} s the routers know different targets: what becomes of connections that come to another router then is not predicted.`,
    );
}
