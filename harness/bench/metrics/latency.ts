// SPDX-License-Identifier: Apache-2.0
import { Histogram } from "../../analysis/histogram.ts";
import { PORT } from "../../traffic/servers.ts";
import { measureLoad } from "../load.ts";
import { cost, type Probe } from "./metric.ts";

/** New connections per second: a fixed load that two small cores carry through any balancer here. */
const RATE = 2000;

export const latency: Probe = {
  metrics: [
    cost("connect_p50", "ms", `time to connect and be answered, at ${RATE} connections per second`),
    cost("connect_p99", "ms", "99th percentile of the same"),
    cost("connect_p999", "ms", "99.9th percentile of the same"),
    cost("connect_cpu", "µs", "CPU of the whole lab for one of these connections, from the first packet to the last"),
  ],
  async measure(bed) {
    const words = `--connections ${Math.round(bed.seconds * RATE)} --rate ${RATE}`;
    const { samples, last, cpu } = await measureLoad(bed, { mode: "connect", port: PORT.connect, words });
    const times = new Histogram();
    for (const { hist } of samples) {
      times.add(hist);
      bed.latency.add(hist);
    }
    const found = times.percentilesMs();
    return {
      ...(cpu ? { connect_cpu: cpu.busy / last.received } : {}),
      ...(found ? { connect_p50: found.p50, connect_p99: found.p99, connect_p999: found.p999 } : {}),
    };
  },
};
