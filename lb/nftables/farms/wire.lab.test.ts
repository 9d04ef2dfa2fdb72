// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import test from "ava";
import { planTopology, TOOLS } from "../../../harness/api/index.ts";
import { missingOf, netns } from "../../../harness/testing/lab.ts";
import { isSkipped } from "../../../harness/testing/skip.ts";
import { needs } from "../nftables.ts";

test("the kernel has the same after each change, whether nft or the service itself told it", async (t) => {
  const requires = { programs: [{ name: "netlink-exec", from: "ours" as const }], tools: [TOOLS.nft], kernel: needs };
  if (isSkipped(t, [...(await netns.missing()), ...(await missingOf(requires, netns))])) return;
  const plan = planTopology({ targets: 1, routers: 1 });
  await using lab = await netns.up({ ...plan, machines: plan.routers }, new AbortController().signal);
  const script = path.join(import.meta.dirname, "wire.testing.ts");
  const node = [process.execPath, `--import=${import.meta.resolve("tsx")}`, script];
  const { stdout } = await lab.host("vm-201").exec([lab.program("netlink-exec"), ...node], { timeoutMs: 120_000 });
  // Addresses of stateless backends are a set of a rule, which only nft writes.
  t.deepEqual(JSON.parse(stdout), { changes: 30, short: 28, differing: null });
});
