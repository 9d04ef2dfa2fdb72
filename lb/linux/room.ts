// SPDX-License-Identifier: Apache-2.0
// Limits of what conntrack lets in: the entries of its table, and the ports of the router's own address, which replies return to.
import { z } from "zod";
import { type Host, type Lab, LabError, type Room, setSysctls, UsageError } from "../../harness/api/index.ts";

export const conntrackMax = z.coerce
  .number()
  .int()
  .min(1)
  .max(10_000_000)
  .optional()
  .describe(
    "connections that the kernel's table holds (net.netfilter.nf_conntrack_max): only in a guest (as many as the kernel's)",
  );

export const snatPorts = z
  .string()
  .regex(/^\d{1,5}-\d{1,5}$/, "write ports such as 20000-20007")
  .refine((text) => {
    const { from, to } = portsOf(text);
    return from >= 1 && from <= to && to <= 65_535;
  }, "write the lower port first, from 1 to 65535")
  .optional()
  .describe("ports of the router's own address that connections get, such as 20000-20007; takes masquerade (any)");

export const randomFully = z
  .stringbool()
  .optional()
  .describe("with masquerade: ports are drawn at random (true), or the client's is kept where it is free (false)");

interface Limits {
  conntrackMax?: number | undefined;
  snatPorts?: string | undefined;
}
interface Snat {
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
}

function portsOf(text: string): { from: number; to: number; ports: number } {
  const [from = 0, to = 0] = text.split("-").map(Number);
  return { from, to, ports: to - from + 1 };
}

/** The kernel tries this many ports from a random one on, then half as many from another: with more, a free one may be missed. */
const PORTS_TRIED = 128;
/** Of more ports so large a share is found: a row of 128 taken ones is rarer than one in a million then. */
const FOUND_SHARE = 0.9;

export function roomOf({ conntrackMax: most, snatPorts: range }: Limits, inTurn = false): Room | null {
  if (most !== undefined) return { what: "conntrack", option: `conntrackMax=${most}`, most, sure: most };
  if (range === undefined) return null;
  const { ports } = portsOf(range);
  const sure = ports <= PORTS_TRIED ? ports : Math.floor(FOUND_SHARE * ports);
  return {
    what: "snat_ports",
    option: `snatPorts=${range}`,
    most: ports,
    sure,
    ...(inTurn ? { inTurn: true as const } : {}),
  };
}

/** Throws UsageError where options do not fit together. `masquerades`: null, where the topology says. */
export function checkRoom(given: Limits & Snat, masquerades: boolean | null, remedy: string): void {
  if (given.conntrackMax !== undefined && given.snatPorts !== undefined)
    throw new UsageError("conntrackMax and snatPorts are two limits of the same connections. Give one of them.");
  const asked = given.snatPorts !== undefined ? "snatPorts" : given.randomFully !== undefined ? "randomFully" : null;
  if (asked && masquerades === false)
    throw new UsageError(`${asked} needs the router's own address as the source. Try ${remedy}.`);
}

/** What asks for the router's own address as the source, whatever the topology. */
export const wantsMasquerade = (given: Snat): true | undefined =>
  given.snatPorts !== undefined || given.randomFully !== undefined ? true : undefined;

export const ownKernel = ({ conntrackMax: most }: Limits): { ownKernel?: string } =>
  most === undefined ? {} : { ownKernel: "The size of the connection table (conntrackMax)" };

/** Once conntrack is there. */
export async function limitTable(lab: Lab, { conntrackMax: most }: Limits): Promise<void> {
  if (most === undefined) return;
  if (!lab.kernel) throw new LabError("conntrackMax takes a kernel of the lab's own. Try --runtime vm.");
  await setSysctls(lab.kernel(), [`net/netfilter/nf_conntrack_max=${most}`]);
}

/** How often the kernel said that its table is full; it leaves messages out when they are many, and says how many. */
export async function tableFull(
  lab: Lab,
  router: Host,
  { conntrackMax: most }: Limits,
): Promise<Record<string, number>> {
  // One kernel speaks for all routers.
  if (most === undefined || router.name !== lab.topology.routers[0]?.name) return {};
  const { stdout } = (await lab.kernel?.().exec(["dmesg"], { check: false })) ?? { stdout: "" };
  return { "conntrack.table_full": stdout.match(/nf_conntrack: table full.*dropping packet/g)?.length ?? 0 };
}

/** For iptables: masquerading of what leaves by `match`. Ports are of protocols that have them. */
export function masqueradeRules(match: string, { snatPorts: range, randomFully: random }: Snat): string[] {
  const how = random ? " --random-fully" : "";
  const all = `-A POSTROUTING ${match} -j MASQUERADE${how}`;
  if (range === undefined) return [all];
  return [
    ...["tcp", "udp"].map(
      (protocol) => `-A POSTROUTING -p ${protocol} ${match} -j MASQUERADE --to-ports ${range}${how}`,
    ),
    all,
  ];
}

/** The same for nft. */
export function masqueradeStatements(match: string, { snatPorts: range, randomFully: random }: Snat): string[] {
  const how = random ? " fully-random" : "";
  const all = `${match} masquerade${how}`;
  return range === undefined ? [all] : [`${match} meta l4proto { tcp, udp } masquerade to :${range}${how}`, all];
}
