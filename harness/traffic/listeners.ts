// SPDX-License-Identifier: Apache-2.0
// Sockets that listen at a port of a machine.
import type { Lab } from "../runtime/runtime.ts";

const LISTEN = "0A";

export interface Listeners {
  machine: string;
  /** Of each family's own; one of IPv6 that serves both is `both`. */
  ipv4: number;
  ipv6: number;
  both: number;
}

export async function listenersIn(lab: Lab, machine: string, port: number): Promise<Listeners> {
  const read = async (file: string) =>
    parseListeners((await lab.host(machine).exec(["@read", file], { check: false })).stdout, port);
  const [ipv4, ipv6] = await Promise.all([read("/proc/net/tcp"), read("/proc/net/tcp6")]);
  // A socket of IPv6 that is bound to no address takes IPv4 too, where nobody else listens there.
  const both = ipv4.length === 0 ? ipv6.filter((address) => /^0+$/.test(address)).length : 0;
  return { machine, ipv4: ipv4.length, ipv6: ipv6.length - both, both };
}

/** Local addresses of those in the lines of /proc/net/tcp. */
function parseListeners(text: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return text.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [address = "", number] = local.split(":");
    return state === LISTEN && number === wanted ? [address] : [];
  });
}
