// SPDX-License-Identifier: Apache-2.0
// Where the VIP and the machines of a running lab are reached, for whoever works in it by hand.

import { addressOf, FAMILIES } from "../api/network.ts";
import { planTopology, VIP } from "../topology/topology.ts";
import { PORT } from "../traffic/servers.ts";
import { PROGRAM } from "../util/typed.ts";
import type { SessionStatus } from "./session.ts";

/** `addresses`: of targets and routers on net1, IPv4 first. */
export function access({ targets, routers }: Pick<SessionStatus, "targets" | "routers">) {
  const plan = planTopology({ targets: targets.length, routers: routers.length });
  return {
    vip: FAMILIES.map((family) => VIP[family]),
    ports: PORT,
    addresses: Object.fromEntries(
      [...plan.targets, ...plan.routers].map((machine) => [
        machine.name,
        FAMILIES.map((family) => addressOf(machine, family)),
      ]),
    ),
  };
}

export function accessText(status: Pick<SessionStatus, "targets" | "routers">): string[] {
  const { vip, ports, addresses } = access(status);
  const names = [status.targets[0]?.name, status.targets.at(-1)?.name, status.routers[0]];
  const known = [...new Set(names)].flatMap((name) => (name ? [`${name} ${addresses[name]?.join(" ")}`] : []));
  const net1 = known.map((line, i) => `${i === 0 ? "net1" : ""}`.padEnd(9) + line);
  return [
    `VIP      ${vip.join(" ")}`,
    `ports    ${ports.connect} connect, ${ports.stream.tcp} TCP stream, ${ports.stream.udp} UDP stream, ${ports.fragments} fragments`,
    ...net1,
  ];
}

export const NEXT = `
Next:
  ${PROGRAM} exec vm-221 traffic connect --address ${VIP[4]}:${PORT.connect} --connections 100 --src 50.0.0.0/16 --output txt
  ${PROGRAM} exec vm-221 ctraffic -address ${VIP[4]}:${PORT.stream.tcp} -srccidr 50.0.0.0/16 -nconn 100 -rate 100 -monitor -timeout 5s
  ${PROGRAM} shell vm-201
  ${PROGRAM} scale in 1
  ${PROGRAM} stop
`;
