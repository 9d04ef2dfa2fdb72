// SPDX-License-Identifier: Apache-2.0
// Ports of backends: which one of several a connection gets. Pure.

import type { Backend } from "./grammar.ts";
import { CONNECTION } from "./memory.ts";
import { isStateless, type Target } from "./services.ts";
import { fieldsOf, fitting, hex, type Place } from "./words.ts";

/** Each port of a backend, in the order of its list; none: a connection keeps its port. */
export const portsOf = (backend: Pick<Backend, "port"> | undefined): readonly number[] =>
  (backend?.port ?? []).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));

/** Expression that gives a connection one of a target's ports: those whom the farm keeps together by what it keeps them by, others as it draws targets. */
export function portDraw(place: Place, target: Target): string {
  const ports = portsOf(target.backend);
  const elements = ports.map((port, i) => `${i} : ${port}`).join(", ");
  return `${draw(place, ports.length)} map { ${elements} }`;
}

function draw({ service: { farm }, family, options }: Place, n: number): string {
  const { persistence, scheduler } = farm;
  if (persistence.length === 0 && !isStateless(farm)) {
    if (scheduler === "rr") return `numgen inc mod ${n}`;
    if (scheduler === "weight") return `numgen random mod ${n}`;
  }
  const keys = persistence.length > 0 ? persistence : scheduler === "hash" ? farm["sched-param"] : CONNECTION;
  const hashed = fitting(keys.length > 0 ? keys : ["srcip"], family);
  // With the seed of the draw of targets a target would see some of its ports only.
  return `jhash ${fieldsOf(hashed, family)} mod ${n} seed ${hex((options.hashSeed + 1) >>> 0)}`;
}
