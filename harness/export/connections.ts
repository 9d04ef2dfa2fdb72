// SPDX-License-Identifier: Apache-2.0
import { addressText } from "../analysis/flows.ts";
import { forgetter } from "../analysis/forgotten.ts";
import { isAliveAt, predictor } from "../analysis/predict.ts";
import { type Row, rowReader } from "../analysis/rows.ts";
import { defineTable, integer, real, sinceStartUs, text } from "./table.ts";

interface Exported {
  row: Row;
  predicted: number | null;
}

const US = "µs of the traffic";

export const connections = defineTable<Exported>({
  name: "connections",
  about: "A row for each connection that was tried, also for those that were opened again after a loss.",
  columns: [
    text(
      "stream",
      ["", "generator: `ipv4`, `ipv6`, or `ipv4/2` for the second of several"],
      (e) => e.row.recorded.stream,
    ),
    integer("id", ["", "number of the connection in its stream"], (e) => e.row.recorded.id),
    integer("generation", ["", "0; 1 after it was lost and opened again, and so on"], (e) => e.row.recorded.generation),
    integer("family", ["", "4 or 6"], (e) => e.row.stream.family),
    text("protocol", ["", "`tcp` or `udp`"], (e) => e.row.stream.protocol),
    text("src", ["", "source address"], (e) => addressText(e.row.flow.src)),
    integer("sport", ["", "source port"], (e) => e.row.flow.sport),
    text("dst", ["", "destination address: the VIP"], (e) => addressText(e.row.flow.dst)),
    integer("dport", ["", "destination port"], (e) => e.row.flow.dport),
    text("target", ["", "target that answered first; empty: none did"], (e) => e.row.recorded.target),
    text("moved_to", ["", "other target that answered later"], (e) => e.row.recorded.movedTo),
    text(
      "cause",
      ["", "why it ended: `none` (it lived to the end, or as long as planned) or a cause of `connections.bin`"],
      ({ row }) => (row.establishedT === null ? row.recorded.cause : row.connection.cause),
    ),
    text(
      "lost_at",
      [
        "",
        "number of the event that it was lost at, `outside` of all, or `forgotten` by the balancer; empty: not lost",
      ],
      ({ row }) => (row.establishedT === null || row.lossEvent === null ? null : lossName(row.lossEvent)),
    ),
    real(
      "predicted_loss",
      ["probability", "the largest that the oracle gives it at any event that it met; empty: there is no oracle"],
      (e) => e.predicted,
    ),
    integer("start_us", [US, "begin of the attempt to connect"], (e, s) => sinceStartUs(s, e.row.startT)),
    integer("established_us", [US, "first answer; empty: never"], ({ row }, s) =>
      row.establishedT === null ? null : sinceStartUs(s, row.establishedT),
    ),
    integer("last_progress_us", [US, "last time anything was received"], ({ row: { stream, recorded } }, s) =>
      sinceStartUs(s, stream.t + recorded.lastProgressUs * 1000),
    ),
    integer("end_us", [US, "end of the connection"], (e, s) => sinceStartUs(s, e.row.endT)),
    integer("longest_gap_us", ["µs", "longest time without anything received"], (e) => e.row.recorded.longestGapUs),
    integer("sent", ["messages", "messages sent"], (e) => e.row.recorded.sent),
    integer("received", ["messages", "messages received"], (e) => e.row.recorded.received),
  ],
  *rows({ record, timeline }) {
    const { targets } = record.run;
    const read = rowReader(timeline);
    const attributed = forgetter(timeline, record.events, targets);
    const predict = predictor(timeline, targets);
    for (const connection of record.connections) {
      const recorded = read(connection);
      if (!recorded) continue;
      const row = attributed(recorded);
      const chances =
        row.establishedT === null
          ? []
          : timeline.scales.flatMap((_, i) =>
              isAliveAt(timeline, row, i) ? (predict(row, i)?.probability ?? []) : [],
            );
      const predicted = timeline.deployed.oracle && row.establishedT !== null ? Math.max(0, ...chances) : null;
      yield { row, predicted };
    }
  },
});

const lossName = (at: number | string) => (typeof at === "number" ? String(at + 1) : at);
