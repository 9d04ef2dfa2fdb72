// SPDX-License-Identifier: Apache-2.0
// The program that stands in a link of the fabric and counts what it does to each packet: images/evil.
import { readSeconds } from "../plan/quantities.ts";
import { startProgram } from "../runtime/daemon.ts";
import { fabricOf } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import { type ImpairedLink, type Impairment, leadsOut, shareOf } from "./impairment.ts";

/** Packets of one direction, as the program tells them. */
interface Way {
  received: number;
  lost: number;
  copied: number;
  damaged: number;
  ahead: number;
  /** No room in its socket, or the next device refused them. */
  overrun: number;
  refused: number;
}

/** Takes the link's port out of its bridge and leads it through the program, behind which is another port. */
export async function startEvil(
  lab: Lab,
  impairment: Impairment,
  onEnd: (text: string) => void,
): Promise<ImpairedLink> {
  const { machine, net, faults, seed } = impairment;
  const part = fabricOf(lab, machine);
  const fabric = lab.host(part);
  const port = `${machine}.${net}`;
  const [cable, bridged] = [`${port}c`, `${port}b`];
  const mac = lab.topology.machines
    .find(({ name }) => name === machine)
    ?.links.find((link) => link.net === `net${net}`)?.mac;
  const program = lab.program("evil");
  const ofMillion = (percent: string | undefined) => `${Math.round(shareOf(percent) * 1e6)}`;
  const words = { lost: faults.loss, copied: faults.duplicate, damaged: faults.corrupt, ahead: faults.reorder };
  const mtu = `mtu ${lab.topology.mtu ?? 1500}`;
  const lines = [
    `link add name ${cable} ${mtu} type veth peer name ${bridged} ${mtu}`,
    `link set ${cable} up`,
    `link set ${port} nomaster`,
    `link set ${bridged} master net${net} up`,
  ];
  await lab.wiring(part).exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  await lab.wiring(part).exec(["bridge", "fdb", "replace", `${mac}`, "dev", bridged, "master", "static"]);
  await startProgram(
    fabric,
    [
      program,
      "run",
      "--name",
      port,
      "--inner",
      port,
      "--outer",
      cable,
      "--seed",
      `${seed}`,
      "--delay",
      `${Math.round(readSeconds(faults.delay ?? 0) * 1e6)}`,
      ...Object.entries(words).flatMap(([name, percent]) => [`--${name}`, ofMillion(percent)]),
    ],
    "ready",
    { onEnd: (how) => onEnd(`The program in the link ${machine}/net${net} ${how}`) },
  );
  return {
    async record(record, moment) {
      const { stdout } = await fabric.exec([program, "stats", "--name", port]);
      const told = JSON.parse(stdout) as Record<"outward" | "inward", Way>;
      const [there, back] = leadsOut(lab, impairment) ? [told.outward, told.inward] : [told.inward, told.outward];
      const values = { ...onTheWay(there, net), ...bothWays(there, back) };
      record.add({ kind: "counters", t: record.clock.now(), machine: "path", moment, values });
    },
  };
}

/** What bears on the packets to the targets: each is accounted for. */
const onTheWay = ({ lost, overrun, refused, copied, damaged }: Way, net: number) => ({
  "drop.path": lost + overrun + refused,
  "copies.path": copied,
  ...(damaged > 0 ? { [`damaged.net${net}`]: damaged } : {}),
});

const bothWays = (there: Way, back: Way) =>
  Object.fromEntries(
    (["received", "lost", "copied", "damaged", "ahead", "overrun", "refused"] as const).map((name) => [
      `path.${name}`,
      there[name] + back[name],
    ]),
  );
