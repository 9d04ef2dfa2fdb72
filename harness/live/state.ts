// SPDX-License-Identifier: Apache-2.0
// What a page or a scraper may know of a run while it lasts: the last sample of each stream, and a bounded course of their sums.
import type { Event, RunInfo, Sample } from "../record/schema.ts";

/** Beyond, every second point is dropped: the course of an hour stays drawable. */
const MOST_POINTS = 1200;

export interface Point {
  s: number;
  alive: number;
  lost: number;
  /** What happened, where the point is more than a sample. */
  note?: string;
}

export class LiveState {
  readonly #run: RunInfo | null;
  readonly #latest = new Map<string, Sample>();
  #points: Point[] = [];
  #phase = "waiting";
  #t0: number | null = null;
  #outcome: { verdict: string; headline: string } | null = null;

  constructor(run: RunInfo | null) {
    this.#run = run;
  }

  /** The new point, where there is one to draw. */
  add(event: Event): Point | null {
    if (event.kind === "phase" && event.edge === "begin") this.#phase = event.phase;
    else if (event.kind === "stream_start") this.#t0 ??= event.t;
    else if (event.kind === "sample") this.#latest.set(event.stream, event);
    if (event.kind !== "sample" && event.kind !== "scale") return null;
    const all = [...this.#latest.values()];
    const point: Point = {
      s: (event.t - (this.#t0 ?? event.t)) / 1e9,
      alive: all.reduce((sum, sample) => sum + sample.alive, 0),
      lost: all.reduce((sum, { lost }) => sum + Object.values(lost).reduce((n, m) => n + m, 0), 0),
      ...(event.kind === "scale" ? { note: `${event.action} of ${event.machines.join(", ")}` } : {}),
    };
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS)
      this.#points = this.#points.filter((p, i) => i % 2 === 0 || p.note !== undefined);
    return point;
  }

  finish(verdict: string, headline: string): void {
    this.#outcome = { verdict, headline };
    this.#phase = "done";
  }

  all() {
    return {
      case: this.#run?.case ?? null,
      seed: this.#run?.seed ?? null,
      phase: this.#phase,
      points: this.#points,
      outcome: this.#outcome,
    };
  }

  /** Prometheus' text format. */
  metrics(): string {
    const labels = (values: Record<string, string>) =>
      Object.entries({ case: this.#run?.case ?? "", ...values })
        .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`)
        .join(",");
    const metric = (
      name: string,
      type: "gauge" | "counter",
      help: string,
      values: [Record<string, string>, number][],
    ) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...values.map(([own, value]) => `${name}{${labels(own)}} ${value}`),
    ];
    const streams = [...this.#latest].map(([stream, sample]) => ({ own: { stream }, sample }));
    const each = (of: (sample: Sample) => number) =>
      streams.map(({ own, sample }): [Record<string, string>, number] => [own, of(sample)]);
    return [
      ...metric("lb_phase", "gauge", "1 for the phase that the run is in.", [[{ phase: this.#phase }, 1]]),
      ...metric(
        "lb_connections_alive",
        "gauge",
        "Connections at this moment.",
        each((s) => s.alive),
      ),
      ...metric(
        "lb_connections_connecting",
        "gauge",
        "Connections that are being opened.",
        each((s) => s.connecting),
      ),
      ...metric(
        "lb_connections_established_total",
        "counter",
        "Connections that were established.",
        each((s) => s.established),
      ),
      ...metric(
        "lb_connects_failed_total",
        "counter",
        "Attempts to connect that failed.",
        each((s) => s.failedConnects),
      ),
      ...metric(
        "lb_connections_lost_total",
        "counter",
        "Established connections that ended by loss, by cause.",
        streams.flatMap(({ own, sample }) =>
          Object.entries(sample.lost).map(([cause, n]): [Record<string, string>, number] => [{ ...own, cause }, n]),
        ),
      ),
      ...metric(
        "lb_messages_sent_total",
        "counter",
        "Messages sent.",
        each((s) => s.sent),
      ),
      ...metric(
        "lb_messages_received_total",
        "counter",
        "Answers received.",
        each((s) => s.received),
      ),
      ...metric(
        "lb_sends_late_total",
        "counter",
        "Messages that left more than 50 ms behind their schedule.",
        each((s) => s.lateSends),
      ),
      ...metric(
        "lb_target_connections",
        "gauge",
        "Connections by the target that answered.",
        streams.flatMap(({ own, sample }) =>
          Object.entries(sample.perTarget).map(([target, n]): [Record<string, string>, number] => [
            { ...own, target },
            n,
          ]),
        ),
      ),
      "",
    ].join("\n");
  }
}
