// SPDX-License-Identifier: Apache-2.0
import type { Plan } from "../api/scenario.ts";
import type { Phase, RunInfo, Sample } from "../record/schema.ts";
import { plural } from "../util/numbers.ts";
import type { Progress } from "./run.ts";

const PHASE_TEXT: Record<Phase, string> = {
  up: "bringing the lab up",
  deploy: "deploying the balancer",
  traffic: "traffic",
  down: "taking the lab down",
};

/** What runs under way show on a terminal: they share its last line. */
const shown = new Map<object, string>();

/** A line that follows the run on a terminal; elsewhere one line per phase. All on stderr, so that stdout stays the result. `turn`: "2/4" of several runs. */
export function makeProgress(run: RunInfo, plan: Plan, turn?: string): Progress & { end(): void } {
  const live = process.stderr.isTTY === true && !process.env.CI;
  const name = turn === undefined ? run.case : `[${turn}] ${run.case}`;
  const latest = new Map<string, Sample>();
  let began = 0;
  const put = (text: string) => {
    if (!live) return;
    shown.set(latest, text);
    process.stderr.write(`\r\x1b[K${[...shown.values()].join(" | ").slice(0, (process.stderr.columns || 80) - 1)}`);
  };
  const say = (line: string) => (live ? put(line) : void process.stderr.write(`${line}\n`));
  return {
    note: (text) => say(`${name}: ${text}`),
    phase(phase, edge) {
      if (edge === "end") return;
      if (phase === "traffic") began = performance.now();
      const line = `${name}: ${PHASE_TEXT[phase]}${phase === "up" ? ` (${plural(run.targets.length, "target")}, ${plural(run.routers.length, "router")})` : ""}${phase === "traffic" && plan.durationS > 0 ? ` for ${plan.durationS} s` : ""}`;
      say(line);
    },
    sample(sample) {
      latest.set(sample.stream, sample);
      const sum = (of: (s: Sample) => number) => [...latest.values()].reduce((total, s) => total + of(s), 0);
      const lost = sum((s) => Object.values(s.lost).reduce((total, n) => total + n, 0));
      const left = Math.max(0, Math.ceil(plan.durationS - (performance.now() - began) / 1000));
      put(`${name}: ${left} s left, ${sum((s) => s.alive)} connections alive, ${lost} lost so far`);
    },
    end() {
      shown.delete(latest);
      if (live) process.stderr.write("\r\x1b[K");
    },
  };
}
