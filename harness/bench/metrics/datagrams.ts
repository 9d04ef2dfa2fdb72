// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from "node:os";
import { highestRate, swallow, withMoreSenders } from "../flood.ts";
import { type Probe, rate } from "./metric.ts";

const MOST_LOSS = 0.001;
/** More than one for each CPU take each other's time. */
const MOST_SENDERS = Math.max(2, Math.min(8, availableParallelism()));

export function datagrams(size: number): Probe {
  const name = `udp_${size}`;
  return {
    metrics: [rate(name, "1/s", `datagrams of ${size} bytes, the highest rate with at most 0.1 % lost`)],
    async measure({ lab, family, senderIsLimit }) {
      await swallow(lab);
      const highest = (senders: number) => highestRate({ lab, family, size, senders }, MOST_LOSS);
      const { pps, senderLimited } = await withMoreSenders(highest, MOST_SENDERS);
      if (senderLimited) senderIsLimit?.(name);
      return { [name]: pps };
    },
  };
}
