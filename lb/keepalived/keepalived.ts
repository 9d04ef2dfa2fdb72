// SPDX-License-Identifier: Apache-2.0
import { defineBackend, type Host, LabError, type Program } from "../../harness/api/index.ts";
import { refuseBeside } from "../found/file.ts";
import {
  checkedStats,
  ipvsDirect,
  ipvsFacts,
  ipvsLifecycle,
  ipvsOracle,
  ipvsRequirements,
  ipvsReuse,
  ipvsRoom,
  mtuTraits,
  prepareWays,
} from "../ipvs/ipvs.ts";
import { TUNNELS } from "../ipvs/paths.ts";
import { catchVip, needsMasquerade, startSync } from "../ipvs/table.ts";
import { Running } from "../linux/running.ts";
import { serversListen } from "../linux/servers-listen.ts";
import { snatOf } from "../linux/snat-ports.ts";
import { untilInUse, type Wanted } from "./in-use.ts";
import { options } from "./options.ts";
import { readKeepalived } from "./own-file.ts";
import { BESIDE, kernelPart, ownFacts, setupOf } from "./setup.ts";

const CONFIG = "/run/keepalived.conf";
const PID_FILE = "/run/keepalived.pid";
/** A reload takes some 10 ms; in an emulated guest with a thousand targets, seconds. */
const RELOAD_S = 20;

const PROGRAM: Program = { name: "keepalived", from: { packages: "keepalived", version: ["--version"] } };

/** keepalived fills IPVS' table, and takes targets out of it that do not answer. */
export const keepalived = defineBackend({
  name: "keepalived",
  summary: "keepalived with IPVS: health checks find dead targets; direct routing, NAT or tunnel; nine schedulers",
  handles: ["health_checks", "icmp_errors"],
  servesVips: ({ config }) => config === undefined,
  tunnels: TUNNELS,
  ...mtuTraits,
  options,
  affinityOption: "persistence",
  requires: (given) => ({
    ...ipvsRequirements(given, given.config === undefined ? undefined : readKeepalived(given, null).schedulers),
    programs: [PROGRAM],
  }),
  oracle: (given, targets, protocol) =>
    given.config === undefined
      ? ipvsOracle(given, targets, protocol)
      : readKeepalived(given, targets).oracle(protocol, targets, kernelPart(given)),
  serves: (given, targets) => (given.config === undefined ? null : readKeepalived(given, targets).layout.served),
  room: ipvsRoom,
  reuse: ipvsReuse,
  snat: snatOf,
  // A virtual server without real ones is taken out, and then the router itself resets; with drained or dead ones IPVS answers by ICMP.
  direct: ipvsDirect,
  withoutTargets: () => "unreachable",
  /** A stop takes its virtual servers out; killed, it leaves IPVS' table as it is, and finds it there when it comes back. */
  lifecycle: {
    actions: ["reload"],
    of: (given) => ({
      ...ipvsLifecycle(given),
      balancer_kill: { open: "served", fresh: "served" },
      balancer_reload: { open: "served", fresh: "served" },
    }),
  },
  effectiveOptions(given, targets) {
    refuseBeside(given, options, BESIDE);
    if (given.config !== undefined) return ownFacts(given, targets);
    const { delayLoop, connectTimeout, retries, delayBeforeRetry } = given;
    return { ...ipvsFacts(given, targets), delayLoop, connectTimeout, retries, delayBeforeRetry };
  },
  async prepare(lab, given) {
    const { ipvs, checkedPort } = setupOf(given, lab.topology.targets.length);
    await Promise.all([prepareWays(lab, ipvs), serversListen(lab, checkedPort)]);
  },
  async router(router, given) {
    const { host, machine, lab, topology } = router;
    const program = await router.find(PROGRAM);
    const setup = setupOf(given, topology.targets.length, topology.vips);
    const { ipvs } = setup;
    const waitFor = (wanted: Wanted, seconds: number) =>
      untilInUse(host, { topology, services: setup.destinations }, wanted, lab.clock.now() + seconds * 1e9);
    let listed: readonly number[] = [];
    const write = (next: readonly number[]) => {
      // Drained, a target stays in the file, with weight 0.
      listed = given.leave === "drain" ? [...new Set([...listed, ...next])] : next;
      return host.exec(["@write", CONFIG], { input: setup.text(machine, topology, { listed, active: next }) });
    };
    const running = new Running<readonly number[]>(async (active) => {
      await write(active);
      const daemon = router.start([program.path, ...FOREGROUND, "--use-file", CONFIG, ...PID_FILES], program);
      const seconds = RELOAD_S + (given.config === undefined ? 0 : setup.longestS);
      await inForce(host, daemon.while(waitFor({ in: active, out: [] }, seconds), 2 * seconds * 1000));
      return daemon;
    });
    /** Its first process alone, which tells the other. */
    const hangUp = () => host.exec(["sh", "-c", `kill -s HUP "$(cat ${PID_FILE})"`]);
    return {
      control: {
        ...running.control,
        async kill() {
          // One that checks ends with the first by itself, in order: it has to go before.
          await host.exec(["sh", "-c", `kill -s STOP "$(cat ${PID_FILE})"; kill -s KILL "$(cat ${CHECKERS_PID})"`]);
          await running.control.kill();
        },
        reload: async (active) => {
          await write(active);
          await hangUp();
          await inForce(host, waitFor({ in: active, out: [] }, RELOAD_S));
        },
      },
      async install(first) {
        await catchVip(host, ipvs, needsMasquerade(lab, ipvs), {
          others: setup.others,
          vips: topology.vips,
          isVirtual: lab.clock.isVirtual,
        });
        await running.begin(first);
        if (given.sync) await startSync(host, machine);
      },
      async change(next, before) {
        await write(next);
        // Its first process alone, which tells the other: one that is told by both reads its file too early, finds it empty and
        // forgets all targets for a moment, and IPVS their connections.
        await hangUp();
        await inForce(host, waitFor({ in: without(next, before), out: without(before, next) }, RELOAD_S));
      },
      async converge(alive) {
        const all = topology.targets.map((_, index) => index);
        // Generous: a busy machine is no fault of the balancer's, and how long it took is in the record.
        const seconds = 3 * setup.longestS + 10;
        if (!(await waitFor({ in: alive, out: without(all, alive) }, seconds)))
          router.fault(`keepalived on ${host.name} did not find out within ${seconds} s which targets answer.`);
      },
      counters: checkedStats(router, ipvs, { checksHealth: true }),
    };
  },
});

/** Checks only; without one of its processes it ends instead of starting another. */
const FOREGROUND = ["--dont-fork", "--log-console", "--check", "--dont-respawn"];
const CHECKERS_PID = "/run/keepalived-checkers.pid";
const PID_FILES = ["--pid", PID_FILE, "--checkers_pid", CHECKERS_PID];

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

async function inForce(host: Host, came: Promise<boolean>): Promise<void> {
  if (!(await came))
    throw new LabError(`What keepalived was told on ${host.name} was not in IPVS' table after ${RELOAD_S} s.`);
}
