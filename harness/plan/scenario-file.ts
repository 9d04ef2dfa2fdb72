// SPDX-License-Identifier: Apache-2.0
// Scenarios of files: JSON with comments. What does not fit is a sentence with its line.
import { readFileSync } from "node:fs";
import type { z } from "zod";
import type { Plan, Scenario, ScenarioOptions, Step } from "../api/scenario.ts";
import { EVENTS } from "../events/index.ts";
import { memberNoun } from "../events/meaning.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import { allCases, type Case, type Catalog, findCases, findNamed } from "./catalog.ts";
import { toRules } from "./flow-schema.ts";
import { parseOptions } from "./invalid.ts";
import { type Lines, parseJsonc } from "./jsonc.ts";
import { type RunOptions, runOptions } from "./options.ts";
import { readSeconds } from "./quantities.ts";
import { checkInUse } from "./scenario-in-use.ts";
import { type FileStep, type ScenarioFile, scenarioSchema, stepSchema } from "./scenario-schema.ts";

/** Of a file: its load and topology, as options that nobody gave. */
export interface FileScenario extends Scenario {
  defaults: Partial<RunOptions>;
  /** What the file holds, for the record. */
  content: ScenarioFile;
}

const isFile = (word: string) => /[./]/.test(word);

/** The scenario that a word names, or that its file holds; then the catalogue has it too. Throws UsageError. */
export function withScenario(catalog: Catalog, word: string): { catalog: Catalog; scenario: Scenario } {
  if (!isFile(word)) return { catalog, scenario: findNamed("scenario", catalog.scenarios, word) };
  let text: string;
  try {
    text = readFileSync(word, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read the scenario '${word}': ${systemReason(cause)}.`, { cause });
  }
  return withContent(catalog, parseJsonc(text, word), word);
}

/** The same of what a file holds. */
export function withContent(
  catalog: Catalog,
  lines: Lines,
  file: string,
): { catalog: Catalog; scenario: FileScenario } {
  const scenario = scenarioOf(lines, file, catalog.scenarios);
  const others = catalog.scenarios.filter(({ name }) => name !== scenario.name);
  return { catalog: { ...catalog, scenarios: [...others, scenario] }, scenario };
}

/** The cases that words name: where a scenario is given, a backend alone is its case in that scenario. */
export function casesIn(
  catalog: Catalog,
  words: readonly string[],
  scenario: string | undefined,
): { catalog: Catalog; cases: Case[]; of: Scenario | null } {
  if (scenario === undefined) return { catalog, cases: findCases(catalog, words), of: null };
  const found = withScenario(catalog, scenario);
  const all = allCases(found.catalog).filter((one) => one.scenario === found.scenario);
  const named = words.map((word) => all.find(({ backend }) => backend.name === word)?.name ?? word);
  return { catalog: found.catalog, cases: findCases(found.catalog, named), of: found.scenario };
}

/** What nobody gave has the file's value. */
export function withFileDefaults(
  options: RunOptions,
  scenario: Scenario | null,
  given: ReadonlyMap<string, string>,
): RunOptions {
  const { defaults = {} } = (scenario ?? {}) as Partial<FileScenario>;
  return { ...options, ...Object.fromEntries(Object.entries(defaults).filter(([key]) => !given.has(key))) };
}

function scenarioOf(lines: Lines, file: string, known: readonly Scenario[]): FileScenario {
  const wrong = (path: readonly PropertyKey[], text: string) =>
    new UsageError(`${file}, line ${lines.lineOf(path)}: ${text}`);
  const content = checked(lines, wrong);
  const { summary, topology, load = {}, set, needs, protocol, like, affinity } = content;
  const own = like === undefined ? undefined : known.find(({ name }) => name === like);
  if (like !== undefined && !own) throw wrong(["like"], `there is no scenario '${like}'.`);
  const defaults = defaultsOf(topology, load, wrong);
  return {
    name: content.name,
    summary,
    routers: Number(defaults.routers ?? 1),
    ...(affinity === undefined ? {} : { affinityS: readSeconds(affinity) }),
    ...judgedLike(own),
    ...(needs === undefined ? {} : { needs }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(set === undefined ? {} : { set }),
    defaults,
    content,
    plan: (options) => planOf(content, options, wrong),
  };
}

/** Of ours, what no file can say. */
const judgedLike = (own: Scenario | undefined): Pick<Scenario, "unfit" | "missing" | "without"> => ({
  ...(own?.without ? { without: own.without } : {}),
  ...(own?.unfit ? { unfit: (oracle, families) => own.unfit?.(oracle, families) ?? null } : {}),
  ...(own?.missing ? { missing: async () => (await own.missing?.()) ?? [] } : {}),
});

export type Wrong = (path: readonly PropertyKey[], text: string) => UsageError;

function checked({ value }: Lines, wrong: Wrong): ScenarioFile {
  const parsed = scenarioSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? (issues[0] as Issue);
  const [unknown] = issue.code === "unrecognized_keys" ? issue.keys : [];
  if (unknown !== undefined) throw wrong([...issue.path, unknown], unknownText(issue.path, unknown));
  const key = issue.path.at(-1);
  throw wrong(issue.path, `${typeof key === "string" ? `'${key}': ` : ""}${issueText(issue, value)}`);
}

type Issue = z.core.$ZodIssue;

function unknownText(path: Issue["path"], key: string): string {
  const shape = path[0] === "events" ? stepSchema.shape : path.length === 0 ? scenarioSchema.shape : {};
  return `there is no key '${key}' here.${didYouMean(key, Object.keys(shape))}`;
}

function issueText(issue: Issue, content: unknown): string {
  const value = issue.path.reduce<unknown>((inside, part) => (inside as Record<PropertyKey, unknown>)?.[part], content);
  if (value === undefined) return "it is missing.";
  return issue.code === "invalid_value" ? choicesText(value, issue.values.map(String)) : `${issue.message}.`;
}

function choicesText(value: unknown, names: readonly string[]): string {
  return `there is no '${String(value)}'.${didYouMean(String(value), names) || ` There are: ${[...names].sort().join(", ")}.`}`;
}

function defaultsOf(
  topology: ScenarioFile["topology"],
  load: Record<string, unknown>,
  wrong: Wrong,
): Partial<RunOptions> {
  const all: [path: readonly string[], value: unknown][] = [
    ...Object.entries(topology ?? {}).map(([key, value]) => [["topology", key], value] as [string[], unknown]),
    ...Object.entries(load).map(([key, value]) => [["load", key], value] as [string[], unknown]),
  ];
  return Object.fromEntries(
    all.map(([path, value]) => {
      const key = path.at(-1) as keyof RunOptions;
      if (!(key in runOptions.shape))
        throw wrong(path, `there is no option '${key}'.${didYouMean(key, Object.keys(runOptions.shape))}`);
      try {
        return [key, parseOptions(runOptions, { [key]: value }, (name) => `'${name}'`)[key]];
      } catch (error) {
        throw wrong(path, (error as Error).message);
      }
    }),
  );
}

function planOf(content: ScenarioFile, options: ScenarioOptions, wrong: Wrong): Plan {
  const { mode, visits, rate, size, silence, mtu, icmp, flows, frontSeed, paths } = content;
  const durationS = options.durationS ?? readSeconds(content.duration);
  const steps = stepsOf(content, options, wrong);
  const last = steps.at(-1);
  if (last && mode === "stream" && durationS <= last.step.atS)
    throw wrong(last.path, `the event at ${last.step.atS} s comes after the traffic, which lasts ${durationS} s.`);
  const out = numbersOf(content.out, options.targets, (i, text) => wrong(["out", i], text));
  // What becomes of clients without any target is what such a scenario asks.
  checkInUse(out, content.needs === "reject" ? [] : steps, options, wrong);
  return {
    mode,
    durationS,
    out,
    steps: steps.map(({ step }) => step),
    ...(visits === undefined ? {} : { visitsS: visits.map(readSeconds) }),
    ...(rate === undefined ? {} : { rate }),
    ...(size === undefined ? {} : { size }),
    ...(silence === undefined ? {} : { silenceS: readSeconds(silence) }),
    ...besides(content),
    ...(mtu === undefined ? {} : { squeezeMtu: mtu }),
    ...(flows === undefined
      ? {}
      : { flows: toRules(flows, options.targets, (path, text) => wrong(["flows", ...path], text)) }),
    ...(icmp === undefined ? {} : { icmpDropped: true as const }),
    ...(paths === undefined ? {} : { paths }),
    ...(frontSeed === undefined ? {} : { front: { seed: frontSeed } }),
  };
}

/** What comes beside the connections that last. */
function besides({ direct, probes, sameTuple, flood, attack }: ScenarioFile) {
  return {
    ...(direct === undefined ? {} : { directS: readSeconds(direct) }),
    ...(probes === undefined ? {} : { arrivals: probes }),
    ...(sameTuple ? { sameTuple } : {}),
    ...(attack === undefined ? {} : { attack }),
    ...(flood === undefined ? {} : { flood: { fromS: readSeconds(flood.from), untilS: readSeconds(flood.until) } }),
  };
}

export interface Placed {
  step: Step;
  path: readonly PropertyKey[];
}

/** In the order of their times, each after the one before; those that repeat may come between others. */
function stepsOf({ events }: ScenarioFile, options: ScenarioOptions, wrong: Wrong): Placed[] {
  let beforeS = 0;
  const all = events.flatMap((event, i) => {
    const path = ["events", i] as const;
    const atS = readSeconds(event.at);
    if (atS <= beforeS && i > 0)
      throw wrong([...path, "at"], `${atS} s is in the past: the event before is at ${beforeS} s.`);
    if (atS <= 0) throw wrong([...path, "at"], "an event must come after the traffic began.");
    beforeS = atS;
    const step = stepOf(event, options, (key, text) => wrong([...path, key], text));
    const everyS = event.every === undefined ? 0 : readSeconds(event.every);
    if ((event.times ?? 1) > 1 && everyS <= 0) throw wrong([...path, "times"], "'times' needs 'every'.");
    return Array.from(
      { length: event.times ?? 1 },
      (_, k): Placed => ({ step: { ...step, atS: atS + k * everyS }, path }),
    );
  });
  all.sort((a, b) => a.step.atS - b.step.atS);
  const twice = all.find(({ step }, i) => step.atS === all[i - 1]?.step.atS);
  if (twice) throw wrong([...twice.path, "at"], `two events come at ${twice.step.atS} s.`);
  return all;
}

function stepOf(
  event: FileStep,
  { targets, routers }: ScenarioOptions,
  wrong: (key: string, text: string) => UsageError,
): Step {
  const definition = EVENTS[event.event];
  const noun = memberNoun(definition);
  const other = noun === "target" ? event.routers : event.targets;
  if (other) throw wrong(noun === "target" ? "routers" : "targets", `'${event.event}' is about ${noun}s.`);
  const members = (noun === "target" ? event.targets : event.routers) ?? Object.keys(event.weights ?? {}).map(memberOf);
  const numbers = numbersOf(members, noun === "target" ? targets : routers, (_, text) => wrong(`${noun}s`, text), noun);
  if (numbers.length === 0) throw wrong("event", `'${event.event}' names no ${noun}.`);
  return { atS: 0, event: definition, members: numbers, ...changesOf(event, targets, wrong) };
}

function changesOf(
  { event, weights, flows }: FileStep,
  targets: number,
  wrong: (key: string, text: string) => UsageError,
): Pick<Step, "weights" | "flows"> {
  if (event === "weights" && !weights) throw wrong("event", "an event 'weights' says 'weights'.");
  if ((event === "reconfigure") !== (flows !== undefined))
    throw wrong("event", "an event 'reconfigure' says 'flows', and no other does.");
  return {
    ...(weights ? { weights: weightsOf(weights, targets, (text) => wrong("weights", text)) } : {}),
    ...(flows ? { flows: toRules(flows, targets, (_, text) => wrong("flows", text)) } : {}),
  };
}

function weightsOf(
  by: Readonly<Record<string, number>>,
  targets: number,
  wrong: (text: string) => UsageError,
): number[] {
  const weights = Array<number>(targets).fill(1);
  for (const [key, weight] of Object.entries(by)) {
    const [number = 0] = numbersOf([memberOf(key)], targets, (_, text) => wrong(text));
    weights[number - 1] = weight;
  }
  return weights;
}

const memberOf = (key: string): number | string => (/^\d+$/.test(key) ? Number(key) : key);

/** "vm-003" and 3 are the third target; "vm-201" is the first router. */
function numbersOf(
  members: readonly (number | string)[],
  most: number,
  wrong: (i: number, text: string) => UsageError,
  noun: "target" | "router" = "target",
): number[] {
  return members.map((member, i) => {
    const number = typeof member === "number" ? member : Number(member.slice(3)) - (noun === "router" ? 200 : 0);
    if (number >= 1 && number <= most) return number;
    throw wrong(i, `there is no ${noun} '${member}': there are ${most}.`);
  });
}
