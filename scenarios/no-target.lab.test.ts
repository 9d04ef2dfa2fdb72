// SPDX-License-Identifier: Apache-2.0
// All targets leave and return: what clients see meanwhile is what the backend does then, and every connection has the predicted fate.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const out = mkdtempSync(path.join(tmpdir(), "no-target-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = ["--targets", "4", "--connections", "400", "--rate", "800"];
const TIMES = ["--stall", "1", "--at", "2 6", "--duration", "9"];

const cases = [
  ["nfqueue", "tcp", "silence"],
  ["nfqueue", "tcp", "refused", "noTargets=refuse"],
  ["nfqueue", "tcp", "unreachable", "noTargets=unreachable"],
  ["syn_only", "tcp", "silence"],
  ["ecmp_resilient", "tcp", "unreachable"],
  ["iptables_statistic", "tcp", "unreachable"],
  ["nftables", "udp", "silence"],
  ["haproxy", "tcp", "refused"],
  ["nginx", "tcp", "refused"],
] as const;

for (const [name, protocol, expected, ...set] of cases)
  test.serial(
    `${[name, ...set].join(" with ")}: without any target its ${protocol} clients meet with ${expected}, and they come back`,
    async (t) => {
      const backend = backends.find((one) => one.name === name);
      if (isSkipped(t, (await backend?.missing(netns, backend.options.parse({}))) ?? [])) return;
      const args = [...LOAD, ...TIMES, "--protocol", protocol, ...set.flatMap((word) => ["--set", word])];
      const { summary } = await runCase(t, `${name}_reject`, args, { out: path.join(out, [name, ...set].join("-")) });
      const { verdict, reasons, outage, events, connections } = summary;
      t.is(verdict, "pass", reasons.join("\n"));
      t.like(events[0], { alive: 400, lost: 400, predicted: 400, mispredicted: 0, ideal: 400 });
      t.is(connections.lostOutsideEvents, 0);
      t.is(connections.established, 800);
      t.like(outage, { expected, mispredicted: 0 });
      t.true((outage?.attempts ?? 0) >= 300);
      if (expected !== "silence") t.true((outage?.answeredMs?.least ?? 1000) < 950);
    },
  );
