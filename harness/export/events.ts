// SPDX-License-Identifier: Apache-2.0
import { CAUSES, type EventSummary } from "../record/schema.ts";
import { defineTable, integer, real, text } from "./table.ts";

type Numbered = EventSummary & { number: number };

const US = "µs of the traffic";
const CONNECTIONS = "connections";
const us = (ms: number) => Math.round(ms * 1000);

export const events = defineTable<Numbered>({
  name: "events",
  about: "A row for each change during the traffic: targets or routers that leave, return or fail.",
  columns: [
    integer("event", ["", "number, from 1"], (e) => e.number),
    text("kind", ["", "`scale_in`, `scale_out` and so on"], (e) => e.kind),
    text("machines", ["", "names of the targets or routers, with blanks between"], (e) => e.machines.join(" ")),
    integer("asked_us", [US, "the change was requested"], (e) => us(e.askedMs)),
    integer("in_force_us", [US, "the change was certain to be in force"], (e) => us(e.inForceMs)),
    integer("alive", [CONNECTIONS, "that were open then"], (e) => e.alive),
    integer("lost", [CONNECTIONS, "lost at this event"], (e) => e.lost),
    real("ideal", [CONNECTIONS, "that a perfect balancer without connection state loses"], (e) => e.ideal),
    real("predicted", [CONNECTIONS, "that the oracle expects to be lost; empty: no oracle"], (e) => e.predicted),
    integer(
      "mispredicted",
      [CONNECTIONS, "whose fate was certain and was another; empty: none was certain"],
      (e) => e.mispredicted,
    ),
    real("low95", ["percent", "lower end of the 95 % interval of the loss"], (e) => e.interval95[0]),
    real("high95", ["percent", "upper end of it"], (e) => e.interval95[1]),
    real(
      "recovered_ms",
      ["ms after the request", "the last connection lost at it was open again; empty: one never was"],
      (e) => e.recoveredMs,
    ),
    real(
      "restored_from_ms",
      ["ms after the request", "service was back not before; empty: nothing that was lost tried again"],
      (e) => e.restoredMs?.[0] ?? null,
    ),
    real(
      "restored_to_ms",
      ["ms after the request", "service was back at the latest"],
      (e) => e.restoredMs?.[1] ?? null,
    ),
    ...CAUSES.flatMap((cause) =>
      cause === "none"
        ? []
        : [
            integer<Numbered>(
              `lost_${cause}`,
              [CONNECTIONS, `of the lost ones, by cause \`${cause}\``],
              (e) => e.byCause[cause] ?? 0,
            ),
          ],
    ),
  ],
  rows: ({ summary }) => summary.events.map((event, i) => ({ ...event, number: i + 1 })),
});
