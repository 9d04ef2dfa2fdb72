// SPDX-License-Identifier: Apache-2.0
// Attaching, being in the way, being killed, and what is left on the targets: with the planes in a lab.

import path from "node:path";
import test from "ava";
import { type Host, startProgram } from "../../harness/api/index.ts";
import { buildDir, startServers } from "../../harness/testing/lab.ts";
import { type Plane, planes, run, withLab } from "./planes.testing.ts";

const [SIGTERM, SIGKILL] = [15, 9];

/** What `ip` and `tc` see of ours on the interface where packets come in. */
async function attached(router: Host): Promise<string> {
  const link = await router.exec(["ip", "link", "show", "dev", "eth2"]);
  const filters = await router.exec(["tc", "filter", "show", "dev", "eth2", "ingress"], { check: false });
  return [...`${link.stdout}${filters.stdout}`.matchAll(/prog\/xdp|steer_tc/g)].map(([found]) => found).join(" ");
}

const modes: [plane: Plane, mode: string[], seen: RegExp][] = [
  ["xdp", ["--mode", "generic"], /prog\/xdp/],
  ["xdp", ["--mode", "native"], /prog\/xdp/],
  ["user", ["--mode", "generic"], /prog\/xdp/],
  ["user", ["--mode", "native"], /prog\/xdp/],
  ["tc", [], /steer_tc/],
];

for (const [plane, mode, seen] of modes)
  test.serial(`${plane} ${mode.join(" ")}: is attached while it runs, and gone after a signal`, async (t) => {
    await withLab(t, planes[plane], 1, async (lab, router) => {
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
  await withLab(t, planes.xdp, 1, async (lab, router) => {
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
    const filter = await startProgram(router, run(lab, "--plane", "tc", "--name", "two"), "ready");
    for (const name of ["three", "xdp-lb"])
      await refused(run(lab, "--plane", "tc", "--name", name), 1, /another filter is there.*tc filter del dev eth2/);
    filter.signal(SIGKILL);
    await filter.exited;
    // What a killed one left is replaced, so that a restart needs no hand.
    const again = await startProgram(router, run(lab, "--plane", "tc"), "ready");
    again.signal(SIGTERM);
    await again.exited;
    const { stdout: filters } = await router.exec(["tc", "filter", "show", "dev", "eth2", "ingress"]);
    t.is(filters.trim(), "");
    await refused(run(lab, "--plane", "user", "--queues", "9"), 1, /for queue \d.*'ethtool -L/);
    await refused([lab.program("xdp-lb"), "stats"], 1, /No balancer named 'xdp-lb' runs in this network namespace/);
    await refused(run(lab, "--dev", "nowhere"), 1, /Cannot find the interface 'nowhere'/);
    await refused(run(lab, "--active", "1"), 2, /pairs 'index=MAC'/);
    await refused(run(lab, "--connections", "100", "--plane", "user"), 2, /--connections needs --plane xdp or tc/);
    await refused(["setpriv", "--reuid", "65534", "--clear-groups", ...run(lab)], 1, /needs root/);
    const without = (capabilities: string, ...more: string[]) =>
      ["setpriv", "--bounding-set", capabilities].concat(run(lab, ...more));
    for (const plane of Object.keys(planes)) {
      await refused(without("-bpf,-sys_admin", "--plane", plane), 1, /Cannot .*BPF .*needs root/);
      await refused(without("-net_admin,-sys_admin", "--plane", plane), 1, /load the BPF program.*needs root/);
    }
    await refused(without("-net_raw", "--plane", "user"), 1, /AF_XDP socket.*takes CAP_NET_RAW/);
    const locked = ["prlimit", "--memlock=65536", ...without("-ipc_lock", "--plane", "user")];
    await refused(locked, 1, /frames' memory.*takes CAP_IPC_LOCK/);
    await lab.host("fabric").exec(["ip", "link", "set", "dev", "vm-201.2", "mtu", "9000"]);
    await refused(run(lab, "--mode", "native"), 1, /Cannot attach to 'eth2' in native mode/);
    t.is(await attached(router), "");
  });
});

test.serial("another program in the way, here or on a device above, is named, and stays", async (t) => {
  await withLab(t, planes.xdp, 1, async (lab, router) => {
    const link = (...words: string[]) => router.exec(["ip", "link", ...words]);
    const xdp = async (device: string) => (await link("show", "dev", device)).stdout.match(/xdp(?:generic)?\b/)?.[0];
    const refused = async (why: RegExp, ...more: string[]) => {
      const output = await router.exec(run(lab, ...more), { check: false });
      t.is(output.code, 1, output.stdout);
      t.regex(output.stderr, why);
    };
    const object = ["object", path.join(buildDir, "obj/bpf/steer.bpf.o"), "program", "filter_xdp"];
    for (const [device, theirs, mode] of [
      ["eth2", "xdpgeneric", "generic"],
      ["eth2", "xdpdrv", "generic"],
      ["eth2", "xdpgeneric", "native"],
      ["above", "xdpgeneric", "generic"],
    ] as const) {
      if (device === "above") await link("add", "name", "above", "link", "eth2", "type", "macvlan");
      await link("set", "dev", device, theirs, ...object);
      for (const plane of ["xdp", "user"])
        await refused(
          /Cannot attach to 'eth2': another XDP program is attached there, or to a device above it/,
          "--plane",
          plane,
          "--mode",
          mode,
        );
      t.truthy(await xdp(device));
      await link("set", "dev", device, theirs, "off");
    }
    const user = await startProgram(router, run(lab, "--plane", "user"), "ready");
    await refused(/Another socket uses this queue/, "--plane", "user", "--name", "two");
    user.signal(SIGTERM);
    t.like(await user.exited, { code: 0 });
    t.is(await attached(router), "");
  });
});

test.serial("the kernel's BTF is not needed", async (t) => {
  await withLab(t, planes.xdp, 1, async (lab, router) => {
    const hide = "test ! -d /sys/kernel/btf || mount -t tmpfs none /sys/kernel/btf; test ! -e /sys/kernel/btf/vmlinux";
    for (const plane of Object.keys(planes)) {
      const hidden = ["unshare", "--mount", "sh", "-c", `${hide} && exec "$@"`, "sh"];
      const balancer = await startProgram(router, [...hidden, ...run(lab, "--plane", plane)], "ready");
      t.regex(await attached(router), plane === "tc" ? /steer_tc/ : /prog\/xdp/);
      balancer.signal(SIGTERM);
      t.like(await balancer.exited, { code: 0 }, plane);
    }
  });
});

for (const backend of Object.values(planes))
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
      const watching = { still: true };
      const watch = router.exec([lab.program("xdp-lb"), "stats", "--watch", "1", "--rounds", "1", "--time"]);
      const ended = watch.finally(() => {
        watching.still = false;
      });
      while (watching.still) await connect("--address", "10.0.0.0:5001", "--src", "50.0.0.0/16");
      const { stdout } = await ended;
      t.regex(stdout, /flows +[1-9]\d* \/s +\d+ in all/);
      t.regex(stdout, /target 2 +[1-9]\d* packets\/s +\d+ in all/);
      t.regex(stdout, /BPF program +[1-9]\d* runs\/s +[1-9]\d* ns each/);
      if (backend === planes.user) t.regex(stdout, /queue 0 +[1-9]\d* frames\/s +[1-9]\d* ns of CPU each/);
      await balancer[Symbol.asyncDispose]();
    });
  });
