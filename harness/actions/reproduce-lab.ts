// SPDX-License-Identifier: Apache-2.0
// Published figures that are measured: cases in labs, and interleaved rounds as `bench` has them.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Contender, runRounds } from "../bench/rounds.ts";
import type { Context } from "../cli/command.ts";
import type { ReproduceArgs } from "../commands/reproduce.ts";
import { describeHost } from "../host/describe.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { findNamed } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { casesIn, withFileDefaults } from "../plan/scenario-file.ts";
import type { Summary } from "../record/schema.ts";
import { type Figure, type Judged, judge, type LabCase, type Reproduced } from "../reproduce/figure.ts";
import { CONTENDERS, SLIDE_METRICS, slideRatios } from "../reproduce/slides.ts";
import { planCase, runOne, say } from "../run/planned-case.ts";
import { Sessions } from "../run/runtimes.ts";

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

const SCENARIOS = fileURLToPath(new URL("../../scenarios/", import.meta.url));
const ATTEMPTS = 3;

/** Runs each case once, whichever figures need it. */
export class LabCases implements AsyncDisposable {
  readonly #made = new Map<string, Promise<Summary>>();
  readonly #sessions: Sessions;
  readonly #context: Context;
  readonly #out: string;

  constructor({ out }: Pick<ReproduceArgs, "out">, context: Context) {
    this.#context = context;
    this.#out = path.resolve(out);
    this.#sessions = new Sessions(context.signal, say);
  }

  async measure(figure: Judged & Pick<Figure, "lab">): Promise<Reproduced["real"]> {
    if (typeof figure.lab === "string") return { none: figure.lab };
    const { cases, of, differs } = figure.lab;
    const summaries: Summary[] = [];
    for (const one of cases) {
      const summary = await this.#summaryOf(one);
      if (!["pass", "unjudged"].includes(summary.verdict))
        return { skipped: `${one.backend} in '${one.scenario}': ${summary.verdict}: ${summary.reasons.join(" ")}` };
      summaries.push(summary);
    }
    return judge({ ...figure, ...(differs ? { differs } : {}) }, of(summaries));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]();
  }

  #summaryOf(one: LabCase): Promise<Summary> {
    const key = JSON.stringify(one);
    const made = this.#made.get(key) ?? this.#run(one);
    this.#made.set(key, made);
    return made;
  }

  async #run({ backend, scenario, options, set = [], isGuest }: LabCase): Promise<Summary> {
    const { catalog, signal, commandLine, variables } = this.#context;
    const word = scenario.endsWith(".json") ? path.join(SCENARIOS, scenario) : scenario;
    const { cases, of } = casesIn(catalog, [backend], word);
    const [found] = cases;
    if (!found) throw new Error(`There is no case for '${backend}' in '${scenario}'.`);
    const given = new Map(Object.keys(options).map((key) => [key, "figure"]));
    const parsed = withFileDefaults(parseOptions(runOptions, options), of, given);
    const guest = findNamed("runtime", catalog.runtimes, isGuest ? "vm" : "netns");
    const chosen = await this.#sessions.of(isGuest ? guest.configured({ time: "virtual" }) : guest, 1);
    const plan = planCase(found, parsed, set, chosen.session?.prepared.capacity);
    const host = await describeHost(variables);
    const settings = { out: this.#out, commandLine, stop: true, reporter: [] };
    for (let attempt = 1; ; attempt++) {
      const { summary } = (await runOne(plan, chosen, settings, { host, signal, attempt })).data;
      if (summary.verdict !== "insufficient" || attempt === ATTEMPTS || signal.aborted) return summary;
    }
  }
}
