// npx tsx harness/bench.ts [netns|docker]: what the lab itself costs. Medians of interleaved rounds; nothing here is a test.
import { docker } from "./runtime/docker.ts";
import { netns } from "./runtime/netns.ts";
import { planTopology } from "./topology/topology.ts";

const ROUNDS = 5;
const runtime = process.argv[2] === "docker" ? docker : netns;
const SIZES = runtime === docker ? [10] : [10, 100, 250];
const COMMANDS = 100;

async function timed<T>(action: () => Promise<T>): Promise<[ms: number, value: T]> {
  const begin = performance.now();
  const value = await action();
  return [performance.now() - begin, value];
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const results = new Map<string, number[]>();
const note = (name: string, ms: number) => results.set(name, [...(results.get(name) ?? []), ms]);

for (let round = 0; round < ROUNDS; round++) {
  for (const targets of SIZES) {
    const [upMs, lab] = await timed(() =>
      runtime.up(planTopology({ targets, routers: 2 }), new AbortController().signal),
    );
    note(`${targets} targets up`, upMs);
    const [commandsMs] = await timed(async () => {
      for (let i = 0; i < COMMANDS; i++) await lab.host("vm-001").exec(["true"]);
    });
    note(`a command, ${targets} targets`, commandsMs / COMMANDS);
    const [downMs] = await timed(() => lab[Symbol.asyncDispose]());
    note(`${targets} targets down`, downMs);
  }
}
for (const [name, values] of results)
  process.stdout.write(`${name.padEnd(26)} ${median(values).toFixed(1).padStart(8)} ms\n`);
