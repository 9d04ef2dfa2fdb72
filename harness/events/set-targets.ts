// SPDX-License-Identifier: Apache-2.0
import type { EventContext } from "../api/event.ts";

/** Tells the balancer which targets are active. */
export function setTargets({ balancer, targets, told }: EventContext): Promise<number> {
  return balancer.setTargets(targets, told);
}
