import type { ScaleKind } from "./record/schema.ts";

/** What happens when: data, so that it can be listed, checked and drawn without running it. */
export interface Scenario {
  name: string;
  summary: string;
  /** Routers it needs at least; also its default. */
  routers: number;
  /** One sentence for each thing that this machine lacks for it, with the remedy. */
  missing?(): Promise<string[]>;
  /** Throws UsageError when the options do not fit together. */
  plan(options: ScenarioOptions): Plan;
}

export interface ScenarioOptions {
  targets: number;
  routers: number;
  /** Target numbers (from 1) that leave or come. */
  scale: readonly number[];
  /** null: the scenario's own. */
  durationS: number | null;
  atS: readonly number[] | null;
}

export interface Plan {
  mode: "connect" | "stream";
  /** 0 in mode "connect": it ends when every connection was made. */
  durationS: number;
  /** Target numbers (from 1) that are out at the start. */
  out: readonly number[];
  steps: readonly Step[];
}

export interface Step {
  atS: number;
  action: ScaleKind;
  /** Target numbers, or router numbers, from 1. */
  members: readonly number[];
}
