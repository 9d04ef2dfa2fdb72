// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import { z } from "zod";
import {
  type Asked,
  type AssignSpec,
  addressOf,
  type Daemon,
  defineBackend,
  FAMILIES,
  type FoundProgram,
  fileExists,
  findProgram,
  type Host,
  LabError,
  type Program,
  type Protocol,
  said,
  TOOLS,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { leave, leavesDead } from "../linux/conntrack.ts";
import { weightOf, weights, weightsPart } from "../linux/options.ts";
import { effectiveOptions, idlePart, idleTimeout, openFiles, PORTS, proxySide, workers } from "./proxies.ts";

const SIGHUP = 1;
const FILE = "/run/nginx.conf";
const PACKAGES = "nginx libnginx-mod-stream";
const PROGRAM: Program = { name: "nginx", from: { packages: PACKAGES, version: ["-v"] } };

const HASH = "hash $binary_remote_addr$remote_port";
const METHOD = { rr: "", leastconn: "least_conn", random: "random", hash: HASH } as const;

const options = z.strictObject({
  scheduler: z
    .enum(["rr", "leastconn", "random", "hash"])
    .default("rr")
    .describe(
      "new TCP connections in turn, to who has the fewest, at random, or by client address and port (UDP: always)",
    ),
  weights,
  leave,
  workers,
  timeout: idleTimeout,
});
type Options = z.infer<typeof options>;

/** nginx' stream module: connections end at the router; targets change with the configuration, which new processes read. */
export const nginx = defineBackend({
  name: "nginx",
  summary: "nginx' stream module, a proxy in user space: in turn, fewest connections, random or hash; UDP by hash",
  service: "an address with a listening TCP socket for each port",
  options,
  requires: () => ({ programs: [PROGRAM], tools: [TOOLS.ip, TOOLS.ss], check: missingModule }),
  leavesDead,
  withoutTargets: (_, protocol) => (protocol === "tcp" ? "refused" : "silence"),
  /** A reload keeps TCP connections in the processes that have them, but these read no datagrams any more: over UDP nothing is remembered. */
  oracle(given, _, protocol) {
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
  effectiveOptions,
  async router(router, given) {
    const { host, topology, services, fault } = router;
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
    const write = (targets: readonly number[]) =>
      host.exec(["@write", FILE], { input: configuration(topology, given, targets, { head, services }) });
    return proxySide(router, {
      async install(first) {
        head = await headOf(host, program, given);
        await write(first);
        const argv = [program.path, "-e", "stderr", "-p", "/run", "-c", FILE];
        daemon = router.start(argv, { env: program.env, onLine });
        await replaced(daemon, accepting, given.workers);
      },
      async change(next, before) {
        // One that has ended is a fault that was told already: the run goes on and shows what it does.
        if (!daemon?.alive) return;
        await write(next);
        const changed = replaced(daemon, accepting, given.workers);
        daemon.signal(SIGHUP);
        await changed;
        const gone = before.filter((index) => !next.includes(index));
        if (given.leave === "flush" && gone.length > 0) await cut(host, topology, gone);
      },
    });
  },
});

async function missingModule({ isHere }: Asked): Promise<string[]> {
  const program = isHere ? await findProgram(PROGRAM.name) : null;
  if (!program) return [];
  const module = await streamModule(program, await said([program.path, "-V"], program.env));
  const usable = module === "" || (module !== null && (await fileExists(module)));
  return usable ? [] : [`This nginx has no stream module, or is older than 1.19.5. Run 'apt-get install ${PACKAGES}'.`];
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

/** The path of the module that has to be loaded, "" when it is built in; null: there is none. */
async function streamModule(program: FoundProgram, words: string): Promise<string | null> {
  const [major = 0, minor = 0, patch = 0] =
    words
      .match(/nginx\/(\d+)\.(\d+)\.(\d+)/)
      ?.slice(1)
      .map(Number) ?? [];
  if (major * 1e6 + minor * 1e3 + patch < 1_019_005) return null;
  if (/--with-stream(\s|$)/.test(words)) return "";
  if (!/--with-stream=dynamic/.test(words)) return null;
  const dir = words.match(/--modules-path=(\S+)/)?.[1] ?? "modules";
  const file = path.join(program.root, dir, "ngx_stream_module.so");
  return program.root !== "" || path.isAbsolute(dir) ? file : null;
}

/** What depends on the machine and not on the targets. */
async function headOf(host: Host, program: FoundProgram, { workers: processes }: Options): Promise<string[]> {
  const version = await host.exec([program.path, "-V"], { env: program.env });
  const module = await streamModule(program, version.stdout + version.stderr);
  if (module === null) throw new LabError(`The nginx of ${host.name} has no stream module, or is older than 1.19.5.`);
  const sockets = await openFiles(host);
  return [
    ...(module === "" ? [] : [`load_module ${module};`]),
    "daemon off;",
    "user root root;",
    "pid /run/nginx.pid;",
    "error_log stderr notice;",
    `worker_processes ${processes};`,
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
      ...vipsOf(family, protocol === "tcp" ? own.services : 0).map(
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

/** Ends the connections to targets that left: processes of the old configuration would keep them as long as they live. */
async function cut(host: Host, topology: Topology, gone: readonly number[]): Promise<void> {
  const addresses = topology.targets.flatMap((target, i) =>
    gone.includes(i) ? FAMILIES.map((family) => addressOf(target, family)) : [],
  );
  const filter = addresses.flatMap((address, i) => [
    ...(i > 0 ? ["or"] : []),
    "dst",
    address.includes(":") ? `[${address}]` : address,
  ]);
  await host.exec(["ss", "-H", "-K", "-t", "-n", ...filter]);
  const { stdout } = await host.exec(["ss", "-H", "-t", "-n", "state", "established", ...filter]);
  if (stdout.trim() !== "")
    throw new LabError(
      "This kernel does not end other programs' sockets (CONFIG_INET_DIAG_DESTROY). Try --set leave=drain, or another kernel.",
    );
}
