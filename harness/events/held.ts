// SPDX-License-Identifier: Apache-2.0
import { fabricsOf } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";

/** Columns of /proc/net/dev. */
const PACKETS = { in: 1, out: 9 } as const;

/** The fabric's ends of the links between testers and routers. */
const testerPorts = ({ topology: { testers } }: Pick<Lab, "topology">) => testers.map(({ name }) => `${name}.2`);
const routerPorts = ({ topology: { routers } }: Pick<Lab, "topology">) => routers.map(({ name }) => `${name}.2`);

/** Packets of the testers that the bridge did not hand on to a router, since it was made. */
export async function heldPackets(lab: Lab): Promise<number> {
  const files = fabricsOf(lab).map((part) => lab.host(part).exec(["@read", "/proc/net/dev"]));
  const stdout = (await Promise.all(files)).map((file) => file.stdout).join("");
  const count = (port: string, column: number) => {
    const line = stdout.split("\n").find((text) => text.trim().startsWith(`${port}:`));
    return Number(line?.split(":")[1]?.trim().split(/\s+/)[column] ?? 0);
  };
  const sum = (ports: readonly string[], column: number) => ports.reduce((all, port) => all + count(port, column), 0);
  return sum(testerPorts(lab), PACKETS.in) - sum(routerPorts(lab), PACKETS.out);
}
