// SPDX-License-Identifier: Apache-2.0
// Published figures that are measured: interleaved rounds in labs, as `bench` has them.
import { type Contender, runRounds } from "../bench/rounds.ts";
import type { Context } from "../cli/command.ts";
import type { ReproduceArgs } from "../commands/reproduce.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { findNamed } from "../plan/catalog.ts";
import type { Reproduced } from "../reproduce/figure.ts";
import { CONTENDERS, SLIDE_METRICS, slideRatios } from "../reproduce/slides.ts";

const TARGETS = 4;
/** Of each measurement. */
const SECONDS = 1;

/** The slides' table; empty where this machine lacks what it takes, which is said. */
export async function measureSlides({ repeat }: ReproduceArgs, { catalog, signal }: Context): Promise<Reproduced[]> {
  const note = (text: string) => process.stderr.write(`${text}\n`);
  const runtime = findNamed("runtime", catalog.runtimes, "netns");
  const gaps = await runtime.missing();
  for (const why of gaps) note(`SKIP ${why}`);
  if (gaps.length > 0) return [];
  const contenders: Contender[] = [];
  for (const [name, { backend: which, set }] of Object.entries(CONTENDERS)) {
    const backend = findNamed("backend", catalog.backends, which);
    const options = parseBackendOptions(backend, set);
    const missing = await backend.missing(runtime, options);
    for (const why of missing) note(`SKIP ${name}: ${why}`);
    if (missing.length === 0) contenders.push({ backend: { ...backend, name }, options });
  }
  const { measurements, failures } = await runRounds(
    {
      contenders,
      runtime,
      metrics: SLIDE_METRICS,
      settings: [{ value: null, targets: TARGETS, held: 0, services: 0 }],
      family: 4,
      repeats: repeat,
      seconds: SECONDS,
      seed: 1,
      references: false,
    },
    signal,
    note,
  );
  for (const { backend, round, what, sentence } of failures)
    note(`${backend}, round ${round + 1}, ${what}: ${sentence}`);
  return slideRatios(measurements);
}
