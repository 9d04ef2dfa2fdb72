// SPDX-License-Identifier: Apache-2.0
import { PORT } from "../../traffic/servers.ts";
import { measureLoad } from "../load.ts";
import { cost, type Probe } from "./metric.ts";

/** Datagrams per second. */
const RATE = 20_000;
/** With more loss the CPU of those that arrived is not told from that of the others. */
const LEAST_RECEIVED = 0.99;

export const cpu: Probe = {
  metrics: [
    cost(
      "cpu_user",
      "µs",
      `CPU of the whole lab in user space for a datagram and its echo, ${RATE} a second over 500 flows`,
    ),
    cost("cpu_system", "µs", "the same in the kernel, interrupts left out"),
    cost("cpu_softirq", "µs", "the same in interrupts, where the kernel forwards"),
  ],
  async measure(bed) {
    const words = `--udp --connections 500 --rate ${RATE} --size 80 --ramp 200ms --duration ${bed.seconds}s`;
    const { last, cpu: spent } = await measureLoad(bed, { mode: "stream", port: PORT.stream.udp, words });
    const { received, sent } = last;
    if (!spent || received < sent * LEAST_RECEIVED) return {};
    return {
      cpu_user: spent.user / received,
      cpu_system: spent.system / received,
      cpu_softirq: spent.softirq / received,
    };
  },
};
