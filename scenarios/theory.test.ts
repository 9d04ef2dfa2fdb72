// SPDX-License-Identifier: Apache-2.0
// What a sweep draws is what the verdict predicts, for every scenario with events and every strategy with an oracle.
import test from "ava";
import { analyse } from "../harness/analysis/analyse.ts";
import { flowReader } from "../harness/analysis/flows.ts";
import { expectedLoss, sampleRows } from "../harness/analysis/theory.ts";
import { memberNoun } from "../harness/events/meaning.ts";
import { byRouter, TESTER_HASH } from "../harness/oracle/course.ts";
import type { Flow } from "../harness/oracle/hash.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../harness/oracle/oracle.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import { planRun } from "../harness/plan/plan-run.ts";
import type { Connection, Event, EventSummary, StreamStart } from "../harness/record/schema.ts";
import { runInfo, streamStart } from "../harness/report/fixture-base.ts";
import { SPECS, TARGETS } from "../harness/testing/strategies.ts";
import { planTopology } from "../harness/topology/topology.ts";
import { flowSources } from "../harness/traffic/traffic.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

const PER_FAMILY = 400;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const S = 1e9;
const T0 = 1000 * S;
type Planned = ReturnType<typeof planRun>;

/** The first event of a run with the flows that the theory samples, each on the target that its strategy chose. */
function predictedFirst(spec: OracleSpec, { plan, load, routers }: Planned): EventSummary | undefined {
  const lab = planTopology({ targets: TARGETS, routers });
  const [targets, routerNames] = [lab.targets, lab.routers].map((machines) => machines.map(({ name }) => name));
  if (!targets || !routerNames) return undefined;
  const start = [...targets.keys()].filter((i) => !plan.out.includes(i + 1));
  const first = makeOracle(spec, start);
  const streams = flowSources(load).map(
    (source, i): StreamStart => ({ ...streamStart(T0, PER_FAMILY, 1e6), ...source, stream: `ipv${load.families[i]}` }),
  );
  // Spread evenly over the targets, for each router by itself.
  const routerOf = byRouter([...routerNames.keys()], TESTER_HASH);
  const seen = routerNames.map(() => 0);
  const turn = (flow: Flow) => {
    const router = routerOf(flow);
    seen[router] = (seen[router] ?? 0) + 1;
    return seen[router] ?? 0;
  };
  const connections = streams.flatMap((stream) => {
    const flowOf = flowReader(stream);
    return [...sampleRows(PER_FAMILY)].map((row, i): Connection => {
      const flow = flowOf(row);
      const index = first.pick(hashFlow(spec, flow)) ?? byShare(first.shares, start, (turn(flow) * GOLDEN) % 1);
      return { ...connectionOf(stream, i), ...row, target: targets[index] ?? null };
    });
  });
  const events: Event[] = [
    {
      kind: "deployed",
      t: T0 - S,
      backend: "test",
      active: start.flatMap((i) => targets[i] ?? []),
      effectiveOptions: {},
      oracle: spec,
    },
    ...(plan.steps.some(({ event }) => event.told !== "all")
      ? [{ kind: "routing" as const, t: T0 - S, hash: TESTER_HASH }]
      : []),
    ...streams,
    ...plan.steps.map(({ event, members, atS, weights }): Event => {
      const names = memberNoun(event) === "target" ? targets : routerNames;
      const t = T0 + atS * S;
      const machines = members.flatMap((number) => names[number - 1] ?? []);
      const changed = weights ? { weights: [...weights] } : {};
      return { kind: "scale", t, action: event.kind, machines, requestedT: t, effectiveT: t, ...changed };
    }),
  ];
  const run = { ...runInfo("test", "test", targets, []), routers: routerNames };
  return analyse(run, { events, connections }).summary.events[0];
}

/** The target whose share of [0, 1) this is in. */
function byShare(shares: ReadonlyMap<number, number>, active: readonly number[], at: number): number {
  let sum = 0;
  for (const [index, share] of shares) {
    sum += share;
    if (at < sum) return index;
  }
  return active[Math.floor(at * active.length)] ?? -1;
}

const connectionOf = (stream: StreamStart, id: number): Omit<Connection, "srcOffset" | "sport" | "target"> => ({
  stream: stream.stream,
  id,
  generation: 0,
  cause: "none",
  movedTo: null,
  startUs: 1000,
  establishedUs: 2000,
  endUs: 3600e6,
  longestGapUs: 0,
  lastProgressUs: 3600e6,
  sent: 1,
  received: 1,
});

/** Each once: of strategies that remember, over both protocols. */
const cases = [
  ...backends.flatMap((backend) =>
    (["tcp", "udp"] as const).flatMap((protocol) => {
      const spec = backend.oracle(backend.options.parse({}), TARGETS, protocol);
      return spec ? [{ spec, protocol }] : [];
    }),
  ),
  ...SPECS.flatMap((spec) => (["tcp", "udp"] as const).map((protocol) => ({ spec, protocol }))),
].filter(
  ({ spec, protocol }, i, all) =>
    (protocol === "tcp" || spec.strategy === "stateful") &&
    all.findIndex((one) => JSON.stringify(one) === JSON.stringify({ spec, protocol })) === i,
);

const everyTarget = Array.from({ length: TARGETS }, (_, i) => i + 1);
const planned = [
  ...scenarios.map((scenario) => ({ scenario, title: scenario.name, more: {} })),
  ...scenarios
    .filter(({ name }) => name === "scale" || name === "failure")
    .map((scenario) => ({ scenario, title: `${scenario.name} of all targets`, more: { scale: everyTarget } })),
];
for (const { scenario, title, more } of planned) {
  const options = parseOptions(runOptions, { targets: TARGETS, ...more });
  const { steps, flows } = planRun(scenario, options).plan;
  // Lists of flows are a strategy around another one, which only some have: oracle/strategies/flows.test.ts.
  if (steps.length === 0 || flows) continue;
  test(`${title}: theory and verdict expect the same of every strategy`, (t) => {
    let compared = 0;
    for (const { spec, protocol } of cases) {
      const name = JSON.stringify(spec);
      const planned = planRun(scenario, { ...options, protocol });
      const plan = { targets: TARGETS, routers: planned.routers, ...planned.plan };
      const { share, ideal } = expectedLoss(spec, plan, flowSources(planned.load), 2 * PER_FAMILY);
      const event = predictedFirst(spec, planned);
      t.is(event?.alive, 2 * PER_FAMILY);
      t.true(Math.abs((event?.ideal ?? -1) / 2 / PER_FAMILY - ideal) < 1e-9, name);
      if (share === null) continue;
      compared++;
      // Where nobody knows a flow's target, the theory takes shares and the record whole connections.
      const room =
        hashFlow(spec, flowReader(flowSources(planned.load)[0] as StreamStart)({ srcOffset: 1, sport: 1 })) === null
          ? 0.01
          : 1e-9;
      const predicted = (event?.predicted ?? -1) / 2 / PER_FAMILY;
      t.true(
        Math.abs(predicted - share) <= room,
        `${name} over ${protocol}: ${share} in theory, ${predicted} in the verdict`,
      );
    }
    // Where the second path leads is known of hashes only.
    const leastCompared = steps.some(({ event }) => event.path) ? 10 : cases.length - 4;
    t.true(compared >= leastCompared, "the others leave it open");
  });
}
