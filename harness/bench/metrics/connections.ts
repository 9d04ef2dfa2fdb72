// SPDX-License-Identifier: Apache-2.0
import { PORT } from "../../traffic/servers.ts";
import { measureLoad } from "../load.ts";
import { type Probe, rate } from "./metric.ts";

/** So many that one takes a good part of the time. */
const PER_SECOND = 8000;

export const connections: Probe = {
  metrics: [
    rate("connections", "1/s", "TCP connections, one after another from 64 at a time: connect, one answer, close"),
  ],
  async measure(bed) {
    const words = `--connections ${Math.round(bed.seconds * PER_SECOND)}`;
    const { last, seconds } = await measureLoad(bed, { mode: "connect", port: PORT.connect, words });
    return { connections: last.received / seconds };
  },
};
