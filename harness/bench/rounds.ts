// SPDX-License-Identifier: Apache-2.0
// Interleaved rounds: in each, every backend and the references get a lab of their own and the same traffic, one after the other.
import { Histogram } from "../analysis/histogram.ts";
import type { Backend } from "../api/backend.ts";
import { watchMachine } from "../host/contention.ts";
import { LabError, type Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { startServers } from "../traffic/traffic.ts";
import { direct } from "./direct.ts";
import { hold, PROBES, type Probe, type Testbed } from "./metrics.ts";
import { plain } from "./plain.ts";

interface Contender {
  backend: Backend;
  options: Record<string, unknown>;
}

/** One of the numbers that a sweep takes; of a bench without a sweep there is one, without a value. */
export interface Setting {
  /** What is swept; null: nothing. */
  value: number | null;
  targets: number;
  /** Connections that are kept open while others are measured. */
  held: number;
  /** Those that the balancer holds besides the one that is measured. */
  services: number;
}

export interface Measurement {
  backend: string;
  metric: string;
  /** Of the sweep; null: there is none. */
  at: number | null;
  round: number;
  value: number;
  /** Other programs took more than half a CPU meanwhile. */
  disturbed: boolean;
}

export interface Failure {
  backend: string;
  at: number | null;
  round: number;
  /** What was measured, or "deploy". */
  what: string;
  sentence: string;
}

export interface BenchPlan {
  contenders: readonly Contender[];
  runtime: Runtime;
  metrics: readonly string[];
  settings: readonly Setting[];
  family: 4 | 6;
  repeats: number;
  seconds: number;
  seed: number;
}

export interface Rounds {
  measurements: Measurement[];
  failures: Failure[];
  /** Times to connect at a fixed load by backend, of all rounds; without a sweep only. */
  latency: Map<string, Histogram>;
}

const DISTURBED_CPUS = 0.5;

/** What fails is noted and the rest goes on. Rejects when the signal is aborted. */
export async function runRounds(plan: BenchPlan, signal: AbortSignal, note: (text: string) => void): Promise<Rounds> {
  const swept = plan.settings.some(({ value }) => value !== null);
  const all: Contender[] = [plain, ...(swept ? [] : [direct])].map((backend) => ({ backend, options: {} }));
  all.push(...plan.contenders);
  const rounds: Rounds = { measurements: [], failures: [], latency: new Map() };
  const wanted = PROBES.filter(({ metrics }) => metrics.some(({ name }) => plan.metrics.includes(name)));
  const together = wanted.filter(({ alone }) => !alone);
  const groups = [together, ...wanted.filter(({ alone }) => alone).map((probe) => [probe])].filter((g) => g.length > 0);
  const labs = plan.settings.flatMap((setting) => all.map((contender) => ({ contender, setting })));
  for (let round = 0; round < plan.repeats; round++) {
    // Rounds begin at different places, so that no one always has the machine just after another.
    const first = round * Math.max(1, Math.floor(labs.length / plan.repeats));
    const order = labs.map((_, i) => labs[(i + first) % labs.length] as (typeof labs)[number]);
    for (const { contender, setting } of order) {
      const at = setting.value === null ? "" : ` at ${setting.value}`;
      note(`round ${round + 1} of ${plan.repeats}: ${contender.backend.name}${at}`);
      for (const probes of groups) await measureInLab(plan, setting, contender, probes, round, rounds, signal);
    }
  }
  return rounds;
}

async function measureInLab(
  plan: BenchPlan,
  setting: Setting,
  { backend, options }: Contender,
  probes: readonly Probe[],
  round: number,
  { measurements, failures, latency }: Rounds,
  signal: AbortSignal,
): Promise<void> {
  const which = { backend: backend.name, at: setting.value, round };
  const fail = (what: string, error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof LabError)) throw error;
    failures.push({ ...which, what, sentence: error.message });
  };
  const measured = probes.filter(({ metrics }) => backend !== direct || !metrics.every(({ absolute }) => absolute));
  if (measured.length === 0) return;
  const own = latency.get(backend.name) ?? new Histogram();
  if (setting.value === null) latency.set(backend.name, own);
  try {
    await using lab = await plan.runtime.up(planTopology({ targets: setting.targets, routers: 1 }), signal);
    const active = lab.topology.targets.map((_, i) => i);
    const begin = performance.now();
    await using balancer = await backend.deploy(lab, options, active, setting.services);
    const deployMs = performance.now() - begin;
    await startServers(lab);
    const { family, seconds } = plan;
    const bed: Testbed = { lab, balancer, family, seed: plan.seed + round, seconds, deployMs, latency: own };
    const held = setting.held > 0 ? await hold(bed, setting.held) : null;
    for (const probe of measured) {
      const wanted = probe.metrics.filter(({ name }) => plan.metrics.includes(name));
      signal.throwIfAborted();
      let disturbed = false;
      const stop = watchMachine(
        plan.runtime.name === "netns",
        (event) => {
          if (event.kind === "machine" && (event.foreignCpus ?? 0) + event.stolenCpus > DISTURBED_CPUS)
            disturbed = true;
        },
        true,
      );
      try {
        const values = await probe.measure(bed).finally(stop);
        held?.check();
        for (const { name } of wanted) {
          const value = values[name];
          if (value !== undefined && Number.isFinite(value))
            measurements.push({ ...which, metric: name, value, disturbed });
        }
      } catch (error) {
        fail(wanted.map(({ name }) => name).join(", "), error);
      }
    }
  } catch (error) {
    fail("deploy", error);
  }
}
