// SPDX-License-Identifier: Apache-2.0
// The example of the page on adding a backend is a backend, and does what the page says.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import type { Backend, Host, Lab } from "../harness/api/index.ts";
import { planTopology } from "../harness/api/index.ts";

test("the example of lb/README.md leads the VIP to the first active target", async (t) => {
  const [, code = ""] =
    /```ts\n([\s\S]*?)```/.exec(readFileSync(path.join(import.meta.dirname, "README.md"), "utf8")) ?? [];
  // Beside this file, so that its import leads where that of the page does.
  const dir = mkdtempSync(path.join(import.meta.dirname, ".readme-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(path.join(dir, "first.ts"), code.replace('"../harness', '"../../harness'));
  const { first } = (await import(path.join(dir, "first.ts"))) as { first: Backend };
  const commands: string[] = [];
  const host = (name: string) =>
    ({
      name,
      exec: async (argv: readonly string[], options?: { input?: unknown }) => {
        commands.push(`${argv.join(" ")}: ${String(options?.input).trim()}`);
        return { stdout: "" };
      },
    }) as unknown as Host;
  const topology = planTopology({ targets: 3, routers: 1 });
  const lab = { topology, clock: { now: () => 0 }, host } as unknown as Lab;
  const balancer = await first.deploy(lab, first.options.parse({ metric: "5" }), [1, 2]);
  t.deepEqual(commands.splice(0), [
    `ip -batch -: route replace 10.0.0.0/29 via 192.168.1.2 metric 5`,
    `ip -batch -: route replace 1000::/125 via 1000::1:192.168.1.2 metric 5`,
  ]);
  await balancer.setTargets([2]);
  t.regex(commands[0] ?? "", /via 192\.168\.1\.3 metric 5$/);
  t.deepEqual(first.effectiveOptions(first.options.parse({}), 3), { metric: 0 });
});
