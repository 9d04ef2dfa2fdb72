// SPDX-License-Identifier: Apache-2.0
// Associations with two paths: whether the balancer leads both to the same target.
import type { Flow } from "../oracle/hash.ts";
import { hashFlow, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import { certain, OPEN_ENDED } from "./disruption.ts";
import type { Prediction } from "./predict.ts";

/**
 * Of an association, when a path opens or closes. `second` is what the balancer sees of its other path; null: it has one only. The heartbeat
 * on that is answered with ABORT where it comes to another target, which does not know the association: so that ends when the path opens.
 * Those that live have both at one target, and stay.
 */
export function lossOfPath(
  spec: OracleSpec,
  after: Oracle | undefined,
  { path, target, second }: { path: "opens" | "closes"; target: number | null; second: Flow | null },
): Prediction {
  if (path === "closes" || !second) return certain(0);
  const picked = after?.pick(hashFlow(spec, second)) ?? null;
  if (picked === null || target === null) return OPEN_ENDED;
  return certain(picked === target ? 0 : 1);
}
