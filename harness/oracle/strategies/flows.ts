// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { defineStrategy, type Oracle } from "./define.ts";
import { classifier, type FlowRule, flowRule } from "./flow-rules.ts";
import { affinityS, assignSpec, hashFlow, makeOracle } from "./registry.ts";

const SPACE = 2 ** 32;
/** So that a class and a hash fit into one number. */
const MOST_CLASSES = 2 ** 20;

interface State {
  rules: readonly FlowRule[];
  /** What each of them picks from, in their order. */
  oracles: readonly Oracle[];
  /** A class tells which rule of this list takes a flow: its quotient by this, modulo the number of rules and one. */
  radix: number;
}

type Spec = z.infer<typeof schema>;

const schema = z
  .strictObject({
    strategy: z.literal("flows"),
    /** How each flow picks among its own targets that are active. */
    assign: assignSpec,
    /** The list that is in force at first, and those that come later. */
    lists: z.array(z.array(flowRule)).min(1),
    /** Which of them is; absent: the first. */
    list: z.int().min(0).exactOptional(),
  })
  .refine(({ lists }) => classes(lists) <= MOST_CLASSES, { error: "there are too many flows in too many lists" });

const classes = (lists: readonly (readonly FlowRule[])[]) =>
  lists.reduce((product, list) => product * (list.length + 1), 1);

/** Several services: the first flow of a priority list whose conditions hold takes a packet, and picks among targets of its own. */
export const flows = defineStrategy({
  schema,
  hash(spec, flow) {
    const hash = hashFlow(spec.assign as { strategy: string }, flow);
    return hash === null ? null : classOf(spec.lists, flow) * SPACE + hash;
  },
  space: ({ lists }) => classes(lists) * SPACE,
  state: stateOf,
  pick: (state, hash) => state.oracles[ruleOf(state, hash)]?.pick(hash % SPACE) ?? null,
  slot: (state, hash) => {
    const index = ruleOf(state, hash);
    const slot = state.oracles[index]?.slot?.(hash % SPACE) ?? null;
    return `flow ${state.rules[index]?.name ?? "none"}${slot === null ? "" : `, ${slot}`}`;
  },
  services: ({ rules, oracles }) => new Map(rules.map(({ name }, i) => [name, oracles[i]?.shares ?? new Map()])),
  serviceOf: (state, hash) => state.rules[ruleOf(state, hash)]?.name ?? null,
  // What each flow gets of the traffic, the traffic decides.
  shares: () => new Map(),
  affinityS: ({ assign }, family) => affinityS(assign as { strategy: string }, family),
});

function stateOf(spec: Spec, active: readonly number[], before: State | null): State {
  const { lists, list = 0 } = spec;
  const rules = lists[list] ?? [];
  const of = (name: string) => before?.oracles[before.rules.findIndex((rule) => rule.name === name)] ?? null;
  return {
    rules,
    oracles: rules.map(({ name, targets }) =>
      makeOracle(
        spec.assign as { strategy: string },
        active.filter((index) => targets.includes(index)),
        of(name),
      ),
    ),
    radix: classes(lists.slice(0, list)),
  };
}

const ruleOf = ({ rules, radix }: State, hash: number) =>
  Math.floor(Math.floor(hash / SPACE) / radix) % (rules.length + 1);

const compiled = new WeakMap<object, (flow: Parameters<ReturnType<typeof classifier>>[0]) => number>();

/** Which rule of each list takes the flow, as one number. */
function classOf(lists: Spec["lists"], flow: Parameters<ReturnType<typeof classifier>>[0]): number {
  let known = compiled.get(lists);
  if (!known) {
    const finders = lists.map((list, i) => ({ find: classifier(list), radix: classes(lists.slice(0, i)) }));
    known = (one) => finders.reduce((sum, { find, radix }) => sum + find(one) * radix, 0);
    compiled.set(lists, known);
  }
  return known(flow);
}
