// SPDX-License-Identifier: Apache-2.0
// HAProxy with somebody's own configuration: by its admin socket where the file has one, else by reloads.
import {
  type Asked,
  type Daemon,
  type EffectiveOptions,
  findProgram,
  type Host,
  type Lab,
  planTopology,
  type Router,
  type RouterSide,
  type StatefulSpec,
  UsageError,
} from "../../harness/api/index.ts";
import { leftToTheLab } from "../found/file.ts";
import { checkText } from "../found/program.ts";
import { serversListen } from "../linux/servers-listen.ts";
import { checkPort } from "./haproxy-checks.ts";
import { haproxyText, readHaproxy } from "./haproxy-file.ts";
import { type Options, PROGRAM } from "./haproxy-options.ts";
import { answers, moveServers, tell } from "./haproxy-socket.ts";
import { cut } from "./proxies.ts";

const SIGUSR2 = 12;
const FILE = "/run/haproxy.cfg";
const SOCKET = "/run/haproxy.sock";
const MASTER = "/run/haproxy-master.sock";

/** By the algorithm; absent: its shares are not predicted. */
const LATER: Readonly<Record<string, Partial<StatefulSpec>>> = {
  roundrobin: { later: "shares" },
  "static-rr": { later: "shares" },
  leastconn: { later: "fewest" },
  random: {},
};

export function ownOracle(given: Options, targets: number): StatefulSpec {
  const { layout, balance, isUneven } = readHaproxy(given, targets);
  const weights = layout.weights("tcp");
  const later = isUneven || weights === null ? undefined : LATER[balance];
  return {
    strategy: "stateful",
    flush: given.leave === "flush",
    assign: null,
    ...(later ?? { uneven: true }),
    ...(later && weights && new Set(weights).size > 1 ? { weights } : {}),
  };
}

export function ownFacts(given: Options, targets: number): EffectiveOptions {
  const { layout, left, hasSocket } = readHaproxy(given, targets);
  return {
    config: layout.file,
    leave: given.leave,
    changes: hasSocket ? "admin socket" : "reload",
    ...leftToTheLab(left.map(({ words, number }) => ({ word: words[0] ?? "", line: number }))),
  };
}

/** What haproxy itself finds wrong in the file is told before anything is started. */
export const checkOwnHaproxy =
  (given: Options) =>
  async ({ isHere }: Asked): Promise<string[]> => {
    const program = given.config !== undefined && isHere ? await findProgram(PROGRAM.name) : null;
    if (!program) return [];
    const topology = planTopology({ targets: 1000, routers: 1 });
    const [router] = topology.routers;
    if (!router) return [];
    const text = haproxyText(readHaproxy(given, null), { topology, router, socket: SOCKET });
    const words = await checkText(text, (file) => [program.path, "-c", "-f", file], program.env);
    const [, line, alert] = /\[ALERT\][^\n]*?\[[^\]]*:(\d+)\]\s*:\s*([^\n]*)/.exec(words) ?? [];
    if (line) throw new UsageError(`'${given.config}' line ${line}: haproxy says: ${alert}`);
    return [];
  };

/** Servers that are checked must not be found dead before they are there. */
export async function waitForChecked(lab: Lab, given: Options): Promise<void> {
  if (given.config === undefined) {
    if (given.check !== "none") await serversListen(lab, () => checkPort(given));
    return;
  }
  const ports = readHaproxy(given, lab.topology.targets.length).layout.served.ports?.tcp?.targets;
  await serversListen(lab, (target) => ports?.[target] ?? 0);
}

export async function ownHaproxySide(router: Router, given: Options): Promise<RouterSide> {
  const { host, topology, machine } = router;
  const program = await router.find(PROGRAM);
  const found = readHaproxy(given, topology.targets.length);
  const all = [...topology.targets.keys()];
  const write = (active: readonly number[]) => {
    const input = haproxyText(found, { topology, router: machine, socket: SOCKET }, without(all, active));
    return host.exec(["@write", FILE], { input });
  };
  const names = (indices: readonly number[]) => indices.flatMap((index) => found.serversOf.get(index) ?? []);
  let daemon: Daemon | null = null;
  const tellAll = (commands: string[]) => (daemon?.alive ? tell(host, SOCKET, commands) : Promise.resolve());
  if (found.hasSocket)
    return {
      async install(first) {
        await write(all);
        daemon = router.start([program.path, "-db", "-f", FILE], program);
        await daemon.while(answers(host, SOCKET));
        await moveServers(tellAll, { come: [], go: names(without(all, first)) }, "drain");
      },
      change: (next, before) =>
        moveServers(tellAll, { come: names(without(next, before)), go: names(without(before, next)) }, given.leave),
    };
  return {
    async install(first) {
      await write(first);
      daemon = router.start([program.path, "-W", "-S", MASTER, "-f", FILE], program);
      await daemon.while(worker(host, ""));
    },
    async change(next, before) {
      if (!daemon?.alive) return;
      await write(next);
      const old = await worker(host, "");
      daemon.signal(SIGUSR2);
      await daemon.while(worker(host, old));
      // The process of the old configuration keeps its connections.
      const gone = without(before, next);
      if (given.leave === "flush" && gone.length > 0) await cut(host, topology, gone);
    },
  };
}

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

/** Resolves with the process that accepts connections, once it is another one than `old`. */
async function worker(host: Host, old: string): Promise<string> {
  for (;;) {
    const { stdout } = await host.exec(["@unix", MASTER], { input: "show proc\n", check: false });
    const now = /^# workers\n(\d+)/m.exec(stdout)?.[1];
    if (now !== undefined && now !== old) return now;
    await host.clock.sleep(20);
  }
}
