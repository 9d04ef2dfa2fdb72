// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, Balancer } from "../../harness/api/backend.ts";
import { type Host, type Lab, LabError } from "../../harness/runtime/runtime.ts";
import { nowNs } from "../../harness/util/clock.ts";
import { ipvsFacts, ipvsNeeds, ipvsOracle, prepareWays } from "../ipvs/ipvs.ts";
import { checkReplies, readStats } from "../ipvs/stats.ts";
import { catchVip, needsMasquerade, SERVICES, startSync } from "../ipvs/table.ts";
import { missingFor } from "../linux/probe.ts";
import { onEveryRouter } from "../linux/routers.ts";
import { findProgram, notFound } from "../proxies/program.ts";
import { Daemon } from "../proxies/proxies.ts";
import { CHECKED_PORT, configuration } from "./config.ts";
import { untilInUse, type Wanted } from "./in-use.ts";
import { longestS, options } from "./options.ts";

const CONFIG = "/run/keepalived.conf";
const PID_FILE = "/run/keepalived.pid";
/** A reload takes some 10 ms; in an emulated guest with a thousand targets, seconds. */
const RELOAD_S = 20;
const SERVERS_S = 10;

/** keepalived fills IPVS' table, and takes targets out of it that do not answer. */
export const keepalived: Backend<typeof options> = {
  name: "keepalived",
  summary: "keepalived with IPVS: health checks find dead targets; direct routing, NAT or tunnel; nine schedulers",
  keepsState: true,
  handles: ["health_checks"],
  options,
  async missing(runtime, given) {
    const program = runtime.name === "netns" && !(await findProgram(runtime.name, "keepalived"));
    const kernel = await missingFor(runtime, ["ipvsadm", "iptables-restore"], ipvsNeeds(given));
    return [...(program ? [notFound("keepalived", "keepalived")] : []), ...kernel];
  },
  affinityOption: "persistence",
  oracle: ipvsOracle,
  effectiveOptions({ delayLoop, connectTimeout, retries, delayBeforeRetry, ...given }, targets) {
    return { ...ipvsFacts(given, targets), delayLoop, connectTimeout, retries, delayBeforeRetry };
  },
  async deploy(lab, given, active) {
    const program = await findProgram(lab.runtime, "keepalived");
    if (!program) throw new LabError(notFound("keepalived", "keepalived"));
    await Promise.all([prepareWays(lab, given), serversListen(lab)]);
    const services = given.fwmark ? 1 : SERVICES.length;
    const waitFor = (host: Host, wanted: Wanted, seconds: number) =>
      untilInUse(host, lab.topology, services, wanted, nowNs() + seconds * 1e9);
    const daemons: Daemon[] = [];
    let stopping = false;
    let checked: Balancer | null = null;
    const fault = (sentence: string) => stopping || checked?.onFault?.(sentence);
    const balancer = await onEveryRouter(lab, active, (host, router) => {
      let listed: readonly number[] = active;
      const write = (next: readonly number[]) => {
        // Drained, a target stays in the file, with weight 0.
        listed = given.leave === "drain" ? [...new Set([...listed, ...next])] : next;
        const input = configuration(lab.topology, given, { name: router.name, listed, active: next });
        return host.exec(["@write", CONFIG], { input });
      };
      return {
        async install(first) {
          await catchVip(host, given, needsMasquerade(lab, given));
          await write(first);
          // In the foreground, checks only; without one of its processes it ends instead of starting another.
          const argv = [
            program.path,
            "--dont-fork",
            "--log-console",
            "--check",
            "--dont-respawn",
            "--use-file",
            CONFIG,
          ];
          const daemon = new Daemon(host, [...argv, ...PID_FILES], { env: program.env }, fault);
          daemons.push(daemon);
          await inForce(host, daemon.while(waitFor(host, { in: first, out: [] }, RELOAD_S), 2 * RELOAD_S * 1000));
          if (given.sync) await startSync(host, router);
        },
        async change(next, before) {
          await write(next);
          // Its first process alone, which tells the other: one that is told by both reads its file too early, finds it empty and
          // forgets all targets for a moment, and IPVS their connections.
          await host.exec(["sh", "-c", `kill -s HUP "$(cat ${PID_FILE})"`]);
          const wanted = { in: without(next, before), out: without(before, next) };
          await inForce(host, waitFor(host, wanted, RELOAD_S));
        },
        counters: () => readStats(host, !given.expireNodest && !given.sync),
      };
    });
    checked = checkReplies(
      {
        ...balancer,
        async waitForConvergence(alive) {
          const all = lab.topology.targets.map((_, index) => index);
          const wanted = { in: alive, out: without(all, alive) };
          // Generous: a busy machine is no fault of the balancer's, and how long it took is in the record.
          const found = await Promise.all(
            lab.topology.routers.map(({ name }) => waitFor(lab.host(name), wanted, 3 * longestS(given) + 10)),
          );
          if (found.includes(false))
            fault(`keepalived did not find out within ${3 * longestS(given) + 10} s which targets answer.`);
          return nowNs();
        },
        async [Symbol.asyncDispose]() {
          stopping = true;
          await Promise.all(daemons.map((daemon) => daemon.stop()));
        },
      },
      given.forward,
    );
    return checked;
  },
};

const PID_FILES = ["--pid", PID_FILE, "--checkers_pid", "/run/keepalived-checkers.pid"];

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

async function inForce(host: Host, came: Promise<boolean>): Promise<void> {
  if (!(await came))
    throw new LabError(`What keepalived was told on ${host.name} was not in IPVS' table after ${RELOAD_S} s.`);
}

/** Servers start beside the balancer, and a target that does not listen yet would be found dead. Those that never do are told elsewhere. */
async function serversListen(lab: Lab): Promise<void> {
  const port = CHECKED_PORT.toString(16).toUpperCase().padStart(4, "0");
  const listening = new RegExp(`:${port} \\S+ 0A `);
  const deadline = nowNs() + SERVERS_S * 1e9;
  await Promise.all(
    lab.topology.targets.map(async ({ name }) => {
      while (nowNs() < deadline) {
        const { stdout } = await lab.host(name).exec(["@read", "/proc/net/tcp", "/proc/net/tcp6"]);
        if (listening.test(stdout)) return;
        await sleep(50);
      }
    }),
  );
}
