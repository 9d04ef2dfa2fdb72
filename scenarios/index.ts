// SPDX-License-Identifier: Apache-2.0
import type { Scenario } from "../harness/api/index.ts";
import { affinity } from "./affinity.ts";
import { blackout } from "./blackout.ts";
import { collide } from "./collide.ts";
import { connect } from "./connect.ts";
import { deaf } from "./deaf.ts";
import { direct } from "./direct.ts";
import { flood } from "./flood.ts";
import { frag } from "./frag.ts";
import { idle } from "./idle.ts";
import { crash, reload, restart, upgrade } from "./lifecycle.ts";
import { pathLoss } from "./path-loss.ts";
import { pmtu } from "./pmtu.ts";
import { reconfigure } from "./reconfigure.ts";
import { reject } from "./reject.ts";
import { reuse } from "./reuse.ts";
import { routerCrash, routerLink, routerPause } from "./router-death.ts";
import { addUnknown, churn, drift, failure, hotplug, scale, scaleIn, scaleLb, scaleOut } from "./scale.ts";
import { tiers } from "./tiers.ts";
import { drain, flap, rolling, weights } from "./trains.ts";

/** Every scenario; a case is named `<backend>_<scenario>`, or just `<backend>` for "connect". */
export const scenarios: readonly Scenario[] = [
  connect,
  scale,
  scaleIn,
  scaleOut,
  scaleLb,
  drift,
  churn,
  rolling,
  flap,
  drain,
  weights,
  addUnknown,
  reconfigure,
  reject,
  blackout,
  restart,
  crash,
  reload,
  upgrade,
  routerCrash,
  routerLink,
  routerPause,
  failure,
  deaf,
  hotplug,
  affinity,
  idle,
  direct,
  reuse,
  flood,
  collide,
  frag,
  pmtu,
  tiers,
  pathLoss,
];
