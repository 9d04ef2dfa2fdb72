// SPDX-License-Identifier: Apache-2.0
// A lab for the tests of the planes, and the balancer's command line in it.

import type { ExecutionContext } from "ava";
import { type Backend, type Host, type Lab, planTopology } from "../../harness/api/index.ts";
import { netns } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { tc, xdp, xdpUser } from "./xdp.ts";

export const planes = { xdp, tc, user: xdpUser } satisfies Record<string, Backend>;
export type Plane = keyof typeof planes;

/** One router, so many targets; where the backend cannot run the test is skipped. */
export async function withLab(
  t: ExecutionContext,
  backend: Backend,
  targets: number,
  action: (lab: Lab, router: Host) => Promise<void>,
): Promise<void> {
  if (isSkipped(t, await backend.missing(netns, {}))) return;
  const lab = await netns.up(planTopology({ targets, routers: 1 }), new AbortController().signal);
  try {
    await action(lab, lab.host("vm-201"));
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

export const run = (lab: Lab, ...more: string[]) => [
  lab.program("xdp-lb"),
  "run",
  "--dev",
  "eth2",
  "--egress",
  "eth1",
  "--vip",
  "10.0.0.0,1000::",
  "--ports",
  ...more,
];
