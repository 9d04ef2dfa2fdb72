// SPDX-License-Identifier: Apache-2.0
import {
  addressOf,
  type Daemon,
  defineBackend,
  FAMILIES,
  TOOLS,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { refuseBeside } from "../found/file.ts";
import { leavesDead } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { weightOf, weightsPart } from "../linux/options.ts";
import { checkLines, checksOf, checkWords, converging, refuseUnchecked } from "./haproxy-checks.ts";
import { readHaproxy } from "./haproxy-file.ts";
import { type Options, options, PROGRAM } from "./haproxy-options.ts";
import { answers, moveServers, tell } from "./haproxy-socket.ts";
import { checkOwnHaproxy, ownFacts, ownHaproxySide, ownOracle, waitForChecked } from "./own-haproxy.ts";
import { effectiveOptions, idlePart, openFiles, PORTS, proxyLifecycle, proxySide, SIG } from "./proxies.ts";

const BALANCE = { rr: "roundrobin", leastconn: "leastconn", random: "random" } as const;

/** By default its "random" draws two servers and takes the one with fewer connections. */
const LATER = { rr: { later: "shares" }, leastconn: { later: "fewest" }, random: {} } as const;

/** HAProxy in TCP mode: connections end at the router, and the admin socket says which servers get new ones. */
export const haproxy = defineBackend({
  name: "haproxy",
  summary:
    "HAProxy in TCP mode, a proxy in user space: in turn, fewest connections or random; its sockets are the state",
  protocols: ["tcp"],
  service: "an address with a listening socket for each port",
  servesVips: ({ config }) => config === undefined,
  options,
  requires: (given) => ({ programs: [PROGRAM], tools: [TOOLS.ip, TOOLS.ss], check: checkOwnHaproxy(given) }),
  leavesDead,
  checks: checksOf,
  reweighs: ({ config }) => (config === undefined ? null : "A configuration of your own has the weights."),
  direct: () => bothLive,
  withoutTargets: () => "refused",
  lifecycle: { actions: ["reload", "upgrade"], of: ({ config }) => (config === undefined ? proxyLifecycle : null) },
  oracle: (given, targets) =>
    given.config === undefined
      ? {
          strategy: "stateful",
          flush: given.leave === "flush",
          assign: null,
          ...LATER[given.scheduler],
          ...idlePart(given.timeout),
          ...weightsPart(given.weights),
        }
      : ownOracle(given, targets),
  serves: (given, targets) => (given.config === undefined ? null : readHaproxy(given, targets).layout.served),
  effectiveOptions(given, targets) {
    refuseBeside(given, options, ["leave"]);
    refuseUnchecked(given);
    return given.config === undefined ? effectiveOptions(given, targets) : ownFacts(given, targets);
  },
  prepare: waitForChecked,
  async router(router, given) {
    if (given.config !== undefined) {
      const { others } = readHaproxy(given, router.topology.targets.length).layout;
      return proxySide(router, await ownHaproxySide(router, given), others);
    }
    const { host, topology, services } = router;
    const program = await router.find(PROGRAM);
    const sockets = Array.from({ length: given.workers }, (_, i) => `/run/haproxy-${i + 1}.sock`);
    const daemons = new Map<string, Daemon>();
    let most = 0;
    const serve = async (socket: string, active: readonly number[], old = "") => {
      const file = socket.replace(/sock$/, "cfg");
      const vips = (family: 4 | 6) => vipsOf(family, services, topology.vips);
      await host.exec(["@write", file], { input: configuration(topology, given, active, { socket, most, vips }) });
      const daemon = router.start(
        [program.path, "-db", "-f", file, ...(old === "" ? [] : ["-x", socket, "-sf", old])],
        program,
      );
      daemons.set(socket, daemon);
      await daemon.while(answers(host, socket, old));
    };
    const serveAll = (active: readonly number[]) => Promise.all(sockets.map((socket) => serve(socket, active)));
    const end = (signal: number) => Promise.all([...daemons.values()].map((daemon) => daemon.end(signal)));
    /** New processes take the listening sockets, and those before serve the connections that they have. */
    const reload = async (active: readonly number[]) => {
      for (const socket of sockets) {
        const old = await answers(host, socket);
        daemons.get(socket)?.expectEnd();
        await serve(socket, active, old);
      }
    };
    // One that has ended is a fault that was told already: the run goes on and shows what it does.
    const tellAll = (commands: string[]) =>
      Promise.all([...daemons].flatMap(([socket, { alive }]) => (alive ? [tell(host, socket, commands)] : [])));
    return proxySide(router, {
      async install(first) {
        // Two for each connection, and some for listening, polling and the admin socket.
        const listening = 2 * PORTS.tcp.length * (services + (topology.vips ?? 1));
        most = Math.floor(((await openFiles(host)) - 200 - listening) / 2);
        await serveAll(first);
      },
      control: { stop: () => end(SIG.term), kill: () => end(SIG.kill), start: serveAll, reload, upgrade: reload },
      async change(next, before) {
        const come = serversOf(topology, without(next, before));
        const go = serversOf(topology, without(before, next));
        await moveServers(tellAll, { come, go }, given.leave);
      },
      ...converging(router, given, sockets),
      weigh: (next) =>
        tellAll(
          topology.targets.flatMap((_, i) =>
            serversOf(topology, [i]).map((server) => `set server ${server} weight ${next[i] ?? 1}`),
          ),
        ),
    });
  },
});

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

function serversOf({ targets }: Topology, indices: readonly number[]): string[] {
  return FAMILIES.flatMap((family) => indices.map((index) => `targets${family}/${targets[index]?.name}`));
}

/** Without health checks, who is in use is the lab's decision alone. A server without a port is reached at the client's. */
function configuration(
  topology: Topology,
  given: Options,
  active: readonly number[],
  own: { socket: string; most: number; vips: (family: 4 | 6) => string[] },
): string {
  const lines = [
    "global",
    `  maxconn ${own.most}`,
    // A successor is given the listening sockets, with the connections that wait there.
    `  stats socket ${own.socket} mode 600 level admin expose-fd listeners`,
    // Worker processes share the ports; threads would share one limit of open files.
    "  nbthread 1",
    "defaults",
    "  mode tcp",
    "  timeout connect 5s",
    `  timeout client ${given.timeout}s`,
    `  timeout server ${given.timeout}s`,
  ];
  const checked = checkWords(given, given.leave === "flush");
  for (const family of FAMILIES) {
    lines.push(
      ...own.vips(family).flatMap((vip, i, all) => {
        const address = family === 4 ? vip : `[${vip}]`;
        return [
          `frontend ${i < all.length - 1 ? `other${family}-${i + 1}` : `vip${family}`}`,
          `  bind ${PORTS.tcp.map((port) => `${address}:${port}`).join(",")}`,
          `  default_backend targets${family}`,
        ];
      }),
      `backend targets${family}`,
      `  balance ${BALANCE[given.scheduler]}`,
      ...checkLines(given),
      ...topology.targets.map((target, i) => {
        const address = family === 4 ? addressOf(target, 4) : `[${addressOf(target, 6)}]`;
        const disabled = active.includes(i) ? "" : " disabled";
        return `  server ${target.name} ${address} weight ${weightOf(given.weights, i)}${checked}${disabled}`;
      }),
    );
  }
  return `${lines.join("\n")}\n`;
}
