// SPDX-License-Identifier: Apache-2.0
// Which source port a connection has towards its target, where the router's own address is the source.
import { FAMILIES, type Host, type Snat, vipPrefix } from "../../harness/api/index.ts";

interface Given {
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
}

/** Ports of a range are what they are. */
export function snatOf({ snatPorts: range, randomFully: random }: Given): Snat | null {
  if (range !== undefined || random === undefined) return null;
  return random ? "random" : "kept";
}

/** Connections for the VIP that conntrack knows: how many have the client's port towards the target, and how many another. */
export async function snatCounters(host: Host, given: Given): Promise<Record<string, number>> {
  if (snatOf(given) === null) return {};
  const lists = await Promise.all(
    FAMILIES.map(async (family) => {
      const vip = vipPrefix(family).split("/")[0] ?? "";
      const { stdout } = await host.exec(["conntrack", "-L", "-f", `ipv${family}`, "-d", vip], { check: false });
      return portsIn(stdout);
    }),
  );
  const all = lists.flat();
  const kept = all.filter(({ client, target }) => client === target).length;
  return { "snat.kept": kept, "snat.changed": all.length - kept };
}

/** An entry has the ports of a packet and those of its answer: what the answer is sent to is what the target saw. */
function portsIn(text: string): { client: string; target: string }[] {
  return text.split("\n").flatMap((line) => {
    const [client] = [...line.matchAll(/\bsport=(\d+)/g)].map(([, port]) => port);
    const [, target] = [...line.matchAll(/\bdport=(\d+)/g)].map(([, port]) => port);
    return client !== undefined && target !== undefined ? [{ client, target }] : [];
  });
}
