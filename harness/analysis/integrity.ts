// SPDX-License-Identifier: Apache-2.0
// Whether messages came back as they were sent.
import type { Integrity } from "../record/base.ts";
import type { Event, Summary } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";

export const integrity: AnalysisModule = ({ events }) => {
  const sum = sumIntegrity(events);
  return { part: () => (sum ? { summary: { integrity: sum } } : {}) };
};

/** Of all streams together, by what each told last; null when none looked. */
function sumIntegrity(events: readonly Event[]): Integrity | null {
  const latest = new Map<string, Integrity>();
  for (const event of events)
    if ((event.kind === "sample" || event.kind === "stream_end") && event.integrity)
      latest.set(event.stream, event.integrity);
  if (latest.size === 0) return null;
  const sum: Integrity = { checked: 0, corrupt: 0, duplicates: 0, reordered: 0, late: 0 };
  for (const one of latest.values()) for (const name of Object.keys(sum) as (keyof Integrity)[]) sum[name] += one[name];
  return sum;
}

/** Order and delay are the network's to choose; content is not. */
export function integrityFailures({ integrity: counts }: Pick<Summary, "integrity">): string[] {
  if (!counts || counts.corrupt === 0) return [];
  return [
    `${n(counts.corrupt)} of ${n(counts.checked)} messages that were looked at came back otherwise than they were sent.`,
  ];
}

const n = (count: number) => count.toLocaleString("en-US");
