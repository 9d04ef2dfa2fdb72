// SPDX-License-Identifier: Apache-2.0
import type { Histogram } from "../analysis/histogram.ts";
import type { Balancer } from "../api/backend.ts";
import type { Lab } from "../runtime/runtime.ts";

/** One backend, deployed in one lab. */
export interface Testbed {
  lab: Lab;
  balancer: Balancer;
  family: 4 | 6;
  /** Of the traffic: the same for all backends of a round. */
  seed: number;
  /** Length of one measurement, seconds. */
  seconds: number;
  /** How long the installation took, with all of its services. */
  deployMs: number;
  /** Gets the times to connect at a fixed load. */
  latency: Histogram;
  /** Is told the metric whose value is what senders could send, and no limit of the balancer's. */
  senderIsLimit?: (metric: string) => void;
}
