// SPDX-License-Identifier: Apache-2.0
// The kernel's SCTP: whether it is there, and how the machines of a lab use it.
import path from "node:path";
import { missingOf } from "../api/requirements.ts";
import { buildDir } from "../host/locate.ts";
import type { Protocol } from "../record/schema.ts";
import type { Lab, Place } from "../runtime/runtime.ts";
import { secondPath } from "../topology/paths.ts";

/** One sentence where the load needs it and the kernel has none. To ask has the kernel load its module. */
export async function sctpMissing(protocol: Protocol, place: Place): Promise<string[]> {
  if (protocol !== "sctp") return [];
  const program = place.router?.program("traffic") ?? path.join(buildDir, "traffic");
  const probe = { what: "SCTP", argv: [program, "sctp"], input: "", remedy: "Use another kernel: '--runtime vm'." };
  return missingOf({ kernel: [probe] }, place);
}

/** All addresses of a service are told to its peers, whatever theirs are: else private ones are not told to public ones. */
const SYSCTLS = ["net/sctp/addr_scope_policy=0"];

/** A path is asked each second or so, and given up after a second without an answer: milliseconds. */
const PATH_SYSCTLS = ["net/sctp/rto_max=1000", "net/sctp/rto_initial=1000", "net/sctp/hb_interval=1000"];

/** Before sockets are opened, once the kernel has it. */
export async function tuneSctp(lab: Lab): Promise<void> {
  const { targets, testers, paths, mtu = 1500 } = lab.topology;
  const input = [...SYSCTLS, ...(paths ? PATH_SYSCTLS : [])].map((line) => `${line}\n`).join("");
  await Promise.all(
    [...targets, ...testers].map(async ({ name, links }) => {
      await lab.wiring(name).exec(["@sysctl"], { input });
      // Several packets that leave as one, to be cut up on their way, would be counted as one.
      const one = links.map(({ device }) => `link set dev ${device} gso_max_size ${mtu}\n`).join("");
      await lab.wiring(name).exec(["ip", "-batch", "-"], { input: one });
    }),
  );
}

/** Its addresses, routes and rules, besides those of every lab. */
export async function openSecondPath(lab: Lab): Promise<void> {
  const { machines } = lab.topology;
  for (const family of [4, 6] as const)
    await Promise.all(
      machines.map((machine) =>
        lab
          .wiring(machine.name)
          .exec(["ip", `-${family}`, "-batch", "-"], { input: secondPath(lab.topology, machine, family) }),
      ),
    );
}
