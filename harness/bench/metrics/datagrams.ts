// SPDX-License-Identifier: Apache-2.0
import { highestRate } from "../flood.ts";
import { type Probe, rate } from "./metric.ts";

const MOST_LOSS = 0.001;

export function datagrams(size: number): Probe {
  const name = `udp_${size}`;
  return {
    metrics: [rate(name, "1/s", `datagrams of ${size} bytes, the highest rate with at most 0.1 % lost`)],
    measure: async ({ lab, family }) => ({ [name]: await highestRate({ lab, family, size, senders: 1 }, MOST_LOSS) }),
  };
}
