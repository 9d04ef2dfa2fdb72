// SPDX-License-Identifier: Apache-2.0
// Which runtime a run gets: the one that was named, that of a kernel, or, when nothing was said, one that can.
import type { Backend } from "../api/backend.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { invalid, parseOptions } from "../plan/invalid.ts";
import { MANY } from "../plan/plan-run.ts";
import type { Protocol } from "../record/schema.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { measureCapacity } from "../traffic/capacity.ts";
import { sctpMissing } from "../traffic/sctp.ts";
import { UsageError } from "../util/errors.ts";

/** --runtime, --kernel, --accel, --time, --image, --capability and --place. */
export interface RuntimeWords {
  /** undefined: nothing was said. */
  runtime?: string | undefined;
  /** "a,b,c" are several; "host" is this machine's own, in the netns runtime. */
  kernel?: string | undefined;
  accel?: "kvm" | "tcg" | undefined;
  time?: "virtual" | "real" | undefined;
  image: readonly string[];
  capability: readonly string[];
  place?: readonly string[];
}

/** Two seconds' worth, or so. */
const CALIBRATION_CONNECTIONS = 20_000;
const CALIBRATIONS = 3;

const VIRTUAL =
  "Virtual time: verdicts are exact however busy this machine is; latencies are those of a machine of 1000 MIPS.";

/** A runtime that was asked for, and its session; null: it cannot run here. */
export interface Chosen {
  runtime: Runtime;
  session: Session | null;
  /** Before a lab of its own: ends what other runtimes' labs have left. */
  clearOthers(): Promise<void>;
}

/** One runtime for each kernel that was asked for, else one. Throws UsageError when the words do not fit together. */
export function chosenRuntimes(catalog: Catalog, words: RuntimeWords): Runtime[] {
  const named = words.runtime === undefined ? null : findNamed("runtime", catalog.runtimes, words.runtime);
  const kernels = kernelWords(words.kernel);
  const given = {
    ...(words.image.length > 0 ? { image: words.image } : {}),
    ...(words.capability.length > 0 ? { capability: words.capability } : {}),
    ...(words.place && words.place.length > 0 ? { place: words.place } : {}),
    ...(words.accel === undefined ? {} : { accel: words.accel }),
    ...(words.time === undefined ? {} : { time: words.time }),
  };
  const isOfGuests = words.accel !== undefined || words.time === "virtual";
  const ofGuests = isOfGuests ? catalog.runtimes.find(({ options }) => "time" in options.shape) : undefined;
  if (kernels.length === 0) return [configure(catalog, named ?? ofGuests ?? defaultRuntime(catalog), given)];
  const withKernel = named ?? catalog.runtimes.find(({ options }) => "kernel" in options.shape);
  return kernels.map((kernel) =>
    kernel === "host"
      ? defaultRuntime(catalog)
      : configure(catalog, withKernel ?? defaultRuntime(catalog), { ...given, kernel }),
  );
}

/** The first of the catalogue. */
function defaultRuntime({ runtimes: [first] }: Catalog): Runtime {
  if (!first) throw new UsageError("There is no runtime.");
  return first;
}

function configure({ runtimes }: Catalog, runtime: Runtime, words: Record<string, unknown>): Runtime {
  // All have real time.
  const { time, ...others } = words;
  const given = time === "real" && !("time" in runtime.options.shape) ? others : words;
  for (const key of Object.keys(given)) {
    if (key in runtime.options.shape) continue;
    const having = runtimes.flatMap(({ name, options }) => (key in options.shape ? [`--runtime ${name}`] : []));
    throw new UsageError(
      `--${key}${key === "time" ? " virtual" : ""} needs ${having.join(" or ")}: the ${runtime.name} runtime has no such option.`,
    );
  }
  if (Object.keys(given).length === 0) return runtime;
  // For its sentence about what does not fit.
  parseOptions(runtime.options, given);
  return { ...runtime.configured(given), given };
}

/** For what takes one kernel. Throws UsageError when several were named. */
export function oneRuntime(catalog: Catalog, words: RuntimeWords): Runtime {
  const [runtime, ...more] = chosenRuntimes(catalog, words);
  if (!runtime || more.length > 0) throw new UsageError("Only 'test' takes several kernels.");
  return runtime;
}

/** As xcluster names them, "linux-6.1" is a version too. */
export function kernelWords(text: string | undefined): string[] {
  const words = (text ?? "").split(",").map((word) => word.trim());
  if (text !== undefined && words.includes(""))
    throw new UsageError(invalid(text, "--kernel", "expected one kernel, or several separated by commas"));
  return [...new Set(words)].map((word) => word.replace(/^(linux-)?(\d+\.\d[\w.~+-]*)$/, "debian:$2")).filter(Boolean);
}

/** What is to run, and where it would. */
interface Wanted {
  chosen: Runtime;
  backend: Backend;
  set?: readonly string[];
  protocol?: Protocol;
}

/** When nothing was said about it and this machine's kernel lacks what the backend or the traffic needs: a runtime with another kernel, if it can. */
export async function fallbackRuntime(
  catalog: Catalog,
  words: RuntimeWords,
  { chosen, backend, set = [], protocol = "tcp" }: Wanted,
  note: (text: string) => void,
): Promise<Runtime> {
  if (
    words.runtime !== undefined ||
    words.kernel !== undefined ||
    words.image.length > 0 ||
    words.capability.length > 0
  )
    return chosen;
  const options = parseBackendOptions(backend, set);
  if (backend.asks?.(options)) return chosen;
  const gaps = [...(await backend.missing(chosen, options)), ...(await sctpMissing(protocol, chosen))];
  const other = catalog.runtimes.find(({ traits }) => traits.kernel === "chosen");
  if (gaps.length === 0 || !other || (await other.missing()).length > 0) return chosen;
  note(`${gaps[0]} So '${backend.name}' runs with another kernel (--runtime ${other.name}).`);
  return words.time === undefined ? other : other.configured({ time: words.time });
}

type Alone = <T>(action: () => Promise<T>) => Promise<T>;

/** The sessions of one command. What one of them keeps for its next lab would only disturb a lab of another. */
export class Sessions implements AsyncDisposable {
  readonly #ready = new Map<Runtime, Chosen>();
  readonly #signal: AbortSignal;
  readonly #note: (text: string) => void;
  readonly #alone: Alone;
  /** What virtual time means, once. */
  #told = false;

  /** `alone`: while no run is under way, whose lab would be ended, or disturb what is measured. */
  constructor(signal: AbortSignal, note: (text: string) => void, alone: Alone = (action) => action()) {
    this.#signal = signal;
    this.#note = note;
    this.#alone = alone;
  }

  /** The runtime's session, with how fast this machine is where so many connections need to know. Throws as `Runtime.prepare` does. */
  async of(runtime: Runtime, connections: number): Promise<Chosen> {
    const known = this.#ready.get(runtime);
    if (known) return known;
    const cannot = (await runtime.missing()).length > 0;
    const clearOthers = () => this.#clearOthers(runtime);
    const session = await this.#alone(async () => {
      await clearOthers();
      return cannot ? null : await this.#prepare(runtime, connections);
    });
    const chosen = { runtime, session, clearOthers };
    this.#ready.set(runtime, chosen);
    return chosen;
  }

  async #prepare(runtime: Runtime, connections: number): Promise<Session> {
    const session = await runtime.prepare(this.#signal, this.#note);
    if (session.clock.isVirtual && !this.#told) this.#note(VIRTUAL);
    this.#told ||= session.clock.isVirtual;
    if (session.prepared.capacity || connections <= MANY) return session;
    this.#note("measuring the connection rate of this machine");
    await using lab = await session.up(planTopology({ targets: 1, routers: 1 }), this.#signal, this.#note);
    const measured = await measureCapacity(lab, CALIBRATION_CONNECTIONS, CALIBRATIONS);
    return { ...session, prepared: { ...session.prepared, capacity: { ...measured, own: true } } };
  }

  async #clearOthers(runtime: Runtime): Promise<void> {
    for (const [other, { session }] of this.#ready) if (other !== runtime) await session?.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.#ready.values()) await session?.[Symbol.asyncDispose]();
    this.#ready.clear();
  }
}
