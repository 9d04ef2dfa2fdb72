// SPDX-License-Identifier: Apache-2.0
// The last sample of each stream of a running test, for Prometheus.
import type { Sample } from "../record/schema.ts";

interface Metric {
  name: string;
  type: "gauge" | "counter";
  help: string;
  /** Without labels one number of the stream; with them one for each value of the label. */
  value: (sample: Sample) => number | [label: string, values: Readonly<Record<string, number>>];
}

const METRICS: readonly Metric[] = [
  { name: "connections_alive", type: "gauge", help: "Connections currently open.", value: (s) => s.alive },
  {
    name: "connections_connecting",
    type: "gauge",
    help: "Connections being opened.",
    value: (s) => s.connecting,
  },
  {
    name: "connections_established_total",
    type: "counter",
    help: "Connections established.",
    value: (s) => s.established,
  },
  {
    name: "connects_failed_total",
    type: "counter",
    help: "Failed attempts to connect.",
    value: (s) => s.failedConnects,
  },
  {
    name: "connections_lost_total",
    type: "counter",
    help: "Established connections lost, by cause.",
    value: (s) => ["cause", s.lost],
  },
  { name: "messages_sent_total", type: "counter", help: "Messages sent.", value: (s) => s.sent },
  { name: "messages_received_total", type: "counter", help: "Answers received.", value: (s) => s.received },
  {
    name: "sends_late_total",
    type: "counter",
    help: "Messages sent more than 50 ms late.",
    value: (s) => s.lateSends,
  },
  {
    name: "target_connections",
    type: "gauge",
    help: "Connections by the target that answered.",
    value: (s) => ["target", s.perTarget],
  },
];

/** Prometheus' text format. */
export function metricsText(run: string, phase: string, samples: readonly Sample[]): string {
  const line = (name: string, labels: Record<string, string>, value: number) =>
    `lb_${name}{${Object.entries({ case: run, ...labels })
      .map(([label, text]) => `${label}="${escapeLabel(text)}"`)
      .join(",")}} ${value}`;
  const head = ({ name, help, type }: Omit<Metric, "value">) => [
    `# HELP lb_${name} ${help}`,
    `# TYPE lb_${name} ${type}`,
  ];
  const lines = (name: string, { stream }: Sample, value: ReturnType<Metric["value"]>) => {
    if (typeof value === "number") return [line(name, { stream }, value)];
    const [label, values] = value;
    return Object.entries(values).map(([text, n]) => line(name, { stream, [label]: text }, n));
  };
  return [
    ...head({ name: "phase", type: "gauge", help: "1 for the current phase of the run." }),
    line("phase", { phase }, 1),
    ...METRICS.flatMap((metric) => [
      ...head(metric),
      ...samples.flatMap((sample) => lines(metric.name, sample, metric.value(sample))),
    ]),
    "",
  ].join("\n");
}

const escapeLabel = (text: string) => text.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
