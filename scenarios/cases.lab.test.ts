// SPDX-License-Identifier: Apache-2.0
// Conformance: every backend in every scenario, through the program, in small. A new backend is tested by being registered.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Backend } from "../harness/api/backend.ts";
import type { Scenario } from "../harness/api/scenario.ts";
import { meaningOf } from "../harness/events/index.ts";
import { isFoundOut } from "../harness/events/meaning.ts";
import { memoryOf } from "../harness/oracle/oracle.ts";
import { unsupported } from "../harness/plan/catalog.ts";
import type { EventSummary, Protocol } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { runsAll } from "../harness/testing/alike.ts";
import { type CaseResult, runCases, runOnce, untilSufficient } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { MAX_ROUTERS } from "../harness/topology/topology.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";
import { short } from "./short.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-cases-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** "scale" has the events of scale_in and scale_out; those alone are run for the first backend only, to keep this short. */
const protocols: Record<string, Protocol[]> = {
  connect: ["tcp"],
  blackout: ["tcp"],
  churn: ["tcp"],
  drift: ["tcp"],
  frag: ["udp"],
  pmtu: ["tcp"],
  tiers: ["tcp"],
};
const alone = new Set(["scale_in", "scale_out"]);
/** Two of the ten targets are not there at the start. */
const beginWithout = new Set(["scale_out", "hotplug"]);
/** With as many routers as there can be: those that must lose nothing with one. */
const manyRouters = new Set(["nfqueue_scale_lb", "syn_only_scale_lb"]);
/** One without memory, one with marks, one that rewrites addresses, one in the kernel. */
const drifting = new Set(["nfqueue", "syn_only", "iptables_statistic", "xdp"]);

/** Of each way to forward one: in user space with and without memory, by routes, by rules of both kinds, in the kernel's first steps. */
const byUdp = new Set([
  "nfqueue",
  "syn_only",
  "ecmp",
  "iptables_recent",
  "nftables",
  "xdp",
  "loaded",
  "ipvs",
  "keepalived",
]);

/** Of each way to be disturbed one: a process that hands over, in user space and in the kernel; one that drains; rules that vanish. */
const disturbs = new Set(["restart", "crash", "reload", "upgrade", "router_crash", "router_link", "router_pause"]);
const disturbed = new Set([
  "nfqueue_upgrade",
  "xdp_upgrade",
  "haproxy_reload",
  "nftables_crash",
  "nfqueue_router_crash",
  "ecmp_router_link",
  "loaded_router_link",
  ...(runsAll ? ["iptables_statistic_router_crash", "nfqueue_router_link", "nfqueue_router_pause"] : []),
]);

interface Conformance {
  name: string;
  backend: Backend;
  scenario: Scenario;
  protocol: Protocol;
}

/** dpdk decides by the code of xdp_user: what is its own shows in a few. */
const ofDpdk = new Set(["connect", "scale", "scale_lb", "pmtu"]);
function isChosen({ name }: Backend, scenario: Scenario, protocol: Protocol): boolean {
  if (protocol === "udp" && !runsAll && !byUdp.has(name)) return false;
  return name === "dpdk" ? ofDpdk.has(scenario.name) : scenario.name !== "drift" || drifting.has(name);
}

function isTested(backend: Backend, scenario: Scenario, protocol: Protocol): boolean {
  // They have tests of their own.
  if (
    [
      "affinity",
      "idle",
      "direct",
      "rolling",
      "flap",
      "drain",
      "weights",
      "add_unknown",
      "reject",
      "flood",
      "deaf",
      "collide",
      "reuse",
      "reconfigure",
      "path_loss",
    ].includes(scenario.name) ||
    unsupported({ backend, scenario }).length > 0
  )
    return false;
  if (!isChosen(backend, scenario, protocol)) return false;
  if (alone.has(scenario.name) && backend !== backends[0]) return false;
  // In a blackout both proxies only wait for TCP to come back: one of them shows it.
  if (backend.name === "nginx" && scenario.name === "blackout") return false;
  const [wanted, can] = [protocols[scenario.name], backend.protocols];
  return (wanted?.includes(protocol) ?? true) && (can?.includes(protocol) ?? true);
}

const all: Conformance[] = scenarios.flatMap((scenario) =>
  (["tcp", "udp"] as const).flatMap((protocol) =>
    backends
      // Without a file of the user's some have nothing to do: lb/found has their tests.
      .filter((backend) => !backend.asks?.(backend.options.parse({})))
      .filter((backend) =>
        disturbs.has(scenario.name)
          ? protocol === "tcp" && disturbed.has(`${backend.name}_${scenario.name}`)
          : isTested(backend, scenario, protocol),
      )
      .map((backend) => ({
        name: scenario.name === "connect" ? backend.name : `${backend.name}_${scenario.name}`,
        backend,
        scenario,
        protocol,
      })),
  ),
);

const wordsOf = ({ name, scenario, protocol }: Conformance) => [
  "--connections",
  "1000",
  "--protocol",
  protocol,
  // loaded knows its own clients only, and an ICMP error may come to any router.
  ...short(scenario.name, protocol).map((word, i, words) =>
    name === "loaded_pmtu" && words[i - 1] === "--routers" ? "1" : word,
  ),
  ...(manyRouters.has(name) && protocol === "tcp" ? ["--routers", `${MAX_ROUTERS}`] : []),
];

/** Cases with the same words run in one process, which starts once. */
const batches = new Map<string, Promise<Map<string, CaseResult>>>();
function batchOf(one: Conformance): Promise<Map<string, CaseResult>> {
  const words = wordsOf(one);
  const key = words.join(" ");
  const started =
    batches.get(key) ??
    startBatch(
      all.filter((other) => wordsOf(other).join(" ") === key),
      words,
    );
  batches.set(key, started);
  return started;
}

async function startBatch(cases: readonly Conformance[], words: readonly string[]) {
  const gaps = await Promise.all(cases.map(({ backend }) => backend.missing(netns, backend.options.parse({}))));
  const names = cases.map(({ name }) => name).filter((_, i) => gaps[i]?.length === 0);
  return runCases(names, words, { out: path.join(scratch, `batch-${batches.size}`) });
}

async function resultOf(t: ExecutionContext, one: Conformance): Promise<CaseResult> {
  const batch = await batchOf(one);
  const again = (attempt: number) =>
    runOnce(one.name, wordsOf(one), { out: path.join(scratch, `${one.name}-${one.protocol}-${attempt}`) });
  return untilSufficient(t, async (attempt) => (attempt === 1 && batch.get(one.name)) || again(attempt));
}

function checkLoss(
  t: ExecutionContext,
  { kind, machines, lost }: EventSummary,
  { keepsState, name }: { keepsState: boolean; name: string },
): void {
  if (kind.startsWith("drift")) t.true(lost > 40, `${lost}`);
  if (kind.startsWith("blackout")) t.is(lost, 0);
  if (kind.startsWith("router") && (!keepsState || name === "syn_only")) t.is(lost, 0);
  if (kind === "scale_in") t.true(lost > 65 * machines.length, `${lost}`);
  if (kind === "scale_out" && keepsState) t.is(lost, 0);
}

for (const one of all) {
  const { name, backend, scenario, protocol } = one;
  // SYN-only has a memory for TCP alone, unless told.
  const keepsState = memoryOf(backend.oracle(backend.options.parse({}), 10, protocol), protocol) !== null;
  test.serial(
    `${name} passes over ${protocol}, both families, and accounts for every connection and packet`,
    async (t) => {
      // What the kernel lacks cases.vm.test.ts has.
      if (isSkipped(t, await backend.missing(netns, backend.options.parse({})))) return;
      const { status, summary } = await resultOf(t, one);
      t.is(status, 0, summary.reasons.join("\n"));
      t.is(summary.verdict, "pass");
      t.is(summary.connections.planned, 1000);
      t.is(summary.assigned.mispredicted, 0);
      t.is(Object.keys(summary.spread.perTarget).length, beginWithout.has(scenario.name) ? 8 : 10);
      for (const event of summary.events) {
        t.is(event.alive, 1000);
        if (!isFoundOut(meaningOf(event))) t.true(event.inForceMs - event.askedMs < 1000);
        if (event.predictedInterval === null) {
          t.is(event.mispredicted, 0);
          t.is(event.predicted, event.lost);
        } else {
          const [low, high] = event.predictedInterval;
          t.true(keepsState && /^(router|balancer)/.test(event.kind), "elsewhere nothing is left to chance");
          t.true(event.lost >= low && event.lost <= high, `${event.lost} of ${low} to ${high}`);
        }
        checkLoss(t, event, { keepsState, name: backend.name });
      }
    },
  );
}
