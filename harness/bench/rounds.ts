// SPDX-License-Identifier: Apache-2.0
// Interleaved rounds: in each, every backend and the references get a lab of their own and the same traffic, one after the other.
import { Histogram } from "../analysis/histogram.ts";
import { type Backend, machineNeeds } from "../api/backend.ts";
import { watchMachine } from "../host/contention.ts";
import { LabError, type Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { startServers } from "../traffic/servers.ts";
import { direct } from "./direct.ts";
import { hold } from "./hold.ts";
import { PROBES } from "./metrics/index.ts";
import type { Probe } from "./metrics/metric.ts";
import { plain, plainFor } from "./plain.ts";
import type { Testbed } from "./testbed.ts";

export interface Contender {
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
  /** What senders could send: the balancer carries more. */
  senderLimited?: true;
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
  /** false: without plain forwarding and without a lab that has no router. */
  references?: false;
}

export interface Rounds {
  measurements: Measurement[];
  failures: Failure[];
  /** Times to connect at a fixed load by backend, of all rounds; without a sweep only. */
  latency: Map<string, Histogram>;
  /** By contender the plain forwarding that has its conntrack and links; none where plain itself has. */
  fair: ReadonlyMap<string, string>;
}

const DISTURBED_CPUS = 0.5;

/** One lab of a round: who is in it, and with which number. */
interface Turn {
  contender: Contender;
  setting: Setting;
  round: number;
}

/** What fails is noted and the rest goes on. Rejects when the signal is aborted. */
export async function runRounds(plan: BenchPlan, signal: AbortSignal, note: (text: string) => void): Promise<Rounds> {
  const fair = fairReferences(plan);
  const fairOnes = new Map([...fair.values()].map((one) => [one.name, one])).values();
  const references = plan.references === false ? [] : [plain, ...(isSwept(plan.settings) ? [] : [direct]), ...fairOnes];
  const all: Contender[] = [...references.map((backend) => ({ backend, options: {} })), ...plan.contenders];
  const names = new Map([...fair].map(([name, reference]) => [name, reference.name]));
  const rounds = new RoundsMade(plan, names, signal);
  const groups = probeGroups(plan.metrics);
  const labs = plan.settings.flatMap((setting) => all.map((contender) => ({ contender, setting })));
  for (let round = 0; round < plan.repeats; round++) {
    // Rounds begin at different places, so that no one always has the machine just after another.
    const first = round * Math.max(1, Math.floor(labs.length / plan.repeats));
    const order = labs.map((_, i) => labs[(i + first) % labs.length] as (typeof labs)[number]);
    for (const { contender, setting } of order) {
      const at = setting.value === null ? "" : ` at ${setting.value}`;
      note(`round ${round + 1} of ${plan.repeats}: ${contender.backend.name}${at}`);
      for (const probes of groups) await rounds.measureInLab({ contender, setting, round }, probes);
    }
  }
  return rounds;
}

/** By contender: plain forwarding with its conntrack and links, where it needs any. */
function fairReferences({ contenders, settings, references }: BenchPlan): Map<string, Backend> {
  if (references === false || isSwept(settings)) return new Map();
  const pairs = contenders.map(({ backend, options }) => {
    return [backend.name, plainFor(backend, options, settings[0]?.targets ?? 1)] as const;
  });
  return new Map(pairs.filter(([, reference]) => reference !== plain));
}

const isSwept = (settings: readonly Setting[]): boolean => settings.some(({ value }) => value !== null);

/** Those that share a lab. */
function probeGroups(metrics: readonly string[]): (readonly Probe[])[] {
  const wanted = PROBES.filter((probe) => probe.metrics.some(({ name }) => metrics.includes(name)));
  const together = wanted.filter(({ needsFreshLab }) => !needsFreshLab);
  const fresh = wanted.filter(({ needsFreshLab }) => needsFreshLab).map((probe) => [probe]);
  return [together, ...fresh].filter((group) => group.length > 0);
}

class RoundsMade implements Rounds {
  readonly measurements: Measurement[] = [];
  readonly failures: Failure[] = [];
  readonly latency = new Map<string, Histogram>();
  readonly fair: ReadonlyMap<string, string>;
  readonly #plan: BenchPlan;
  readonly #signal: AbortSignal;

  constructor(plan: BenchPlan, fair: ReadonlyMap<string, string>, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
    this.fair = fair;
  }

  async measureInLab(turn: Turn, probes: readonly Probe[]): Promise<void> {
    const { backend } = turn.contender;
    const measured = probes.filter(
      ({ metrics }) => backend !== direct || !metrics.every(({ noBaselineRatio }) => noBaselineRatio),
    );
    if (measured.length === 0) return;
    try {
      await this.#bringUp(turn, measured);
    } catch (error) {
      this.#fail(turn, "deploy", error);
    }
  }

  async #bringUp({ contender, setting, round }: Turn, probes: readonly Probe[]): Promise<void> {
    const { backend, options } = contender;
    const { runtime, family, seconds, seed } = this.#plan;
    const latency = this.#latencyOf(backend.name, setting);
    await using lab = await runtime.up(
      planTopology({ targets: setting.targets, routers: 1, ...machineNeeds(backend, options) }),
      this.#signal,
    );
    const active = lab.topology.targets.map((_, i) => i);
    const begin = performance.now();
    await using balancer = await backend.deploy(lab, options, active, setting.services);
    const deployMs = performance.now() - begin;
    await startServers(lab);
    const bed: Testbed = { lab, balancer, family, seed: seed + round, seconds, deployMs, latency };
    const held = setting.held > 0 ? await hold(bed, setting.held) : null;
    for (const probe of probes) await this.#measure({ contender, setting, round }, probe, bed, held);
  }

  async #measure(turn: Turn, probe: Probe, bed: Testbed, held: { check(): void } | null): Promise<void> {
    const which = { backend: turn.contender.backend.name, at: turn.setting.value, round: turn.round };
    const wanted = probe.metrics.filter(({ name }) => this.#plan.metrics.includes(name));
    this.#signal.throwIfAborted();
    let disturbed = false;
    const limited = new Set<string>();
    const stop = watchMachine(
      bed.lab.traits.processesAreOurs,
      (event) => {
        if (event.kind === "machine" && (event.foreignCpus ?? 0) + event.stolenCpus > DISTURBED_CPUS) disturbed = true;
      },
      true,
    );
    try {
      const values = await probe.measure({ ...bed, senderIsLimit: (metric) => limited.add(metric) }).finally(stop);
      held?.check();
      for (const { name } of wanted) {
        const value = values[name];
        if (value !== undefined && Number.isFinite(value))
          this.measurements.push({
            ...which,
            metric: name,
            value,
            disturbed,
            ...(limited.has(name) ? { senderLimited: true as const } : {}),
          });
      }
    } catch (error) {
      this.#fail(turn, wanted.map(({ name }) => name).join(", "), error);
    }
  }

  /** Of all rounds together; with a sweep of this lab alone, and nobody asks. */
  #latencyOf(backend: string, { value }: Setting): Histogram {
    const own = this.latency.get(backend) ?? new Histogram();
    if (value === null) this.latency.set(backend, own);
    return own;
  }

  #fail({ contender, setting, round }: Turn, what: string, error: unknown): void {
    this.#signal.throwIfAborted();
    if (!(error instanceof LabError)) throw error;
    this.failures.push({
      backend: contender.backend.name,
      at: setting.value,
      round,
      what,
      sentence: error.message,
    });
  }
}
