import { access, constants } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Backend, Balancer } from "../../harness/backend.ts";
import type { NfqueueOracle } from "../../harness/oracle/oracle.ts";
import { buildDir } from "../../harness/runtime/netns.ts";
import type { Host, Lab, Process } from "../../harness/runtime/runtime.ts";
import { findTool } from "../../harness/tools.ts";
import { linkOn, type Topology, VIP } from "../../harness/topology/topology.ts";
import { startProgram } from "../../harness/traffic/traffic.ts";
import { flatCounters, type Stats, tableSizes } from "../linux/table.ts";

/** fwmark and routing table of target i are MARK + i + 1: above 255, where the kernel keeps tables of its own. */
const MARK = 1000;
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
  broken: z.enum(["random"]).optional().describe("misbehave on purpose: to prove that the lab catches it"),
});
type Options = z.infer<typeof options>;

/** Maglev in user space: mangle PREROUTING queues what goes to the VIP, the verdict sets a fwmark, and that chooses a routing table. */
export const nfqueue: Backend<typeof options> = {
  name: "nfqueue",
  summary: "Maglev (or modulo) in user space by NFQUEUE; stateless; fwmark chooses the route to the target",
  keepsState: false,
  options,

  /** xcluster_LB_OPTIONS="-p -m modulo": without -p only addresses are hashed, as there. */
  environment({ xcluster_LB_OPTIONS: words }): Record<string, string> {
    if (!words) return {};
    const mode = words.match(/-m\s*(\w+)/)?.[1];
    return { ports: `${/(^|\s)-p\b/.test(words)}`, ...(mode ? { mode } : {}) };
  },

  async missing(runtime) {
    const tools = await Promise.all([
      findTool("iptables-restore", "iptables"),
      findTool("ip6tables-restore", "iptables"),
      findTool("ip", "iproute2"),
    ]);
    const built = await access(path.join(buildDir, "nfqueue-lb"), constants.X_OK).then(
      () => null,
      () => "The balancer is not built. Run './setup'.",
    );
    return runtime.name === "netns" ? [...tools, built].filter((sentence) => sentence !== null) : [];
  },

  oracle(given, targets): NfqueueOracle {
    const { M } = tableSizes(given, targets);
    const common = { seed: given.hashSeed, ports: given.ports };
    return given.mode === "modulo" ? { strategy: "modulo", ...common } : { strategy: "maglev", m: M, ...common };
  },

  facts({ broken, ...given }, targets) {
    return { ...given, ...tableSizes(given, targets), ...(broken ? { broken } : {}) };
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
      async setTargets(next) {
        const published = await Promise.all(routers.map((router) => setActive(router.host, program, next)));
        return Math.max(...published);
      },
      async counters(name) {
        const router = routers.find((r) => r.name === name);
        if (!router) return {};
        const { stdout } = await router.host.exec([program, "stats", "--shm", SHM]);
        // `queues` repeats, queue by queue, what the totals hold.
        const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
        return flatCounters(stats, DROPS);
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
  const { M, N } = tableSizes(given, lab.topology.targets.length);
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
    given.broken ? [...run, "--broken", given.broken] : run,
    "ready",
    (exit, said) =>
      onFault(
        `The balancer on ${host.name} ended by itself (${exit.code === null ? `signal ${exit.signal}` : `code ${exit.code}`})${said ? `: ${said}` : "."}`,
      ),
  );
  const queue = last === 0 ? "--queue-num 0" : `--queue-balance 0:${last}`;
  for (const [tool, vip] of [
    ["iptables-restore", `${VIP[4]}/32`],
    ["ip6tables-restore", `${VIP[6]}/128`],
  ])
    await host.exec([`${tool}`, "--noflush"], {
      input: `*mangle\n-A PREROUTING -d ${vip} -j NFQUEUE ${queue}\nCOMMIT\n`,
    });
  return process;
}

async function setActive(host: Host, program: string, active: readonly number[]): Promise<number> {
  const pairs = active.map((index) => `${index}:${MARK + index + 1}`).join(",");
  const { stdout } = await host.exec([program, "set", "--shm", SHM, "--active", pairs]);
  return (JSON.parse(stdout) as { publishedT: number }).publishedT;
}

function routes(topology: Topology, family: 4 | 6): string {
  return topology.targets
    .map((target, index) => {
      const mark = MARK + index + 1;
      const link = linkOn(target, "net1");
      const via = family === 4 ? `0.0.0.0/0 via ${link.ipv4}` : `::/0 via ${link.ipv6}`;
      return `rule add pref 100 fwmark ${mark} table ${mark}\nroute add ${via} table ${mark}\n`;
    })
    .join("");
}

const DROPS = new Map(
  ["no_target", "malformed", "short", "queue_dropped", "user_dropped"].map((name) => [name, `drop.nfqueue_${name}`]),
);
