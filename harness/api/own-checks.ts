// SPDX-License-Identifier: Apache-2.0
// How a balancer finds out by itself which targets are dead.
import type { EventOf } from "../record/schema.ts";

export interface OwnChecks {
  /** Where it asks: at the ports of the traffic, or at others, which tell nothing of the traffic. */
  where: "traffic" | "beside";
  /** As they are recorded. */
  timers: Omit<EventOf<"health">, "kind" | "t">;
}
