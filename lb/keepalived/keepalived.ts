// SPDX-License-Identifier: Apache-2.0
import { defineBackend, type Host, LabError, type Program } from "../../harness/api/index.ts";
import {
  checkedStats,
  ipvsFacts,
  ipvsOracle,
  ipvsRequirements,
  ipvsReuse,
  ipvsRoom,
  mtuTraits,
  prepareWays,
} from "../ipvs/ipvs.ts";
import { TUNNELS } from "../ipvs/paths.ts";
import { catchVip, needsMasquerade, SERVICES, startSync } from "../ipvs/table.ts";
import { serversListen } from "../linux/servers-listen.ts";
import { snatOf } from "../linux/snat-ports.ts";
import { configuration } from "./config.ts";
import { untilInUse, type Wanted } from "./in-use.ts";
import { longestS, options } from "./options.ts";

const CONFIG = "/run/keepalived.conf";
const PID_FILE = "/run/keepalived.pid";
/** A reload takes some 10 ms; in an emulated guest with a thousand targets, seconds. */
const RELOAD_S = 20;

const PROGRAM: Program = { name: "keepalived", from: { packages: "keepalived", version: ["--version"] } };

/** keepalived fills IPVS' table, and takes targets out of it that do not answer. */
export const keepalived = defineBackend({
  name: "keepalived",
  summary: "keepalived with IPVS: health checks find dead targets; direct routing, NAT or tunnel; nine schedulers",
  handles: ["health_checks"],
  tunnels: TUNNELS,
  ...mtuTraits,
  options,
  affinityOption: "persistence",
  requires: (given) => ({ ...ipvsRequirements(given), programs: [PROGRAM] }),
  oracle: ipvsOracle,
  room: ipvsRoom,
  reuse: ipvsReuse,
  snat: snatOf,
  // A virtual server without real ones is taken out, and then the router itself resets; with drained or dead ones IPVS answers by ICMP.
  withoutTargets: () => "unreachable",
  effectiveOptions({ delayLoop, connectTimeout, retries, delayBeforeRetry, ...given }, targets) {
    return { ...ipvsFacts(given, targets), delayLoop, connectTimeout, retries, delayBeforeRetry };
  },
  async prepare(lab, given) {
    await Promise.all([prepareWays(lab, given), serversListen(lab)]);
  },
  async router(router, given) {
    const { host, machine, lab, topology } = router;
    const program = await router.find(PROGRAM);
    const services = given.fwmark ? 1 : SERVICES.length;
    const waitFor = (wanted: Wanted, seconds: number) =>
      untilInUse(host, { topology, services }, wanted, lab.clock.now() + seconds * 1e9);
    let listed: readonly number[] = [];
    const write = (next: readonly number[]) => {
      // Drained, a target stays in the file, with weight 0.
      listed = given.leave === "drain" ? [...new Set([...listed, ...next])] : next;
      const input = configuration(topology, given, { name: machine.name, listed, active: next });
      return host.exec(["@write", CONFIG], { input });
    };
    return {
      async install(first) {
        await catchVip(host, given, needsMasquerade(lab, given));
        await write(first);
        const daemon = router.start([program.path, ...FOREGROUND, "--use-file", CONFIG, ...PID_FILES], program);
        await inForce(host, daemon.while(waitFor({ in: first, out: [] }, RELOAD_S), 2 * RELOAD_S * 1000));
        if (given.sync) await startSync(host, machine);
      },
      async change(next, before) {
        await write(next);
        // Its first process alone, which tells the other: one that is told by both reads its file too early, finds it empty and
        // forgets all targets for a moment, and IPVS their connections.
        await host.exec(["sh", "-c", `kill -s HUP "$(cat ${PID_FILE})"`]);
        await inForce(host, waitFor({ in: without(next, before), out: without(before, next) }, RELOAD_S));
      },
      async converge(alive) {
        const all = topology.targets.map((_, index) => index);
        // Generous: a busy machine is no fault of the balancer's, and how long it took is in the record.
        const seconds = 3 * longestS(given) + 10;
        if (!(await waitFor({ in: alive, out: without(all, alive) }, seconds)))
          router.fault(`keepalived on ${host.name} did not find out within ${seconds} s which targets answer.`);
      },
      counters: checkedStats(router, given, { checksHealth: true }),
    };
  },
});

/** Checks only; without one of its processes it ends instead of starting another. */
const FOREGROUND = ["--dont-fork", "--log-console", "--check", "--dont-respawn"];
const PID_FILES = ["--pid", PID_FILE, "--checkers_pid", "/run/keepalived-checkers.pid"];

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

async function inForce(host: Host, came: Promise<boolean>): Promise<void> {
  if (!(await came))
    throw new LabError(`What keepalived was told on ${host.name} was not in IPVS' table after ${RELOAD_S} s.`);
}
