// Conformance: every backend in every scenario, through the program, in small. A new backend is tested by being registered.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Summary } from "../harness/record/schema.ts";
import { program } from "../harness/testing/machine.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-cases-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Short runs of each scenario; "connect" has no times. */
const times: Record<string, string[]> = {
  connect: [],
  scale: ["--at", "1 2.5", "--duration", "4"],
  scale_in: ["--at", "1", "--duration", "2.5"],
  scale_out: ["--at", "1", "--duration", "2.5"],
  scale_lb: ["--at", "1 2.5", "--duration", "4"],
};

function runCase(name: string, args: string[]): { status: number | null; summary: Summary; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    program,
    ["test", name, "--json", "--connections", "1000", "--out", scratch, ...args],
    { encoding: "utf8" },
  );
  if (stdout === "") throw new Error(stderr);
  return { status, summary: JSON.parse(stdout) as Summary, stderr };
}

for (const backend of backends)
  for (const scenario of scenarios)
    for (const protocol of scenario.name === "connect" ? ["tcp"] : ["tcp", "udp"]) {
      const name = scenario.name === "connect" ? backend.name : `${backend.name}_${scenario.name}`;
      test.serial(
        `${name} passes over ${protocol}, both families, and accounts for every connection and packet`,
        (t) => {
          const { status, summary } = runCase(name, [...(times[scenario.name] ?? []), "--protocol", protocol]);
          t.is(status, 0, summary.reasons.join("\n"));
          t.is(summary.verdict, "pass");
          t.is(summary.connections.planned, 1000);
          t.is(summary.assigned.mispredicted, 0);
          t.is(Object.keys(summary.spread.perTarget).length, scenario.name === "scale_out" ? 8 : 10);
          for (const event of summary.events) {
            t.is(event.mispredicted, 0);
            t.is(event.predicted, event.lost);
            t.is(event.alive, 1000);
            t.true(event.inForceMs - event.askedMs < 1000);
            if (event.kind === "scale_in") t.true(event.lost > 150 && event.lost < 320, `${event.lost}`);
            if (event.kind.startsWith("router")) t.is(event.lost, 0);
          }
        },
      );
    }

test.serial("a balancer that assigns at random is caught: the case fails and names the difference", (t) => {
  const { status, summary } = runCase("nfqueue_scale_in", ["--at", "1", "--duration", "2.5", "--set", "broken=random"]);
  t.is(status, 1);
  t.is(summary.verdict, "fail");
  t.true(
    summary.reasons.some((reason) =>
      /not established|another target than the oracle predicted|lost outside/.test(reason),
    ),
    summary.reasons.join("\n"),
  );
});

test.serial(
  "modulo loses about 90 % of the connections when the last of ten targets leaves, each of them as predicted",
  (t) => {
    const { status, summary } = runCase("nfqueue_scale_in", [
      "--scale",
      "10",
      "--at",
      "1",
      "--duration",
      "2.5",
      "--set",
      "mode=modulo",
    ]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [event] = summary.events;
    t.true(event !== undefined && event.lost > 850 && event.lost < 950, `${event?.lost}`);
  },
);

test.serial("the same seed makes the same connections, another seed others", (t) => {
  const spread = (seed: string) => runCase("nfqueue", ["--seed", seed]).summary.spread.perTarget;
  t.deepEqual(spread("5"), spread("5"));
  t.notDeepEqual(spread("5"), spread("6"));
});
