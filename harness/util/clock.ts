// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";

/** CLOCK_MONOTONIC in nanoseconds, as the machines of a lab on this host read it too. Exact below 2^53: 104 days of uptime. */
export const nowNs = () => Number(process.hrtime.bigint());

/** Resolves at that moment; rejects when the signal aborts. */
export async function sleepUntil(t: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = (t - nowNs()) / 1e6; leftMs > 0; leftMs = (t - nowNs()) / 1e6)
    await sleep(Math.max(1, Math.floor(leftMs)), undefined, { signal });
}
