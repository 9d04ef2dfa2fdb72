import type { Feature } from "./backend.ts";
import type { ScaleKind } from "./record/schema.ts";

/** What happens when: data, so that it can be listed, checked and drawn without running it. */
export interface Scenario {
  name: string;
  summary: string;
  /** Routers it needs at least; also its default. */
  routers: number;
  /** What a backend must be able to do; without it the case is skipped. */
  needs?: Feature;
  /** Defaults for the options of backends that have them. */
  set?: Readonly<Record<string, string>>;
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
  mode: "connect" | "stream" | "fragments";
  /** 0 in mode "connect": it ends when every connection was made. */
  durationS: number;
  /** Target numbers (from 1) that are out at the start. */
  out: readonly number[];
  steps: readonly Step[];
  /** Messages per second, and bytes of a message, where the usual ones do not fit. */
  rate?: number;
  size?: number;
  /** MTU of the way from the routers to the tester, behind a machine that tells by ICMP errors. */
  squeezeMtu?: number;
}

export interface Step {
  atS: number;
  action: ScaleKind;
  /** Target numbers, or router numbers, from 1. */
  members: readonly number[];
}
