// SPDX-License-Identifier: Apache-2.0
// Backends from outside of the repository: a file that default-exports a function from the kit to a backend.
import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Backend, BackendOptions } from "../api/backend.ts";
import { definedOptions } from "../api/define.ts";
import { type BackendKit, kit } from "../api/kit.ts";
import { registerStrategy, strategyName } from "../oracle/strategies/registry.ts";
import { UsageError } from "../util/errors.ts";
import { importDefault } from "../util/import-file.ts";

/** Of one from outside. */
export const BACKEND_NAME = /^[a-z][a-z0-9-]*$/;

const action = z.custom<() => unknown>((value) => typeof value === "function", "it must be a function");
const zodObject = z.custom((value) => value instanceof z.ZodObject, "it must be an object schema of the kit's z");
/** What `defineBackend` makes, and what was written by hand before there was one. */
const shape = z.object({
  name: z.string().regex(BACKEND_NAME, "small letters, digits and '-' only"),
  summary: z.string(),
  options: zodObject,
  missing: action,
  deploy: action,
  oracle: action,
  effectiveOptions: action.optional(),
  accounts: z.literal(false, "it may be left out, or false").optional(),
  strategies: z
    .array(z.object({ schema: zodObject, hash: action, state: action, pick: action, shares: action }))
    .optional(),
});

/** By hand, some methods could be left out, and device files were a method of their own. */
type ByHand = Pick<Backend, "name" | "summary" | "options" | "missing" | "deploy" | "oracle"> &
  Partial<Backend> & { devices?(options: BackendOptions): readonly string[] };

/** The registry's backends and those in the files. Throws UsageError when a file does not define a backend. */
export async function withOutside(backends: readonly Backend[], files: readonly string[]): Promise<Backend[]> {
  const all = [...backends];
  for (const file of files) {
    const backend = await load(file);
    if (all.some(({ name }) => name === backend.name))
      throw new UsageError(`Cannot use '${file}': a backend '${backend.name}' exists. Choose another name.`);
    all.push(backend);
  }
  return all;
}

async function load(file: string): Promise<Backend> {
  if (!existsSync(file)) throw new UsageError(`Cannot use '${file}' as a backend: no such file.`);
  let made: unknown;
  try {
    made = ((await importDefault(path.resolve(file))) as (kit: BackendKit) => unknown)(kit);
  } catch (cause) {
    throw new UsageError(
      `Cannot use '${file}' as a backend: ${(cause as Error).message}. It must default-export a function of the kit; images/example/ecmp.ts is an example.`,
      { cause },
    );
  }
  const checked = shape.safeParse(made);
  if (checked.success) return withStrategies(complete(made as ByHand), file);
  const [issue] = checked.error.issues;
  throw new UsageError(
    `The backend in '${file}' does not fit: '${issue?.path.join(".")}': ${issue?.message}. Use defineBackend() of the kit.`,
  );
}

/** What the file brings along besides, from now on known to all. */
function withStrategies(backend: Backend, file: string): Backend {
  for (const strategy of backend.strategies ?? []) {
    const name = strategyName(strategy);
    if (!name.startsWith(`${backend.name}/`))
      throw new UsageError(
        `Cannot use '${file}': its strategy '${name}' must have the backend's name as prefix: '${backend.name}/${name}'.`,
      );
    registerStrategy(strategy);
  }
  return backend;
}

function complete(backend: ByHand): Backend {
  const requires = (options: BackendOptions) => ({
    devices: (backend.devices?.(options) ?? []).map((file) => ({ file, remedy: "It must be on this machine." })),
  });
  return { requires, tracks: () => false, effectiveOptions: definedOptions, ...backend };
}
