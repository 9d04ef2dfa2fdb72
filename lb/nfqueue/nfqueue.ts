import { access, constants } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { type Backend, type Balancer, UsageError } from "../../harness/backend.ts";
import { nowNs } from "../../harness/clock.ts";
import type { NfqueueOracle, OracleSpec } from "../../harness/oracle/oracle.ts";
import { buildDir } from "../../harness/runtime/netns.ts";
import type { Host, Lab, Process } from "../../harness/runtime/runtime.ts";
import { findTool } from "../../harness/tools.ts";
import { linkOn, type Topology } from "../../harness/topology/topology.ts";
import { startProgram } from "../../harness/traffic/traffic.ts";
import { conntrackCounters, leave } from "../linux/conntrack.ts";
import { countBalanced, flushMarks, installRules, type SynOnly } from "./rules.ts";

/** fwmark and routing table of target i are MARK + i + 1: above 255, where the kernel keeps tables of its own. */
const MARK = 1000;
export const fwmarkOf = (index: number) => MARK + index + 1;
const SHM = "nfqueue-lb";
const SIGTERM = 15;

const options = z.strictObject({
  mode: z.enum(["maglev", "modulo"]).default("maglev").describe("how a hash becomes a target"),
  ports: z.stringbool().default(true).describe("hash ports and protocol too, not only addresses"),
  M: z.coerce
    .number()
    .int()
    .min(2)
    .max(16_777_213)
    .optional()
    .describe("Maglev table size, a prime (997 up to 32 targets, else 65537)"),
  N: z.coerce.number().int().min(1).max(1000).optional().describe("targets the table has room for (at least 32)"),
  hashSeed: z.coerce
    .number()
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .describe("seed of the flow hash and of the table"),
  queues: z.coerce.number().int().min(1).max(16).default(1).describe("NFQUEUEs, with a thread each"),
  batch: z.coerce.number().int().min(1).max(256).default(64).describe("packets per receive and verdict call"),
  qlength: z.coerce.number().int().min(1).max(1_000_000).default(16_384).describe("packets that may wait in a queue"),
  failOpen: z.stringbool().default(false).describe("packets that find the queue full pass where routes lead them"),
  synOnly: z
    .stringbool()
    .default(false)
    .describe("only the first packets of a TCP connection are asked about; conntrack's mark carries the rest"),
  udp: z.stringbool().default(false).describe("with synOnly: UDP flows are remembered too"),
  oneWay: z
    .stringbool()
    .optional()
    .describe("with synOnly: the router does not see the replies (default: only with several routers)"),
  leave,
  broken: z.enum(["random"]).optional().describe("misbehave on purpose: to prove that the lab catches it"),
});
type Options = z.infer<typeof options>;

/** Maglev in user space: mangle PREROUTING queues what goes to the VIP, the verdict sets a fwmark, and that chooses a routing table. */
export const nfqueue: Backend<typeof options> = {
  name: "nfqueue",
  summary: "Maglev (or modulo) in user space by NFQUEUE; stateless; fwmark chooses the route to the target",
  keepsState: false,
  options,

  /** xcluster_LB_OPTIONS="-p -m modulo": without -p only addresses are hashed, as there. xcluster_SYN_ONLY=yes: as it says. */
  environment({ xcluster_LB_OPTIONS: words, xcluster_SYN_ONLY: synOnly }): Record<string, string> {
    const mode = words?.match(/-m\s*(\w+)/)?.[1];
    return {
      ...(words ? { ports: `${/(^|\s)-p\b/.test(words)}` } : {}),
      ...(mode ? { mode } : {}),
      ...(synOnly ? { synOnly } : {}),
    };
  },

  async missing(runtime) {
    const tools = await Promise.all([
      findTool("iptables-restore", "iptables"),
      findTool("ip6tables-restore", "iptables"),
      findTool("ip", "iproute2"),
      findTool("conntrack", "conntrack"),
    ]);
    const built = await access(path.join(buildDir, "nfqueue-lb"), constants.X_OK).then(
      () => null,
      () => "The balancer is not built. Run './setup'.",
    );
    return runtime.name === "netns" ? [...tools, built].filter((sentence) => sentence !== null) : [];
  },

  oracle(given, targets): OracleSpec {
    const { M } = sizes(given, targets);
    const common = { seed: given.hashSeed, ports: given.ports };
    const choice: NfqueueOracle =
      given.mode === "modulo" ? { strategy: "modulo", ...common } : { strategy: "maglev", m: M, ...common };
    if (!given.synOnly) return choice;
    const marks = given.udp ? (["tcp", "udp"] as const) : (["tcp"] as const);
    return { strategy: "stateful", flush: given.leave === "flush", assign: choice, marks };
  },

  facts({ broken, synOnly, udp, oneWay, leave, failOpen, ...given }, targets) {
    return {
      ...given,
      ...sizes(given, targets),
      ...(failOpen ? { failOpen } : {}),
      ...(synOnly ? { synOnly, udp, leave, ...(oneWay === undefined ? {} : { oneWay }) } : {}),
      ...(broken ? { broken } : {}),
    };
  },

  async deploy(lab, given, active) {
    const routers = lab.topology.routers.map((router) => ({ name: router.name, host: lab.host(router.name) }));
    const program = lab.program("nfqueue-lb");
    let onFault: (sentence: string) => void = () => {};
    let stopping = false;
    const processes = await Promise.all(
      routers.map((router) =>
        deployRouter(lab, router.host, given, active, (sentence) => {
          if (!stopping) onFault(sentence);
        }),
      ),
    );
    return {
      set onFault(report: (sentence: string) => void) {
        onFault = report;
      },
      async setTargets(next, only) {
        const chosen = routers.filter(({ name }) => only?.has(name) ?? true);
        const published = await Promise.all(chosen.map(({ host }) => setActive(host, program, next)));
        if (!given.synOnly || given.leave === "drain") return Math.max(...published);
        const gone = lab.topology.targets.flatMap((_, index) => (next.includes(index) ? [] : [fwmarkOf(index)]));
        await Promise.all(chosen.map(({ host }) => flushMarks(host, gone)));
        return nowNs();
      },
      async counters(name) {
        const router = routers.find((r) => r.name === name);
        if (!router) return {};
        const [{ stdout }, balanced, conntrack] = await Promise.all([
          router.host.exec([program, "stats", "--shm", SHM]),
          countBalanced(router.host),
          given.synOnly ? conntrackCounters(router.host) : {},
        ]);
        // `queues` repeats, queue by queue, what the totals hold.
        const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
        const flat = flatCounters(stats);
        const { packets: queued = 0, "drop.nfqueue_queue_dropped": dropped = 0 } = flat;
        // The kernel does not count those: what came to the queue's rule, and neither through it nor to its end.
        const failedOpen = given.failOpen && !given.synOnly ? { failed_open: balanced - queued - dropped } : {};
        return { ...flat, balanced, queued, ...failedOpen, ...conntrack };
      },
      async [Symbol.asyncDispose]() {
        stopping = true;
        for (const process of processes) process.signal(SIGTERM);
        await Promise.all(processes.map((process) => process.exited));
        await Promise.all(routers.map((router) => router.host.exec([program, "delete", "--shm", SHM])));
      },
    } as Balancer;
  },
};

/** Order matters: table, routes and program first, the queue rule last, so that no packet meets a queue that nobody reads. */
async function deployRouter(
  lab: Lab,
  host: Host,
  given: Options,
  active: readonly number[],
  onFault: (sentence: string) => void,
): Promise<Process> {
  const program = lab.program("nfqueue-lb");
  const { M, N } = sizes(given, lab.topology.targets.length);
  const init = [
    program,
    "init",
    "--shm",
    SHM,
    "-m",
    given.mode,
    "--M",
    `${M}`,
    "--N",
    `${N}`,
    "--seed",
    `${given.hashSeed}`,
  ];
  await host.exec(given.ports ? [...init, "-p"] : init);
  await setActive(host, program, active);
  await host.exec(["ip", "-batch", "-"], { input: routes(lab.topology, 4) });
  await host.exec(["ip", "-6", "-batch", "-"], { input: routes(lab.topology, 6) });
  const last = given.queues - 1;
  const run = [
    program,
    "run",
    "--shm",
    SHM,
    "--queue",
    last === 0 ? "0" : `0:${last}`,
    "--batch",
    `${given.batch}`,
    "--qlength",
    `${given.qlength}`,
  ];
  const process = await startProgram(
    host,
    [
      ...run,
      ...(given.failOpen ? ["--fail-open"] : []),
      ...(synOnlyOf(lab, given)?.oneWay ? ["--remember"] : []),
      ...(given.broken ? ["--broken", given.broken] : []),
    ],
    "ready",
    (exit, said) =>
      onFault(
        `The balancer on ${host.name} ended by itself (${exit.code === null ? `signal ${exit.signal}` : `code ${exit.code}`})${said ? `: ${said}` : "."}`,
      ),
  );
  const queue = last === 0 ? "--queue-num 0" : `--queue-balance 0:${last}`;
  await installRules(host, () => [`-j NFQUEUE ${queue}`], synOnlyOf(lab, given));
  return process;
}

function synOnlyOf(lab: Lab, { synOnly, udp, oneWay }: Options): SynOnly | null {
  return synOnly ? { udp, oneWay: oneWay ?? lab.topology.routers.length > 1 } : null;
}

async function setActive(host: Host, program: string, active: readonly number[]): Promise<number> {
  const pairs = active.map((index) => `${index}:${fwmarkOf(index)}`).join(",");
  const { stdout } = await host.exec([program, "set", "--shm", SHM, "--active", pairs]);
  return (JSON.parse(stdout) as { publishedT: number }).publishedT;
}

export function routes(topology: Topology, family: 4 | 6): string {
  return topology.targets
    .map((target, index) => {
      const mark = fwmarkOf(index);
      const link = linkOn(target, "net1");
      const via = family === 4 ? `0.0.0.0/0 via ${link.ipv4}` : `::/0 via ${link.ipv6}`;
      return `rule add pref 100 fwmark ${mark} table ${mark}\nroute add ${via} table ${mark}\n`;
    })
    .join("");
}

function sizes(given: Pick<Options, "mode" | "M" | "N">, targets: number): { M: number; N: number } {
  const M = given.M ?? (targets <= 32 ? 997 : 65_537);
  const N = given.N ?? Math.max(32, targets);
  if (!isPrime(M))
    throw new UsageError(`M must be a prime: ${M} is not. Try ${nearestPrime(M, -1)} or ${nearestPrime(M, 1)}.`);
  if (N < targets) throw new UsageError(`N=${N} has no room for ${targets} targets.`);
  if (given.mode === "maglev" && N > M) throw new UsageError(`N=${N} must not be above M=${M}.`);
  return { M, N };
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
}

function nearestPrime(n: number, step: 1 | -1): number {
  let at = n + step;
  while (at > 2 && !isPrime(at)) at += step;
  return at;
}

type Stats = { [key: string]: number | string | null | Stats };

/** Nested counters as "a.b"; those that are packets lost to the user are named as drops. */
function flatCounters(stats: Stats, prefix = "", flat: Record<string, number> = {}): Record<string, number> {
  for (const [key, value] of Object.entries(stats)) {
    const name = DROPS.has(key) ? `drop.nfqueue_${key}` : `${prefix}${key}`;
    if (typeof value === "number") flat[name] = value;
    else if (value !== null && typeof value === "object") flatCounters(value, `${prefix}${key}.`, flat);
  }
  return flat;
}

const DROPS = new Set(["no_target", "malformed", "short", "queue_dropped", "user_dropped"]);

const { synOnly: _, ...synOnlyShape } = options.shape;
const synOnlyOptions = z.strictObject(synOnlyShape);

/** nfqueue that asks user space about the first packets of a connection only: the same options, with one decided. */
export const synOnly: Backend<typeof synOnlyOptions> = {
  ...nfqueue,
  name: "syn_only",
  summary: "Maglev in user space for the SYN only; conntrack's mark carries the rest of the connection",
  keepsState: true,
  options: synOnlyOptions,
  environment({ xcluster_SYN_ONLY: _ignored, ...env }) {
    return nfqueue.environment?.(env) ?? {};
  },
  deploy: (lab, given, active) => nfqueue.deploy(lab, { ...given, synOnly: true }, active),
  oracle: (given, targets) => nfqueue.oracle({ ...given, synOnly: true }, targets),
  facts: (given, targets) => nfqueue.facts({ ...given, synOnly: true }, targets),
};
