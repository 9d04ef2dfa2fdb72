// SPDX-License-Identifier: Apache-2.0
import type { Scenario } from "../harness/api/index.ts";
import { affinity } from "./affinity.ts";
import { blackout } from "./blackout.ts";
import { connect } from "./connect.ts";
import { frag } from "./frag.ts";
import { idle } from "./idle.ts";
import { pmtu } from "./pmtu.ts";
import { churn, drift, failure, hotplug, scale, scaleIn, scaleLb, scaleOut } from "./scale.ts";
import { tiers } from "./tiers.ts";

/** Every scenario; a case is named `<backend>_<scenario>`, or just `<backend>` for "connect". */
export const scenarios: readonly Scenario[] = [
  connect,
  scale,
  scaleIn,
  scaleOut,
  scaleLb,
  drift,
  churn,
  blackout,
  failure,
  hotplug,
  affinity,
  idle,
  frag,
  pmtu,
  tiers,
];
