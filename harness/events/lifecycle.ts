// SPDX-License-Identifier: Apache-2.0
// What happens to the balancer itself: its members are the routers that it runs on.
import type { ControlAction } from "../api/backend.ts";
import { defineEvent, type EventDefinition } from "../api/event.ts";
import { LabError } from "../runtime/runtime.ts";

/** Carries it out on the members. */
const control =
  (action: ControlAction): EventDefinition["apply"] =>
  ({ balancer, members }) => {
    if (!balancer.control) throw new LabError(`This balancer has no way to ${action}.`);
    return balancer.control(action, members);
  };

const about = { subject: "balancer", effect: "none" } as const;

export const balancerStop = defineEvent({
  kind: "balancer_stop",
  ...about,
  interrupts: true,
  words: { past: "had the balancer stopped", now: ["stops the balancer", "stop the balancer"] },
  apply: control("stop"),
});

export const balancerKill = defineEvent({
  kind: "balancer_kill",
  ...about,
  interrupts: true,
  words: { past: "had the balancer crash", now: ["has the balancer crash", "have the balancer crash"] },
  apply: control("kill"),
});

export const balancerRestart = defineEvent({
  kind: "balancer_restart",
  ...about,
  undoes: ["balancer_stop", "balancer_kill"],
  words: { past: "had the balancer started again", now: ["starts the balancer again", "start the balancer again"] },
  apply: control("start"),
});

export const balancerReload = defineEvent({
  kind: "balancer_reload",
  ...about,
  words: { past: "had the balancer reloaded", now: ["reloads the balancer", "reload the balancer"] },
  apply: control("reload"),
});

export const balancerUpgrade = defineEvent({
  kind: "balancer_upgrade",
  ...about,
  words: { past: "had the balancer upgraded", now: ["upgrades the balancer", "upgrade the balancer"] },
  apply: control("upgrade"),
});
