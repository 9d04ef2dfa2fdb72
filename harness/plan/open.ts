// SPDX-License-Identifier: Apache-2.0
// --arrivals: from words to connections that come and go by a plan.
import type { Plan } from "../api/scenario.ts";
import { isRouterDeath } from "../events/meaning.ts";
import type { Family } from "../record/schema.ts";
import { type Lifetimes, numbersOf, readLifetimes } from "../traffic/lifetimes.ts";
import { drawPlans, livingOf, type Open } from "../traffic/open.ts";
import { UsageError } from "../util/errors.ts";
import type { RunOptions } from "./options.ts";
import { readNumber } from "./quantities.ts";

const MOST_PER_S = 1_000_000;
const MOST_CONNECTIONS = 10_000_000;
/** As many messages a second, and no more than one of each connection, where nothing is said. */
const MESSAGES_PER_S = 10_000;

/** null: connections last. Throws UsageError where they cannot come and go. */
export function openOf(name: string, options: RunOptions, plan: Plan, families: readonly Family[]): Open | null {
  const { arrivals, seed } = options;
  if (arrivals === undefined) return null;
  checkPlan(name, options, plan);
  const { durationS } = plan;
  const firstS = plan.steps[0]?.atS ?? durationS;
  const warmUpS = options.warmUp ?? firstS / 2;
  if (warmUpS > firstS)
    throw new UsageError(`--warm-up ${warmUpS} must be over when the first event comes, at ${firstS} s.`);
  const perS = arrivalsOf(arrivals);
  if (typeof perS === "number" && perS * durationS > MOST_CONNECTIONS)
    throw new UsageError(
      `--arrivals ${perS} for ${durationS} s are more than ${MOST_CONNECTIONS} connections. Try a shorter --duration.`,
    );
  const plans = drawPlans({
    arrivals: perS,
    lifetimes: lifetimesOf(options),
    durationS,
    families,
    seed,
  });
  if (plans.some(({ startUs }) => startUs.length === 0))
    throw new UsageError(`--arrivals ${arrivals} brings no connection of some family within ${durationS} s. Try more.`);
  const { peak, mean } = livingOf(plans, durationS);
  const everyS = options.requests === undefined ? intervalS(options, mean) : thinkOf(options);
  const intervalUs = Math.max(1, Math.floor(everyS * 1e6));
  return { plans, peak, warmUpS, intervalUs, rate: Math.ceil((mean * 1e6) / intervalUs) };
}

const intervalS = ({ think, rate }: RunOptions, living: number) =>
  think ?? (rate === undefined ? Math.max(1, living / MESSAGES_PER_S) : living / rate);

/** The first message comes with the connection, and the last one ends it. */
function lifetimesOf({ lifetimes, requests, ...options }: RunOptions): Lifetimes {
  if (requests === undefined) return readLifetimes(lifetimes ?? "exp:5s");
  return () => (requests - 1) * thinkOf(options);
}

const THINK_S = 1;
const thinkOf = ({ think }: Pick<RunOptions, "think">) => think ?? THINK_S;

function arrivalsOf(words: string): number | readonly number[] {
  const perS = readNumber(words);
  if (perS > 0 && perS <= MOST_PER_S) return perS;
  const expected = `a number up to ${MOST_PER_S} (connections per second), or a file of seconds`;
  if (!Number.isNaN(perS)) throw new UsageError(`Invalid value '${words}' for --arrivals: expected ${expected}.`);
  const rows = numbersOf(words, "--arrivals", expected);
  let before = 0;
  return rows.map(({ line, values: [s = 0] }) => {
    if (s < before) throw new UsageError(`${words}, line ${line}: times must rise, and ${s} comes after ${before}.`);
    before = s;
    return s;
  });
}

/** Throws UsageError. */
function checkPlan(name: string, { think, rate, sameTuple, requests, lifetimes }: RunOptions, plan: Plan): void {
  const lasting = plan.mode !== "stream" || plan.silenceS !== undefined || plan.directS !== undefined;
  const dies = plan.steps.some(({ event }) => isRouterDeath(event));
  if (lasting || dies || plan.arrivals !== undefined || plan.squeezeMtu !== undefined)
    throw new UsageError(`'${name}' has a load of its own, and takes no --arrivals. Try 'rolling'.`);
  if (think !== undefined && rate !== undefined)
    throw new UsageError("--think and --rate both say how often connections send: give one of them.");
  if (requests !== undefined && (lifetimes !== undefined || rate !== undefined))
    throw new UsageError(
      "--requests with --think says how long connections live: it takes no --lifetimes and no --rate.",
    );
  if (sameTuple) throw new UsageError("Connections of --arrivals are never opened again: --same-tuple says nothing.");
}
