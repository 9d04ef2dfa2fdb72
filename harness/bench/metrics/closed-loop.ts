// SPDX-License-Identifier: Apache-2.0
// Kept TCP connections whose every message waits for its echo: small ones are requests, large ones fill the path.
import { LabError } from "../../runtime/runtime.ts";
import { PORT } from "../../traffic/servers.ts";
import { measureLoad } from "../load.ts";
import type { Testbed } from "../testbed.ts";
import { cost, type Probe, rate } from "./metric.ts";

/** What is in the ramp, and a while after it, does not count. */
const WARM_NS = 3e8;
const [REQUEST_CONNECTIONS, REQUEST_BYTES] = [50, 128];
const BULK_BYTES = 64_000;

export const requests: Probe = {
  metrics: [
    rate(
      "requests",
      "1/s",
      `requests of ${REQUEST_BYTES} bytes, echoed, over ${REQUEST_CONNECTIONS} kept TCP connections, each waiting for its echo`,
    ),
    rate("requests_core", "1/s", "the same for each busy core of the whole lab: tester, router and targets"),
    {
      ...cost(
        "router_cpu",
        "µs",
        "CPU of a request beyond that in a lab without a router: the router's, with all that it runs",
      ),
      noBaselineRatio: true,
      beyondDirect: "requests_core",
    },
  ],
  async measure(bed) {
    const { perSecond, perCore } = await closedLoop(bed, REQUEST_CONNECTIONS, REQUEST_BYTES);
    return { requests: perSecond, ...(perCore === null ? {} : { requests_core: perCore }) };
  },
};

export function bulk(streams: number): Probe {
  const name = `bulk_${streams}`;
  const summary = `${streams} TCP stream${streams > 1 ? "s" : ""} of 64,000-byte messages, echoed: what passes the router`;
  return {
    metrics: [rate(name, "Gbit/s", summary)],
    async measure(bed) {
      const { perSecond } = await closedLoop(bed, streams, BULK_BYTES);
      return { [name]: (perSecond * BULK_BYTES * 8) / 1e9 };
    },
  };
}

async function closedLoop(
  bed: Testbed,
  connections: number,
  size: number,
): Promise<{ perSecond: number; perCore: number | null }> {
  const words = `--closed-loop --connections ${connections} --size ${size} --ramp 100ms --sample 100ms --duration ${bed.seconds}s`;
  const { t0, samples, last, cpu } = await measureLoad(bed, { mode: "stream", port: PORT.stream.tcp, words });
  const first = samples.find(({ t }) => t > t0 + WARM_NS) ?? samples[0] ?? last;
  if (last.t <= first.t) throw new LabError(`No echo came over ${connections} connections.`);
  return {
    perSecond: ((last.received - first.received) / (last.t - first.t)) * 1e9,
    perCore: cpu && (last.received / cpu.busy) * 1e6,
  };
}
