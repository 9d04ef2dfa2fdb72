// SPDX-License-Identifier: Apache-2.0
// Strategies without a backend, as backends that can be simulated only.
import { z } from "zod";
import type { Backend } from "../api/backend.ts";
import { defineBackend } from "../api/define.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import { simulations } from "../oracle/simulation.ts";
import { strategies } from "../oracle/strategies/registry.ts";
import type { Catalog } from "../plan/catalog.ts";
import { LabError } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { isPrime } from "../util/prime.ts";

const SLOTS = 65_537;

const common = {
  M: z.coerce.number().int().min(2).max(1_048_573).default(SLOTS).describe("slots of its table, or points of its ring"),
  hashSeed: z.coerce.number().int().min(0).max(0xffffffff).default(1).describe("seed of the hash"),
};

/** The catalogue with a backend for each strategy whose name no backend has. */
export function withStrategies<C extends Pick<Catalog, "backends">>(catalog: C): C {
  const names = new Set(catalog.backends.map(({ name }) => name));
  const more = [...simulations().keys()].filter((name) => !names.has(name)).map(theoretical);
  return { ...catalog, backends: [...catalog.backends, ...more] };
}

function theoretical(name: string): Backend {
  const simulation = simulations().get(name) as NonNullable<ReturnType<typeof find>>;
  const { prime, options } = simulation;
  const hasWeights = "weights" in (strategies().get(name)?.schema.shape ?? {});
  const specOf = ({ M, hashSeed, ...more }: Given, targets: number) => {
    if (prime && !isPrime(M)) throw new UsageError(`M must be a prime for ${name}: ${M} is not.`);
    if (M < targets) throw new UsageError(`A table of ${M} slots has no room for ${targets} targets.`);
    return simulation.spec(M, hashSeed, targets, more) as OracleSpec;
  };
  return defineBackend({
    name,
    summary: `the strategy alone, which can be simulated only`,
    options: z.strictObject({ ...common, ...options?.shape }),
    oracle: (given, targets) => specOf(given as Given, targets),
    ...(hasWeights ? { reweighs: () => null } : {}),
    router() {
      throw new LabError(`'${name}' is a strategy that no balancer here has: it can be simulated only.`);
    },
  });
}

const find = (name: string) => simulations().get(name);

type Given = { M: number; hashSeed: number } & Record<string, unknown>;
