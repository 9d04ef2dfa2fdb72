// Attaching, being in the way, being killed, and what is left on the targets: with the planes in a lab.
import test, { type ExecutionContext } from "ava";
import type { Backend } from "../../harness/backend.ts";
import { netns } from "../../harness/runtime/netns.ts";
import type { Host, Lab } from "../../harness/runtime/runtime.ts";
import { planTopology } from "../../harness/topology/topology.ts";
import { startProgram, startServers } from "../../harness/traffic/traffic.ts";
import { tc, xdp, xdpUser } from "./xdp.ts";

const [SIGTERM, SIGKILL] = [15, 9];
const never = new AbortController().signal;
const backends = [xdp, tc, xdpUser].map((backend) => backend as unknown as Backend);

async function withLab(
  t: ExecutionContext,
  backend: Backend,
  targets: number,
  action: (lab: Lab, router: Host) => Promise<void>,
): Promise<void> {
  const why = await backend.missing(netns);
  if (why.length > 0) {
    for (const sentence of why) t.log(`SKIP: ${sentence}`);
    t.pass();
    return;
  }
  const lab = await netns.up(planTopology({ targets, routers: 1 }), never);
  try {
    await action(lab, lab.host("vm-201"));
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

const run = (lab: Lab, ...more: string[]) => [
  lab.program("xdp-lb"),
  "run",
  "--dev",
  "eth2",
  "--egress",
  "eth1",
  "--vip",
  "10.0.0.0,1000::",
  "--ports",
  ...more,
];

/** What `ip` and `tc` see of ours on the interface where packets come in. */
async function attached(router: Host): Promise<string> {
  const link = await router.exec(["ip", "link", "show", "dev", "eth2"]);
  const filters = await router.exec(["tc", "filter", "show", "dev", "eth2", "ingress"], { check: false });
  return [...`${link.stdout}${filters.stdout}`.matchAll(/prog\/xdp|steer_tc/g)].map(([found]) => found).join(" ");
}

const planes: [plane: string, mode: string[], seen: RegExp][] = [
  ["xdp", ["--mode", "generic"], /prog\/xdp/],
  ["xdp", ["--mode", "native"], /prog\/xdp/],
  ["user", ["--mode", "generic"], /prog\/xdp/],
  ["user", ["--mode", "native"], /prog\/xdp/],
  ["tc", [], /steer_tc/],
];

for (const [plane, mode, seen] of planes)
  test.serial(`${plane} ${mode.join(" ")}: is attached while it runs, and gone after a signal`, async (t) => {
    await withLab(t, plane === "tc" ? (tc as unknown as Backend) : (backends[0] as Backend), 1, async (lab, router) => {
      for (const signal of [SIGTERM, SIGKILL]) {
        const process = await startProgram(router, run(lab, "--plane", plane, ...mode), "ready");
        t.regex(await attached(router), seen);
        process.signal(signal);
        const exit = await process.exited;
        t.like(exit, signal === SIGTERM ? { code: 0 } : { code: null, signal });
        // A TC filter outlives a process that is killed, and goes with the machine.
        if (plane === "tc" && signal === SIGKILL) t.regex(await attached(router), seen);
        else t.is(await attached(router), "");
      }
    });
  });

test.serial("who comes second, without rights or to no interface is told so, and leaves nothing", async (t) => {
  await withLab(t, xdp as unknown as Backend, 1, async (lab, router) => {
    const refused = async (argv: readonly string[], code: number, why: RegExp) => {
      const output = await router.exec(argv, { check: false });
      t.is(output.code, code, output.stderr);
      t.regex(output.stderr, why);
    };
    const process = await startProgram(router, run(lab), "ready");
    await refused(run(lab), 1, /A balancer named 'xdp-lb' runs here already/);
    await refused(run(lab, "--name", "two"), 1, /another XDP program is attached/);
    await refused(run(lab, "--name", "two", "--mode", "native"), 1, /another XDP program is attached/);
    await refused([lab.program("xdp-lb"), "set", "--active", "32=00:00:00:00:00:01"], 1, /within 0\.\.31, not 32/);
    process.signal(SIGTERM);
    await process.exited;
    const filter = await startProgram(router, run(lab, "--plane", "tc"), "ready");
    await refused(run(lab, "--plane", "tc", "--name", "two"), 1, /another filter is there.*tc filter del dev eth2/);
    filter.signal(SIGKILL);
    await filter.exited;
    await refused(run(lab, "--plane", "tc"), 1, /another filter is there/);
    await router.exec(["tc", "filter", "del", "dev", "eth2", "ingress", "pref", "1"]);
    await refused(run(lab, "--plane", "user", "--queues", "9"), 1, /for queue \d.*'ethtool -L/);
    await refused([lab.program("xdp-lb"), "stats"], 1, /No balancer named 'xdp-lb' runs in this network namespace/);
    await refused(run(lab, "--dev", "nowhere"), 1, /Cannot find the interface 'nowhere'/);
    await refused(run(lab, "--active", "1"), 2, /pairs 'index=MAC'/);
    await refused(run(lab, "--connections", "100", "--plane", "user"), 2, /keeps no connections/);
    await refused(["setpriv", "--reuid", "65534", "--clear-groups", ...run(lab)], 1, /takes root's rights/);
    await lab.host("fabric").exec(["ip", "link", "set", "dev", "vm-201.2", "mtu", "9000"]);
    await refused(run(lab, "--mode", "native"), 1, /Cannot attach to 'eth2' in native mode/);
    t.is(await attached(router), "");
  });
});

for (const backend of backends)
  test.serial(`${backend.name}: thousands of connections leave none behind on the targets`, async (t) => {
    await withLab(t, backend, 3, async (lab, router) => {
      const options = backend.options.parse({});
      await startServers(lab);
      const balancer = await backend.deploy(lab, options, [0, 1, 2]);
      const connect = (...more: string[]) =>
        lab
          .host("vm-221")
          .exec([lab.program("traffic"), "connect", "--connections", "2000", "--output", "txt", ...more]);
      await connect("--address", "10.0.0.0:5001", "--src", "50.0.0.0/16", "--concurrent", "1");
      await connect("--address", "[1000::]:5001", "--src", "2000::/112", "--concurrent", "500");
      const counters = await balancer.counters("vm-201");
      t.true((counters.flows ?? 0) > 4000 * 4, `${counters.flows} packets`);
      const left = async () => {
        const open = await Promise.all(
          lab.topology.targets.map(({ name }) =>
            lab.host(name).exec(["ss", "-Htn", "state", "connected", "exclude", "time-wait"]),
          ),
        );
        return open.map(({ stdout }) => stdout).join("");
      };
      const deadline = performance.now() + 5000;
      while ((await left()) !== "" && performance.now() < deadline) await new Promise((r) => setTimeout(r, 50));
      t.is(await left(), "");
      const { stdout } = await router.exec([lab.program("xdp-lb"), "stats", "--watch", "1", "--rounds", "1"]);
      t.regex(stdout, /flows +\d+ \/s +\d+ in all/);
      t.regex(stdout, /target 2 +\d+ packets\/s +\d+ in all/);
      await balancer[Symbol.asyncDispose]();
    });
  });
