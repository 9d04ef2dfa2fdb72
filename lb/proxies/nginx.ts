// SPDX-License-Identifier: Apache-2.0
import {
  type AssignSpec,
  addressOf,
  type Daemon,
  defineBackend,
  FAMILIES,
  type FoundProgram,
  type Host,
  LabError,
  type Lifecycle,
  type Protocol,
  type RouterSide,
  TOOLS,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { refuseBeside } from "../found/file.ts";
import { leavesDead } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { weightOf, weightsPart } from "../linux/options.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";
import { nginxText, readNginx } from "./nginx-file.ts";
import { type Options, options } from "./nginx-options.ts";
import { missingModule, OWN, PROGRAM, streamModule } from "./nginx-program.ts";
import { checkOwnNginx, ownFacts, ownOracle } from "./own-nginx.ts";
import { cut, effectiveOptions, idlePart, openFiles, PORTS, proxyLifecycle, proxySide, SIG } from "./proxies.ts";

const SIGHUP = 1;

/** The hash gives each client its target again; what it sends meanwhile is answered by ICMP, at which its socket ends. */
const datagramLifecycle: Lifecycle = {
  keeps: "nothing: a hash chooses",
  ...endsAs({ open: "reset", fresh: "refused" }),
  ...HANDS_OVER,
};

const FILE = "/run/nginx.conf";
const HASH = "hash $binary_remote_addr$remote_port";
const METHOD = { rr: "", leastconn: "least_conn", random: "random", hash: HASH } as const;

/** nginx' stream module: connections end at the router; targets change with the configuration, which new processes read. */
export const nginx = defineBackend({
  name: "nginx",
  summary: "nginx' stream module, a proxy in user space: in turn, fewest connections, random or hash; UDP by hash",
  service: "an address with a listening TCP socket for each port",
  servesVips: ({ config }) => config === undefined,
  options,
  requires: (given) => ({
    programs: [PROGRAM],
    tools: [TOOLS.ip, TOOLS.ss],
    check: async (asked) => [...(await missingModule(asked)), ...(await checkOwnNginx(given, asked))],
  }),
  leavesDead,
  direct: () => bothLive,
  withoutTargets: (_, protocol) => (protocol === "tcp" ? "refused" : "silence"),
  lifecycle: { actions: ["reload"], of: (_, protocol) => (protocol === "tcp" ? proxyLifecycle : datagramLifecycle) },
  /** A reload keeps TCP connections in the processes that have them, but these read no datagrams any more: over UDP nothing is remembered. */
  oracle(given, targets, protocol) {
    if (given.config !== undefined) return ownOracle(given, targets, protocol);
    const byHash: AssignSpec = { strategy: "remainder", hash: { kind: "nginx" }, ...weightsPart(given.weights) };
    if (protocol === "udp") return byHash;
    const assign = given.scheduler === "hash" ? byHash : null;
    // The processes of a new configuration know nothing of the connections of those before.
    const later = given.scheduler === "leastconn" ? "fewest_since_change" : "shares";
    return {
      strategy: "stateful",
      flush: given.leave === "flush",
      assign,
      later,
      ...idlePart(given.timeout),
      ...weightsPart(given.weights),
    };
  },
  serves: (given, targets) => (given.config === undefined ? null : readNginx(given, targets).layout.served),
  effectiveOptions(given, targets) {
    refuseBeside(given, options, ["leave"]);
    return given.config === undefined ? effectiveOptions(given, targets) : ownFacts(given, targets);
  },
  async router(router, given) {
    const { host, topology, machine, services, fault } = router;
    const found = given.config === undefined ? null : readNginx(given, topology.targets.length);
    const program = await router.find(PROGRAM);
    let daemon: Daemon | null = null;
    let head: string[] = [];
    const accepting = new Set<string>();
    let full = false;
    const onLine = (line: string) => {
      const [, come] = line.match(/ start worker process (\d+)/) ?? [];
      if (come) accepting.add(come);
      const [, gone] =
        line.match(/(\d+)#\d+: gracefully shutting down| worker process (\d+) exited on/)?.filter(Boolean) ?? [];
      if (gone) accepting.delete(gone);
      if (line.includes(" exited on signal ")) fault(`nginx on ${host.name}: ${line}`);
      if (full || !/worker_connections are not enough|Too many open files/.test(line)) return;
      full = true;
      fault(`A process of nginx on ${host.name} may have no more sockets (${line}). Try more --set workers.`);
    };
    let processes = given.workers;
    const write = (targets: readonly number[]) => {
      const out = [...topology.targets.keys()].filter((index) => !targets.includes(index));
      const input = found
        ? nginxText(found, { topology, router: machine, head }, out)
        : configuration(topology, given, targets, { head, services });
      return host.exec(["@write", FILE], { input });
    };
    const serve = async (active: readonly number[]) => {
      await write(active);
      accepting.clear();
      const argv = [program.path, "-e", "stderr", "-p", "/run", "-c", FILE];
      daemon = router.start(argv, { env: program.env, onLine });
      await replaced(daemon, accepting, processes);
    };
    const reload = async (active: readonly number[]) => {
      await write(active);
      if (daemon) await hangUp(daemon, accepting, processes);
    };
    const side: RouterSide = {
      control: {
        stop: async () => daemon?.end(SIG.term),
        kill: async () => daemon && killAll(host, daemon, accepting),
        start: serve,
        reload,
      },
      async install(first) {
        head = await headOf(host, program);
        if (found) processes = found.workers ?? Number((await host.exec(["nproc"])).stdout);
        else head.push(...(await ownWorkers(host, given)));
        await serve(first);
      },
      async change(next, before) {
        // One that has ended is a fault that was told already: the run goes on and shows what it does.
        if (!daemon?.alive) return;
        await reload(next);
        const gone = before.filter((index) => !next.includes(index));
        if (given.leave === "flush" && gone.length > 0) await cut(host, topology, gone);
      },
    };
    return proxySide(router, side, found?.layout.others ?? services);
  },
});

/** Its first process and those that serve: these would go on without it. */
async function killAll(host: Host, daemon: Daemon, serving: Iterable<string>): Promise<void> {
  daemon.expectEnd();
  const { stdout: first } = await host.exec(["@read", "/run/nginx.pid"]);
  await host.exec(["kill", "-KILL", first.trim(), ...serving]);
  await daemon.end(SIG.kill);
}

/** New processes read the configuration, and those before serve the connections that they have. */
async function hangUp(daemon: Daemon, accepting: ReadonlySet<string>, size: number): Promise<void> {
  const changed = replaced(daemon, accepting, size);
  daemon.signal(SIGHUP);
  await changed;
}

/** Resolves when so many processes have started and none of those before them accepts connections any more. */
async function replaced(daemon: Daemon, accepting: ReadonlySet<string>, size: number): Promise<void> {
  const before = [...accepting];
  await daemon.until((line) => {
    // Worker processes say so too, where root is nobody but a user: that one they survive.
    if (line.includes("[emerg]") && !line.includes("initgroups"))
      throw new LabError(`nginx did not take its configuration: ${line}`);
    return accepting.size >= size && !before.some((pid) => accepting.has(pid));
  });
}

/** What depends on the machine and not on the targets, and is the lab's own in every configuration. */
async function headOf(host: Host, program: FoundProgram): Promise<string[]> {
  const version = await host.exec([program.path, "-V"], { env: program.env });
  const module = await streamModule(program, version.stdout + version.stderr);
  if (module === null) throw new LabError(`The nginx of ${host.name} has no stream module, or is older than 1.19.5.`);
  return [...(module === "" ? [] : [`load_module ${module};`]), ...OWN];
}

/** Its processes. */
async function ownWorkers(host: Host, { workers }: Options): Promise<string[]> {
  const sockets = await openFiles(host);
  return [
    `worker_processes ${workers};`,
    `worker_rlimit_nofile ${sockets};`,
    `events { worker_connections ${sockets}; }`,
  ];
}

/** Targets are never given up on by themselves (max_fails): who is in use is the lab's decision alone. */
function configuration(
  topology: Topology,
  given: Options,
  active: readonly number[],
  own: { head: readonly string[]; services: number },
): string {
  // An upstream must have a server: where none is in use all are there, and down.
  const [listed, down] = active.length > 0 ? [active, ""] : [[...topology.targets.keys()], " down"];
  const lines = [...own.head, "stream {", "proxy_connect_timeout 5s;", `proxy_timeout ${given.timeout}s;`];
  const service = (protocol: Protocol, family: 4 | 6, port: number) => {
    const name = `${protocol}${family}-${port}`;
    const at = (address: string) => `${family === 4 ? address : `[${address}]`}:${port}`;
    const method = METHOD[protocol === "udp" ? "hash" : given.scheduler];
    lines.push(
      `upstream ${name} {`,
      ...(method === "" ? [] : [`${method};`]),
      ...[...listed]
        .sort((a, b) => a - b)
        .flatMap((index) => {
          const target = topology.targets[index];
          return target
            ? [`server ${at(addressOf(target, family))} weight=${weightOf(given.weights, index)} max_fails=0${down};`]
            : [];
        }),
      "}",
      // Each process has sockets of its own for datagrams, so that all of a client's come to the same one.
      ...vipsOf(family, protocol === "tcp" ? own.services : 0, topology.vips).map(
        (vip) =>
          `server { listen ${at(vip)}${protocol === "udp" ? " udp reuseport" : " backlog=65535"}; proxy_pass ${name}; }`,
      ),
    );
  };
  for (const family of FAMILIES) {
    for (const port of PORTS.tcp) service("tcp", family, port);
    for (const port of PORTS.udp) service("udp", family, port);
  }
  return `${[...lines, "}"].join("\n")}\n`;
}
