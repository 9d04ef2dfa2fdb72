// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  addressOf,
  CommandError,
  type Daemon,
  defineBackend,
  FAMILIES,
  type Host,
  type Program,
  TOOLS,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { leave, leavesDead } from "../linux/conntrack.ts";
import { weightOf, weights, weightsPart } from "../linux/options.ts";
import { effectiveOptions, idlePart, idleTimeout, openFiles, PORTS, proxySide, workers } from "./proxies.ts";

const PROGRAM: Program = { name: "haproxy", from: { packages: "haproxy", version: ["-v"] } };
const BALANCE = { rr: "roundrobin", leastconn: "leastconn", random: "random" } as const;

/** By default its "random" draws two servers and takes the one with fewer connections. */
const LATER = { rr: { later: "shares" }, leastconn: { later: "fewest" }, random: {} } as const;

const options = z.strictObject({
  scheduler: z
    .enum(["rr", "leastconn", "random"])
    .default("rr")
    .describe("new connections in turn, to who has the fewest, or at random (of two, who has fewer)"),
  weights,
  leave,
  workers,
  timeout: idleTimeout,
});
type Options = z.infer<typeof options>;

/** HAProxy in TCP mode: connections end at the router, and the admin socket says which servers get new ones. */
export const haproxy = defineBackend({
  name: "haproxy",
  summary:
    "HAProxy in TCP mode, a proxy in user space: in turn, fewest connections or random; its sockets are the state",
  protocols: ["tcp"],
  service: "an address with a listening socket for each port",
  options,
  requires: () => ({ programs: [PROGRAM], tools: [TOOLS.ip] }),
  leavesDead,
  withoutTargets: () => "refused",
  oracle: (given) => ({
    strategy: "stateful",
    flush: given.leave === "flush",
    assign: null,
    ...LATER[given.scheduler],
    ...idlePart(given.timeout),
    ...weightsPart(given.weights),
  }),
  effectiveOptions,
  async router(router, given) {
    const { host, topology, services } = router;
    const program = await router.find(PROGRAM);
    const sockets = Array.from({ length: given.workers }, (_, i) => `/run/haproxy-${i + 1}.sock`);
    const daemons = new Map<string, Daemon>();
    // One that has ended is a fault that was told already: the run goes on and shows what it does.
    const tellAll = (commands: string[]) =>
      Promise.all([...daemons].flatMap(([socket, { alive }]) => (alive ? [tell(host, socket, commands)] : [])));
    return proxySide(router, {
      async install(first) {
        // Two for each connection, and some for listening, polling and the admin socket.
        const listening = 2 * PORTS.tcp.length * services;
        const most = Math.floor(((await openFiles(host)) - 200 - listening) / 2);
        const vips = (family: 4 | 6) => vipsOf(family, services);
        await Promise.all(
          sockets.map(async (socket) => {
            const file = socket.replace(/sock$/, "cfg");
            await host.exec(["@write", file], {
              input: configuration(topology, given, first, { socket, most, vips }),
            });
            const daemon = router.start([program.path, "-db", "-f", file], program);
            daemons.set(socket, daemon);
            await daemon.while(answers(host, socket));
          }),
        );
      },
      async change(next, before) {
        const come = serversOf(topology, without(next, before));
        const go = serversOf(topology, without(before, next));
        // Drained or in maintenance, a server gets no new connections; then those that it has can be ended.
        const state = given.leave === "flush" ? "maint" : "drain";
        await tellAll([
          ...come.map((server) => `set server ${server} state ready`),
          ...go.map((server) => `set server ${server} state ${state}`),
        ]);
        if (given.leave === "flush") await tellAll(go.map((server) => `shutdown sessions server ${server}`));
      },
    });
  },
});

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

function serversOf({ targets }: Topology, indices: readonly number[]): string[] {
  return FAMILIES.flatMap((family) => indices.map((index) => `targets${family}/${targets[index]?.name}`));
}

/** Without health checks: who is in use is the lab's decision alone. A server without a port is reached at the client's. */
function configuration(
  topology: Topology,
  given: Options,
  active: readonly number[],
  own: { socket: string; most: number; vips: (family: 4 | 6) => string[] },
): string {
  const lines = [
    "global",
    `  maxconn ${own.most}`,
    `  stats socket ${own.socket} mode 600 level admin`,
    // Worker processes share the ports; threads would share one limit of open files.
    "  nbthread 1",
    "defaults",
    "  mode tcp",
    "  timeout connect 5s",
    `  timeout client ${given.timeout}s`,
    `  timeout server ${given.timeout}s`,
  ];
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
      ...topology.targets.map((target, i) => {
        const address = family === 4 ? addressOf(target, 4) : `[${addressOf(target, 6)}]`;
        const disabled = active.includes(i) ? "" : " disabled";
        return `  server ${target.name} ${address} weight ${weightOf(given.weights, i)}${disabled}`;
      }),
    );
  }
  return `${lines.join("\n")}\n`;
}

async function answers(host: Host, socket: string): Promise<void> {
  for (;;) {
    const { code } = await host.exec(["@unix", socket], { input: "show info\n", check: false });
    if (code === 0) return;
    await host.clock.sleep(20);
  }
}

/** Commands in a line, as many as the socket's buffer of 16 KiB holds. Throws LabError with what it answers, which is nothing when all is well. */
async function tell(host: Host, socket: string, commands: readonly string[]): Promise<void> {
  for (let from = 0; from < commands.length; from += 200) {
    const input = `${commands.slice(from, from + 200).join(";")}\n`;
    const output = await host.exec(["@unix", socket], { input });
    if (output.stdout.trim() !== "") throw new CommandError(host.name, ["@unix", socket, input.trim()], output);
  }
}
