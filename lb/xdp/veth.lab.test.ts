// SPDX-License-Identifier: Apache-2.0
// What veth senders and two devices' rings do to frames on their way through the planes: unfinished checksums, bursts, queues.

import { availableParallelism } from "node:os";
import test from "ava";
import { type Host, type Lab, linkOn, startProgram } from "../../harness/api/index.ts";
import { snmpTable, startServers } from "../../harness/testing/lab.ts";
import { eventually } from "../../harness/testing/machine.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { type Plane, planes, run, withLab } from "./planes.testing.ts";

const [SIGTERM, SIGSTOP, SIGCONT] = [15, 19, 18];

const features = (lab: Lab, device: string, ...words: string[]) =>
  lab.host("fabric").exec([lab.program("xdp-lb"), "features", "--dev", device, ...words]);

/** Datagrams for a port where nobody listens, and what came with a wrong checksum: the stack looks at that first. */
async function received(target: Host): Promise<{ right: number; wrong: number }> {
  const { stdout } = await target.exec(["@read", "/proc/net/snmp", "/proc/net/snmp6"]);
  const v6 = (name: string) => Number(stdout.match(new RegExp(`^${name}\\s+(\\d+)$`, "m"))?.[1] ?? 0);
  const [udp, tcp] = [snmpTable(stdout, "Udp"), snmpTable(stdout, "Tcp")];
  return {
    right: (udp.get("NoPorts") ?? 0) + v6("Udp6NoPorts"),
    wrong: (udp.get("InCsumErrors") ?? 0) + v6("Udp6InCsumErrors") + (tcp.get("InCsumErrors") ?? 0),
  };
}

async function flood(lab: Lab, address: string, src: string, ...more: string[]): Promise<number> {
  const to = ["--address", address, "--src", src, "--flows", "64", ...more];
  const { stdout } = await lab.host("vm-221").exec([lab.program("traffic"), "flood", ...to]);
  return (JSON.parse(stdout) as { sent: number }).sent;
}

/** True when so many datagrams have arrived in time. */
async function arrive(targets: readonly Host[], expected: number): Promise<boolean> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const all = await Promise.all(targets.map((target) => received(target)));
    const right = all.reduce((sum, one) => sum + one.right, 0);
    if (right >= expected || performance.now() > deadline) return right === expected;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const targetsOf = (lab: Lab) => lab.topology.targets.map(({ name }) => lab.host(name));

/** `loses`: a frame becomes mere bytes, and the note that its checksum is to be finished is lost. */
const carriers: [plane: Plane, mode: string | undefined, loses: boolean][] = [
  ["xdp", "generic", false],
  ["xdp", "native", true],
  ["tc", undefined, false],
  ["user", "generic", true],
  ["user", "native", true],
];
for (const [plane, mode, loses] of carriers)
  test.serial(`${plane} ${mode ?? ""}: what a sender leaves to its device arrives with a right checksum`, async (t) => {
    await withLab(t, planes[plane], 1, async (lab) => {
      const [target] = targetsOf(lab) as [Host];
      await startServers(lab);
      const balancer = await planes[plane].deploy(lab, planes[plane].options.parse(mode ? { mode } : {}), [0]);
      // What is still unfinished is finished here, so that the target's stack checks every packet.
      await features(lab, "vm-001.1", "--tx-checksum", "off", "--tso", "off");
      const few = ["--rate", "5000", "--duration", "40ms"];
      const both = async () =>
        (await flood(lab, "10.0.0.0:9", "50.0.0.0/16", ...few)) +
        (await flood(lab, "[1000::]:9", "2000::/112", ...few));
      const connect = ["connect", "--connections", "50", "--output", "txt"];
      for (const to of [
        ["--address", "10.0.0.0:5001", "--src", "50.0.0.0/16"],
        ["--address", "[1000::]:5001", "--src", "2000::/112"],
      ])
        await lab.host("vm-221").exec([lab.program("traffic"), ...connect, ...to]);
      const sent = await both();
      t.true(sent > 50, `${sent}`);
      t.true(await arrive([target], sent), JSON.stringify(await received(target)));
      t.is((await received(target)).wrong, 0);

      // And with senders that do leave it to the router: the test sees what breaks then, and in whom it does not.
      await features(lab, "vm-201.2", "--tx-checksum", "on");
      const more = await both();
      const all = async () => {
        const { right, wrong } = await received(target);
        return right + wrong === sent + more;
      };
      for (const end = performance.now() + 10_000; !(await all()) && performance.now() < end; )
        await new Promise((resolve) => setTimeout(resolve, 20));
      t.deepEqual(await received(target), loses ? { right: sent, wrong: more } : { right: sent + more, wrong: 0 });
      await balancer[Symbol.asyncDispose]();
    });
  });

interface PlaneStats {
  flows: number;
  bytes: number;
  send_calls: number;
  socket_no_buffer: number;
  socket_ring_full: number;
  queues: { frames: number }[];
}

const statsOf = async (lab: Lab, router: Host) =>
  JSON.parse((await router.exec([lab.program("xdp-lb"), "stats"])).stdout) as PlaneStats;

test.serial("frames that have piled up all leave, though one call sends at most 32", async (t) => {
  await withLab(t, planes.user, 1, async (lab, router) => {
    await features(lab, "vm-201.2", "--tx-checksum", "off", "--tso", "off");
    const [target] = lab.topology.targets;
    const active = ["--active", `0=${target && linkOn(target, "net1").mac}`];
    const balancer = await startProgram(router, run(lab, "--plane", "user", ...active), "ready");
    let all = 0;
    // Three bursts are more than there are frames: each must have come back by the completion ring.
    for (let burst = 0; burst < 3; burst++) {
      balancer.signal(SIGSTOP);
      const sent = await flood(lab, "10.0.0.0:9", "50.0.0.0/16", "--rate", "17000", "--duration", "100ms");
      balancer.signal(SIGCONT);
      t.true(sent > 1400 && sent <= 2048, `${sent}`);
      all += sent;
      t.true(await arrive(targetsOf(lab), all), `burst ${burst}`);
    }
    const { flows, send_calls: calls, ...stats } = await statsOf(lab, router);
    t.like({ flows, ...stats }, { flows: all, socket_no_buffer: 0, socket_ring_full: 0 });
    t.true(calls >= all / 32 && calls < all / 4, `${calls} calls for ${all} frames`);
    balancer.signal(SIGTERM);
    t.like(await balancer.exited, { code: 0 });
  });
});

test.serial(
  "packets that are not cut yet go whole, and are counted once; native XDP, which has none, is refused",
  async (t) => {
    await withLab(t, planes.xdp, 1, async (lab, router) => {
      await startServers(lab);
      const balancer = await planes.xdp.deploy(lab, planes.xdp.options.parse({ gso: "true" }), [0]);
      const words = [
        "stream",
        "--address",
        "10.0.0.0:5003",
        "--src",
        "50.0.0.0/16",
        "--closed-loop",
        "--connections",
        "1",
      ];
      const { stdout } = await lab
        .host("vm-221")
        .exec([lab.program("traffic"), ...words, "--size", "64000", "--duration", "300ms", "--output", "ndjson"]);
      const { received: echoes, lost } = JSON.parse(
        stdout
          .trim()
          .split("\n")
          .findLast((line) => line.includes('"sample"')) ?? "{}",
      ) as {
        received: number;
        lost: Record<string, number>;
      };
      t.true(echoes > 2 && Object.keys(lost).length === 0, stdout);
      const { flows, bytes } = await statsOf(lab, router);
      t.true(bytes / flows > 2 * 1514, `${bytes} bytes in ${flows} frames`);
      t.true(bytes >= echoes * 64_000);
      await balancer[Symbol.asyncDispose]();
      const filters = await router.exec(["tc", "filter", "show", "dev", "eth2", "ingress"]);
      t.is(filters.stdout, "", "the TC program has gone with it");
      const native = await router.exec(run(lab, "--mode", "native", "--gso"), { check: false });
      t.like(native, { code: 2, stderr: "--gso needs --plane xdp and --mode generic.\n" });
    });
  },
);

// Native, because in generic mode a veth reports queue 0 for its first two.
test.serial("each queue has its socket, on both devices", async (t) => {
  const why = availableParallelism() < 2 ? ["A veth has as many queues as there are CPUs: here one."] : [];
  if (isSkipped(t, why)) return;
  await withLab(t, planes.user, 2, async (lab, router) => {
    const balancer = await planes.user.deploy(lab, planes.user.options.parse({ mode: "native", queues: "2" }), [0, 1]);
    const sent = await flood(lab, "10.0.0.0:9", "50.0.0.0/16", "--rate", "10000", "--duration", "200ms");
    t.true(await arrive(targetsOf(lab), sent));
    const { flows, queues } = await statsOf(lab, router);
    t.is(flows, sent);
    t.is(queues.length, 2);
    for (const { frames } of queues) t.true(frames > 0 && frames < sent, JSON.stringify(queues));
    await balancer[Symbol.asyncDispose]();
    // A device without the second queue is named, be it the one where frames leave.
    const single = [lab.program("xdp-lb"), "features", "--dev", "eth1", "--queues", "1"];
    // The kernel frees what the sockets had of the queue a moment after they have gone, and refuses until then.
    t.true(await eventually(async () => (await router.exec(single, { check: false })).code === 0, 5000));
    const refused = await router.exec(run(lab, "--plane", "user", "--queues", "2"), { check: false });
    t.is(refused.code, 1);
    t.regex(refused.stderr, /for queue 1: .*'ethtool -L/);
  });
});
