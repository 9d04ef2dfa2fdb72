// SPDX-License-Identifier: Apache-2.0
// Routers that die, and some that come back: nobody is told. Tester and targets find out by themselves, if at all.
import { defineEvent, type EventContext, type EventDefinition } from "../api/event.ts";
import { LabError } from "../runtime/runtime.ts";
import type { Machine } from "../topology/topology.ts";
import { LinkOutage } from "./link-outage.ts";
import { RouterOutage } from "./router-outage.ts";

interface Outage {
  begin(routers: readonly Machine[]): Promise<number>;
  end(): Promise<number>;
}

/** Does it, and waits until tester and targets use the routers that are left. */
async function found(
  { announcer, members, routers, record, balancer, lab }: EventContext,
  change: (machines: readonly Machine[]) => Promise<number>,
): Promise<number> {
  if (!announcer) throw new LabError("Nobody finds out about routers here.");
  announcer.expect(routers);
  const t = await change(members.flatMap((index) => lab.topology.routers[index] ?? []));
  const noticed = await announcer.until(routers);
  const effectiveT = Math.max(t, ...noticed.values());
  record.add({
    kind: "failover",
    t: effectiveT,
    changedT: t,
    noticed: [...noticed].map(([machine, since]) => ({ machine, t: since })),
  });
  await balancer.setRouters?.(routers);
  return effectiveT;
}

const dies =
  (how: (context: EventContext) => Outage): EventDefinition["apply"] =>
  (context) =>
    found(context, (machines) => how(context).begin(machines));

const prepared: EventDefinition["before"] = ({ lab, members, share }) =>
  share(RouterOutage).prepare(members.flatMap((index) => lab.topology.routers[index] ?? []));

const about = { subject: "routers", announced: false } as const;

export const routerCrash = defineEvent({
  kind: "router_crash",
  ...about,
  effect: "leave",
  words: { past: "died", now: ["dies", "die"] },
  before: prepared,
  apply: dies(({ share }) => share(RouterOutage)),
});

export const routerPause = defineEvent({
  kind: "router_pause",
  ...about,
  effect: "leave",
  words: { past: "froze", now: ["freezes", "freeze"] },
  before: prepared,
  apply: dies(({ share }) => share(RouterOutage)),
});

export const routerLink = defineEvent({
  kind: "router_link",
  ...about,
  effect: "leave",
  words: { past: "lost its links", now: ["loses its links", "lose their links"] },
  apply: dies(({ share }) => share(LinkOutage)),
});

export const routerResume = defineEvent({
  kind: "router_resume",
  ...about,
  effect: "join",
  undoes: "router_pause",
  words: { past: "went on", now: ["goes on", "go on"] },
  apply: (context) => found(context, () => context.share(RouterOutage).end()),
});

export const routerRelink = defineEvent({
  kind: "router_relink",
  ...about,
  effect: "join",
  undoes: "router_link",
  words: { past: "got its links back", now: ["gets its links back", "get their links back"] },
  apply: (context) =>
    found(context, async () => {
      const t = await context.share(LinkOutage).end();
      await context.balancer.relinked?.(context.members);
      return t;
    }),
});
