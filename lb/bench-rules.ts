// SPDX-License-Identifier: Apache-2.0
// How long rules for 10 to 1000 targets take: `npm run bench:rules [backend...] [key=value...]`. The targets themselves are not needed for
// that, so the lab has a router and a tester only. Median of five, on one router, both families; Markdown on stdout.

import { planTopology } from "../harness/api/index.ts";
import { median, netns, parseBackendOptions } from "../harness/testing/lab.ts";
import { backends } from "./index.ts";

const SIZES = [10, 100, 250, 1000] as const;
const TIMES = 5;

/** Options for each backend that is measured. */
const words = process.argv.slice(2).filter((word) => word.includes("="));

const timed = async (action: () => Promise<unknown>) => {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
};

async function measure(backend: (typeof backends)[number], targets: number): Promise<string> {
  const options = parseBackendOptions(backend, words);
  try {
    backend.effectiveOptions(options, targets);
  } catch (error) {
    return (error as Error).message;
  }
  const plan = planTopology({ targets, routers: 1 });
  const topology = { ...plan, machines: [...plan.routers, plan.tester] };
  const all = plan.targets.map((_, i) => i);
  const [deployMs, leaveMs]: [number[], number[]] = [[], []];
  for (let i = 0; i < TIMES; i++) {
    const lab = await netns.up(topology, new AbortController().signal);
    try {
      let balancer: Awaited<ReturnType<typeof backend.deploy>> | undefined;
      deployMs.push(
        await timed(async () => {
          balancer = await backend.deploy(lab, options, all);
        }),
      );
      leaveMs.push(await timed(async () => balancer?.setTargets(all.slice(1))));
      await balancer?.[Symbol.asyncDispose]();
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  }
  return `${median(deployMs).toFixed(0)} / ${median(leaveMs).toFixed(0)} ms`;
}

const names = process.argv.slice(2).filter((word) => !word.includes("="));
process.stdout.write(
  `| backend: deploy / a target leaves | ${SIZES.join(" | ")} |\n| --- |${" --- |".repeat(SIZES.length)}\n`,
);
for (const backend of backends.filter((b) => names.length === 0 || names.includes(b.name))) {
  const cells: string[] = [];
  for (const size of SIZES) cells.push(await measure(backend, size));
  process.stdout.write(`| \`${backend.name}\` | ${cells.join(" | ")} |\n`);
}
