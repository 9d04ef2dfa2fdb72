// SPDX-License-Identifier: Apache-2.0
// The fabric of a lab: one machine, or a part of it beside the machines of each node.
import type { Machine } from "../topology/topology.ts";
import type { Host, Lab } from "./runtime.ts";

type Parts = Pick<Lab, "fabricOf">;

/** Name of the part in which a machine's links end. */
export const fabricOf = (lab: Parts, machine: string): string => lab.fabricOf?.(machine) ?? "fabric";

/** That part's network, with the lab's own tools. */
export const fabricAt = (lab: Parts & Pick<Lab, "wiring">, { name }: Pick<Machine, "name">): Host =>
  lab.wiring(fabricOf(lab, name));

/** Names of all parts. */
export const fabricsOf = (lab: Parts & Pick<Lab, "topology">): string[] => [
  ...new Set(lab.topology.machines.map(({ name }) => fabricOf(lab, name))),
];

/** The lines of each of these machines, in one batch for each part in which their links end. */
export async function inFabrics(
  lab: Parts & Pick<Lab, "wiring">,
  tool: "ip" | "bridge" | "tc",
  machines: readonly Machine[],
  lines: (machine: Machine) => readonly string[],
): Promise<void> {
  const batches = new Map<string, string[]>();
  for (const machine of machines) {
    const part = fabricOf(lab, machine.name);
    batches.set(part, [...(batches.get(part) ?? []), ...lines(machine)]);
  }
  const run = ([part, batch]: [string, string[]]) =>
    lab.wiring(part).exec([tool, "-batch", "-"], { input: batch.map((line) => `${line}\n`).join("") });
  await Promise.all([...batches].map(run));
}
