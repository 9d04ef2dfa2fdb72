// SPDX-License-Identifier: Apache-2.0
// A target dies, the balancer is told, and what it remembers of its connections still leads there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runMain } from "../../harness/testing/machine.ts";
import { runCase } from "../../harness/testing/run-case.ts";

const out = mkdtempSync(path.join(tmpdir(), "stale-state-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = ["--targets", "4", "--scale", "1", "--connections", "400", "--rate", "800", "--stall", "1"];

test.serial(
  "conntrack's entries of a dead target black-hole UDP clients, each as predicted; new ones are fine",
  async (t) => {
    const words = [...LOAD, "--protocol", "udp", "--at", "2", "--duration", "6", "--set", "leave=dead"];
    const { summary } = await runCase(t, "iptables_statistic_scale_in", words, { out: path.join(out, "udp") });
    const { verdict, reasons, events, connections, packets } = summary;
    t.is(verdict, "pass", reasons.join("\n"));
    t.like(events[0], { kind: "death", lost: 100, predicted: 100, mispredicted: 0, byCause: { stalled: 100 } });
    t.true(
      reasons.some((text) => /^vm-001 died, and the balancer was told: 100 .* stale state/.test(text)),
      reasons.join("\n"),
    );
    t.is(connections.established, 500);
    t.true((packets.dropped.dead_target ?? 0) > 100);
  },
);

test.serial("SYN-only's marks lead to the dead too, and it serves again when it is back", async (t) => {
  const words = [...LOAD, "--at", "2 6", "--duration", "9", "--set", "leave=dead"];
  const { summary } = await runCase(t, "syn_only_scale", words, { out: path.join(out, "tcp") });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.deepEqual(
    summary.events.map(({ kind, mispredicted }) => [kind, mispredicted]),
    [
      ["death", 0],
      ["revival", 0],
    ],
  );
});

test("a balancer that remembers nothing has no state to be stale, and says so", async (t) => {
  for (const [words, said] of [
    [["nfqueue_scale"], /'nfqueue' with these options remembers no TCP connection/],
    [["nginx_scale", "--protocol", "udp"], /'nginx' with these options remembers no UDP connection/],
    [["ecmp_scale"], /Backend 'ecmp' has no option 'leave'/],
  ] as const) {
    const { status, stderr } = await runMain(["test", ...words, "--set", "leave=dead"], { cwd: out });
    t.is(status, 2);
    t.regex(stderr, said);
  }
});
