// SPDX-License-Identifier: Apache-2.0
// What needs a kernel with nft's queue and flow tables, which many have as modules only: seen under traffic in a guest.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../../harness/testing/alike.ts";
import { KERNEL, withGuest } from "../../harness/testing/guest.ts";
import { runCase } from "../../harness/testing/run-case.ts";

const out = mkdtempSync(path.join(tmpdir(), "offload-vm-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const CONNECTIONS = 50;
const words = `--targets 2 --family 4 --connections ${CONNECTIONS} --rate 200 --scale 1 --at 3 --duration 5`;
const SMALL = [...words.split(" "), "--time", "virtual", "--accel", "tcg", "--kernel", KERNEL];

/** The last that a run says of its router. */
function lastCounters(dir: string): Record<string, number> {
  const lines = readFileSync(path.join(dir, "events.ndjson"), "utf8").trim().split("\n");
  const events = lines.map((line) => JSON.parse(line) as { kind: string; machine?: string; values?: never });
  return events.findLast(({ kind, machine }) => kind === "counters" && machine === "vm-201")?.values ?? {};
}

for (const protocol of someOf(["udp", "tcp"], [0]))
  withGuest(
    `${protocol}: a queue gets the first packet of each connection, and a flow table takes the rest`,
    async (t) => {
      const backends = [1, 2].map((n) => ({ name: `b${n}`, "ip-addr": `192.168.1.${n}` }));
      const farm = { name: "web", "virtual-addr": "10.0.0.0", mode: "dnat", protocol, backends };
      const file = path.join(out, `${protocol}.json`);
      writeFileSync(file, JSON.stringify({ farms: [{ ...farm, queue: "7", "flow-offload": "on" }] }));
      const args = [...SMALL, "--protocol", protocol, "--set", `farm=${file}`];
      const { summary, dir, status } = await runCase(t, "nftables_scale_in", args, { out, timeoutMs: 400_000 });
      t.is(status, 0, summary.reasons.join("\n"));
      t.is(summary.events[0]?.mispredicted, 0);
      const { "farm.queued": queued = 0, "farm.slow_path": slow = 0 } = lastCounters(dir);
      // Those that the leaving target had are opened again, and each packet of what was forgotten is new to conntrack.
      t.true(queued >= CONNECTIONS && queued <= 3 * CONNECTIONS, `${queued} packets were queued`);
      const { sent } = summary.packets;
      t.true(
        slow >= queued && slow < sent / 2,
        `${slow} of ${sent} sent packets, and their answers, took the slow path`,
      );
    },
  );
