// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type FlowRule, type Scenario, servicesOf } from "../harness/api/index.ts";
import { withSteps } from "./scale.ts";

/** Half of the clients. */
const SOME = ["50.0.0.0/17", "2000::/113"];

/** Lists of flows, one after the other, and which targets those that change have: only their own connections move. */
function listsFrom(base: readonly FlowRule[]): { flows: readonly FlowRule[]; targets: readonly number[] }[] {
  const [first, last] = [base[0] as FlowRule, base.at(-1) as FlowRule];
  const priority = Math.max(...base.map((rule) => rule.priority ?? 0)) + 1;
  const added: FlowRule = { ...first, name: "added", priority, sources: SOME, targets: last.targets };
  const fewer = last.targets.length > 1 ? last.targets.slice(1) : first.targets;
  const changed = { ...added, targets: fewer };
  const wider = { ...changed, vips: [...new Set([...first.vips, ...last.vips])] };
  return [
    { flows: [...base, added], targets: last.targets },
    { flows: [...base, changed], targets: last.targets },
    { flows: [...base, wider], targets: fewer },
    { flows: base, targets: fewer },
  ];
}

export const reconfigure: Scenario = {
  name: "reconfigure",
  summary:
    "Flows change under live connections: one is added at 4 s, its targets change at 8 s, its VIPs at 12 s, and at 16 s it is deleted; none but its own connections may move.",
  routers: 1,
  needs: "flows",
  plan(options) {
    const base = options.flows ?? servicesOf(2, options.targets);
    const lists = listsFrom(base);
    const events = lists.map(() => EVENTS.reconfigure);
    const schedule = { durationS: 20, atS: [4, 8, 12, 16], events, outAtStart: false };
    const plan = withSteps("reconfigure", { ...options, scale: [1] }, schedule);
    const steps = plan.steps.map((step, i) => ({
      ...step,
      flows: lists[i]?.flows ?? base,
      members: (lists[i]?.targets ?? []).map((index) => index + 1),
    }));
    return { ...plan, flows: base, steps };
  },
};
