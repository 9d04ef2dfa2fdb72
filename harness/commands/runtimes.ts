// SPDX-License-Identifier: Apache-2.0
// Which runtime a run gets: the one that was named, that of a kernel, or, when nothing was said, one that can.
import type { Backend } from "../api/backend.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { runtimeWithCapabilities, runtimeWithImages } from "../plan/options.ts";
import { MANY } from "../plan/plan-run.ts";
import type { Prepared, Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { measureCapacity } from "../traffic/capacity.ts";
import { UsageError } from "../util/errors.ts";

/** The words of --runtime, --kernel, --image and --capability as they were given. */
export interface RuntimeWords {
  /** undefined: nothing was said. */
  runtime: string | undefined;
  /** "a,b,c" are several; "host" is this machine's own, in the netns runtime. */
  kernel: string | undefined;
  images: readonly string[];
  capabilities: readonly string[];
}

const DEFAULT_RUNTIME = "netns";
/** Two seconds' worth, or so. */
const CALIBRATION_CONNECTIONS = 20_000;
const CALIBRATIONS = 3;

/** A runtime, and what it made ready; null: nothing had to be. */
export interface Chosen {
  runtime: Runtime;
  prepared: Prepared | null;
}

/** One runtime for each kernel that was asked for, else one. Throws UsageError when the words do not fit together. */
export function chosenRuntimes(catalog: Catalog, words: RuntimeWords): Runtime[] {
  const named = words.runtime === undefined ? null : findNamed("runtime", catalog.runtimes, words.runtime);
  const kernels = kernelWords(words.kernel);
  const dressed = (runtime: Runtime) =>
    runtimeWithCapabilities(runtimeWithImages(runtime, words.images), words.capabilities);
  if (kernels.length === 0) return [dressed(named ?? findNamed("runtime", catalog.runtimes, DEFAULT_RUNTIME))];
  const withKernel = named ?? catalog.runtimes.find((runtime) => "withKernel" in runtime);
  if (!withKernel?.withKernel)
    throw new UsageError(
      `Machines of the ${named?.name ?? "netns"} runtime have this machine's kernel: --kernel needs --runtime vm.`,
    );
  return kernels.map((kernel) =>
    kernel === "host"
      ? findNamed("runtime", catalog.runtimes, DEFAULT_RUNTIME)
      : dressed(withKernel.withKernel?.(kernel) ?? withKernel),
  );
}

/** For what takes one kernel. Throws UsageError when several were named. */
export function oneRuntime(catalog: Catalog, words: RuntimeWords): Runtime {
  const [runtime, ...more] = chosenRuntimes(catalog, words);
  if (!runtime || more.length > 0) throw new UsageError("Several kernels at once go with 'test' only.");
  return runtime;
}

/** As xcluster names them, "linux-6.1" is a version too. */
export function kernelWords(text: string | undefined): string[] {
  const words = (text ?? "").split(",").map((word) => word.trim());
  if (text !== undefined && words.includes(""))
    throw new UsageError(`'--kernel ${text}' does not fit: name a kernel, or several with a comma between them.`);
  return [...new Set(words)].map((word) => word.replace(/^(linux-)?(\d+\.\d[\w.~+-]*)$/, "debian:$2")).filter(Boolean);
}

/** When nothing was said about it and this machine's kernel lacks what the backend needs: a runtime with another kernel, if it can. */
export async function fallbackRuntime(
  catalog: Catalog,
  words: RuntimeWords,
  chosen: Runtime,
  backend: Backend,
  note: (text: string) => void,
): Promise<Runtime> {
  if (
    words.runtime !== undefined ||
    words.kernel !== undefined ||
    words.images.length > 0 ||
    words.capabilities.length > 0
  )
    return chosen;
  const gaps = await backend.missing(chosen);
  const other = catalog.runtimes.find((runtime) => "withKernel" in runtime);
  if (gaps.length === 0 || !other || (await other.missing()).length > 0) return chosen;
  note(`${gaps[0]} So '${backend.name}' runs in a virtual machine with another kernel (--runtime vm).`);
  return other;
}

/**
 * What the runtime fetches and makes before anything is planned, and how fast this machine is where that many connections need to
 * know; nothing when it cannot run anyway.
 */
export async function prepareRuntime(
  runtime: Runtime,
  connections: number,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<Chosen> {
  if ((await runtime.missing()).length > 0) return { runtime, prepared: null };
  if (runtime.prepare) return { runtime, prepared: await runtime.prepare(signal, note) };
  if (connections <= MANY) return { runtime, prepared: null };
  note("measuring how many connections a second this machine makes");
  const lab = await runtime.up(planTopology({ targets: 1, routers: 1 }), signal, note);
  try {
    return {
      runtime,
      prepared: { capacity: { ...(await measureCapacity(lab, CALIBRATION_CONNECTIONS, CALIBRATIONS)), own: true } },
    };
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}
