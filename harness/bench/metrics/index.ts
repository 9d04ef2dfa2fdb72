// SPDX-License-Identifier: Apache-2.0

import { deploy, scaleEvent } from "./changes.ts";
import { bulk, requests } from "./closed-loop.ts";
import { connections } from "./connections.ts";
import { cpu } from "./cpu.ts";
import { datagrams } from "./datagrams.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import type { Probe } from "./metric.ts";

/** In the order in which they are measured. */
export const PROBES: readonly Probe[] = [
  connections,
  latency,
  requests,
  bulk(1),
  bulk(8),
  datagrams(64),
  datagrams(512),
  datagrams(1400),
  cpu,
  deploy,
  scaleEvent,
  memory,
];
