// SPDX-License-Identifier: Apache-2.0
// One lab for the tests of a file, with nft-lb in its router.
import test, { type ExecutionContext } from "ava";
import { type Lab, planTopology, TOOLS } from "../../../harness/api/index.ts";
import { missingOf, netns, startServers } from "../../../harness/testing/lab.ts";
import { isSkipped } from "../../../harness/testing/skip.ts";
import { needs } from "../nftables.ts";
import { startService } from "./farms.testing.ts";

type Action = (t: ExecutionContext, lab: Lab) => Promise<void>;

/** A function that declares a test; they run one after another, in a lab of three targets. */
export function farmLab(): (title: string, action: Action) => void {
  const requires = { tools: [TOOLS.nft, TOOLS.conntrack], kernel: needs };
  let up: Lab | undefined;
  let missing: string[] = [];
  test.before(async () => {
    missing = [...(await netns.missing()), ...(await missingOf(requires, netns))];
    if (missing.length > 0) return;
    up = await netns.up(planTopology({ targets: 3, routers: 1 }), new AbortController().signal);
    await Promise.all([startService(up), startServers(up)]);
  });
  test.after.always(async () => up?.[Symbol.asyncDispose]());
  return (title, action) => {
    test.serial(title, async (t) => {
      if (isSkipped(t, missing) || !up) return;
      await action(t, up);
    });
  };
}
