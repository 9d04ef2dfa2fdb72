// SPDX-License-Identifier: Apache-2.0
// Losses of connections that the balancer no longer knew, or knew too well.
import { isOpenedAgain } from "../reuse.ts";
import { at, type CauseRule, type Loss, type RunFacts } from "./define.ts";

const isForgotten = ({ row }: Loss): boolean => row.lossEvent === "forgotten";

const forgot = (why: string | null, { row }: Loss, run: RunFacts): string =>
  `the balancer had forgotten it by ${at(run, row.lossT)} (${(why ?? "its connection table is full").replace(/\.$/, "")})`;

export const STATE: readonly CauseRule[] = [
  {
    cause: "state_expired",
    holds: (loss, { forgets }) => isForgotten(loss) && forgets.timeout !== null,
    because: (loss, run) => forgot(run.forgets.timeout, loss, run),
  },
  {
    cause: "state_evicted",
    holds: isForgotten,
    because: (loss, run) => forgot(run.forgets.entries, loss, run),
  },
  {
    cause: "port_reused",
    holds: ({ row, event }, { timeline }) => event === null && isOpenedAgain(timeline, row),
    because: ({ row }) => `its source port ${row.flow.sport} had been used before, and old state took its packets`,
  },
];
