// Interleaved rounds: in each, every backend and plain forwarding get a lab of their own and the same traffic, one after the other.
import type { Backend } from "../backend.ts";
import { watchMachine } from "../contention.ts";
import { LabError, type Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { startServers } from "../traffic/traffic.ts";
import { PROBES, type Probe } from "./metrics.ts";
import { plain } from "./plain.ts";

interface Contender {
  backend: Backend;
  options: Record<string, unknown>;
}

export interface Measurement {
  backend: string;
  metric: string;
  round: number;
  value: number;
  /** Other programs took more than half a CPU meanwhile. */
  disturbed: boolean;
}

export interface Failure {
  backend: string;
  round: number;
  /** What was measured, or "deploy". */
  what: string;
  sentence: string;
}

export interface BenchPlan {
  contenders: readonly Contender[];
  runtime: Runtime;
  metrics: readonly string[];
  targets: number;
  family: 4 | 6;
  repeats: number;
  seconds: number;
  seed: number;
}

export interface Rounds {
  measurements: Measurement[];
  failures: Failure[];
}

const DISTURBED_CPUS = 0.5;

/** What fails is noted and the rest goes on. Rejects when the signal is aborted. */
export async function runRounds(plan: BenchPlan, signal: AbortSignal, note: (text: string) => void): Promise<Rounds> {
  const all: Contender[] = [{ backend: plain, options: {} }, ...plan.contenders];
  const rounds: Rounds = { measurements: [], failures: [] };
  const wanted = PROBES.filter(({ metrics }) => metrics.some(({ name }) => plan.metrics.includes(name)));
  const together = wanted.filter(({ alone }) => !alone);
  const groups = [together, ...wanted.filter(({ alone }) => alone).map((probe) => [probe])].filter((g) => g.length > 0);
  for (let round = 0; round < plan.repeats; round++) {
    // Each begins a round once, so that no one always has the machine just after another.
    const order = all.map((_, i) => all[(i + round) % all.length] as Contender);
    for (const contender of order) {
      note(`round ${round + 1} of ${plan.repeats}: ${contender.backend.name}`);
      for (const probes of groups) await measureInLab(plan, contender, probes, round, rounds, signal);
    }
  }
  return rounds;
}

async function measureInLab(
  plan: BenchPlan,
  { backend, options }: Contender,
  probes: readonly Probe[],
  round: number,
  { measurements, failures }: Rounds,
  signal: AbortSignal,
): Promise<void> {
  const fail = (what: string, error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof LabError)) throw error;
    failures.push({ backend: backend.name, round, what, sentence: error.message });
  };
  try {
    await using lab = await plan.runtime.up(planTopology({ targets: plan.targets, routers: 1 }), signal);
    const active = lab.topology.targets.map((_, i) => i);
    const [balancer] = await Promise.all([backend.deploy(lab, options, active), startServers(lab)]);
    await using _stopped = balancer;
    const bed = { lab, balancer, family: plan.family, seed: plan.seed + round, seconds: plan.seconds };
    for (const probe of probes) {
      const wanted = probe.metrics.filter(({ name }) => plan.metrics.includes(name));
      signal.throwIfAborted();
      let disturbed = false;
      const stop = watchMachine(plan.runtime.name === "netns", (event) => {
        if (event.kind === "machine" && (event.foreignCpus ?? 0) + event.stolenCpus > DISTURBED_CPUS) disturbed = true;
      });
      try {
        const values = await probe.measure(bed);
        for (const { name } of wanted) {
          const value = values[name];
          if (value !== undefined && Number.isFinite(value))
            measurements.push({ backend: backend.name, metric: name, round, value, disturbed });
        }
      } catch (error) {
        fail(wanted.map(({ name }) => name).join(", "), error);
      } finally {
        stop();
      }
    }
  } catch (error) {
    fail("deploy", error);
  }
}
