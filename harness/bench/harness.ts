// What the lab itself costs: bring-up, a command, tear-down. Medians of interleaved rounds; nothing here is a test.
import type { Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { median } from "./metrics.ts";

const ROUNDS = 5;
const COMMANDS = 100;

export interface HarnessFigure {
  what: string;
  targets: number;
  medianMs: number;
  repeats: number;
}

/** Labs of each size in turn, round by round. */
export async function benchHarness(
  runtime: Runtime,
  sizes: readonly number[],
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<HarnessFigure[]> {
  const times = new Map<string, { what: string; targets: number; ms: number[] }>();
  const take = (what: string, targets: number, ms: number) => {
    const entry = times.get(`${what} ${targets}`) ?? { what, targets, ms: [] };
    entry.ms.push(ms);
    times.set(`${what} ${targets}`, entry);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const targets of sizes) {
      note(`round ${round + 1} of ${ROUNDS}: ${targets} targets`);
      const [upMs, lab] = await timed(() => runtime.up(planTopology({ targets, routers: 2 }), signal));
      take("up", targets, upMs);
      try {
        const [commandsMs] = await timed(async () => {
          for (let i = 0; i < COMMANDS; i++) await lab.host("vm-001").exec(["true"]);
        });
        take("a command", targets, commandsMs / COMMANDS);
      } finally {
        const [downMs] = await timed(() => lab[Symbol.asyncDispose]());
        take("down", targets, downMs);
      }
    }
  }
  return [...times.values()].map(({ ms, ...rest }) => ({ ...rest, medianMs: median(ms), repeats: ms.length }));
}

async function timed<T>(action: () => Promise<T>): Promise<[ms: number, value: T]> {
  const begin = performance.now();
  const value = await action();
  return [performance.now() - begin, value];
}
