// SPDX-License-Identifier: Apache-2.0
import { bucketLowUs } from "../analysis/histogram.ts";
import { CAUSES, type Sample } from "../record/schema.ts";
import { defineTable, integer, sinceStartUs, text } from "./table.ts";

const US = "µs of the traffic";
const SINCE = "since the start";
const isSample = (e: { kind: string }): e is Sample => e.kind === "sample";

export const samples = defineTable<Sample>({
  name: "samples",
  about: "The generators' counters, a row for each stream some times a second.",
  columns: [
    text("stream", ["", "generator, as in `connections`"], (e) => e.stream),
    integer("t_us", [US, "of the sample"], (e, source) => sinceStartUs(source, e.t)),
    integer("alive", ["connections", "open now"], (e) => e.alive),
    integer("connecting", ["connections", "attempts to connect under way"], (e) => e.connecting),
    integer("established", ["connections", `established ${SINCE}`], (e) => e.established),
    integer("failed_connects", ["attempts", `to connect that failed ${SINCE}`], (e) => e.failedConnects),
    ...CAUSES.flatMap((cause) =>
      cause === "none"
        ? []
        : [
            integer<Sample>(
              `lost_${cause}`,
              ["connections", `lost by \`${cause}\` ${SINCE}`],
              (e) => e.lost[cause] ?? 0,
            ),
          ],
    ),
    integer("sent", ["messages", `sent ${SINCE}`], (e) => e.sent),
    integer("received", ["messages", `received ${SINCE}`], (e) => e.received),
    integer("late_sends", ["messages", `sent behind their schedule ${SINCE}`], (e) => e.lateSends),
    integer("max_late_us", ["µs", "worst delay of a send since the sample before"], (e) => Math.round(e.maxLateUs)),
  ],
  rows: ({ record }) => record.events.filter(isSample),
});

interface Bucket {
  sample: Sample;
  bucket: number;
  messages: number;
}

export const latency = defineTable<Bucket>({
  name: "latency",
  about:
    "Round trips as a histogram: a row for each sample and bucket that is not empty. Times count from when a message was due to be sent.",
  columns: [
    text("stream", ["", "generator, as in `connections`"], ({ sample }) => sample.stream),
    integer("t_us", [US, "of the sample; its round trips ended since the one before"], (e, source) =>
      sinceStartUs(source, e.sample.t),
    ),
    integer("from_us", ["µs", "shortest round trip of the bucket"], (e) => bucketLowUs(e.bucket)),
    integer("to_us", ["µs", "longest round trip of the bucket"], (e) => bucketLowUs(e.bucket + 1) - 1),
    integer("messages", ["messages", "answers in the bucket"], (e) => e.messages),
  ],
  *rows({ record }) {
    for (const sample of record.events.filter(isSample))
      for (const [bucket, messages] of sample.hist) yield { sample, bucket, messages };
  },
});
