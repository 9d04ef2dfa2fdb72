// SPDX-License-Identifier: Apache-2.0
// What takes time before and beside the traffic: the installation, and a change of targets.
import { nowNs } from "../../util/clock.ts";
import { median } from "../../util/median.ts";
import { cost, type Probe } from "./metric.ts";

const SCALE_EVENTS = 6;

export const deploy: Probe = {
  metrics: [{ ...cost("deploy", "ms", "time to install it, with all of its services"), noBaselineRatio: true }],
  measure: async ({ deployMs }) => ({ deploy: deployMs }),
};

export const scaleEvent: Probe = {
  metrics: [
    {
      ...cost("scale_event", "ms", "from asking for another set of targets until it is in force on all routers"),
      noBaselineRatio: true,
    },
  ],
  async measure({ lab, balancer }) {
    const all = lab.topology.targets.map((_, i) => i);
    const times: number[] = [];
    for (let i = 0; i < SCALE_EVENTS; i++) {
      const begin = nowNs();
      times.push(((await balancer.setTargets(i % 2 === 0 ? all.slice(1) : all)) - begin) / 1e6);
    }
    return { scale_event: median(times) };
  },
};
