// SPDX-License-Identifier: Apache-2.0
// What happens to traffic when the balancer is stopped, killed, overrun: in a lab, with the kernel's own counters.

import test, { type ExecutionContext } from "ava";
import { type Balancer, type Host, type Lab, planTopology, startProgram } from "../../harness/api/index.ts";
import { netns, parseBackendOptions, startServers } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { nfqueue } from "./nfqueue.ts";

const missing = [...(await netns.missing()), ...(await nfqueue.missing(netns, nfqueue.options.parse({})))];

function withLab(title: string, action: (t: ExecutionContext) => Promise<void>): void {
  test(title, async (t) => {
    if (!isSkipped(t, missing)) await action(t);
  });
}

interface Setup {
  lab: Lab;
  router: Host;
  balancer: Balancer;
  /** Of the balancer's process, in the router. */
  pid: string;
}

async function deployed(words: string[], action: (setup: Setup) => Promise<void>): Promise<void> {
  const lab = await netns.up(planTopology({ targets: 2, routers: 1 }), new AbortController().signal);
  try {
    const options = parseBackendOptions(nfqueue, words);
    const [balancer] = await Promise.all([nfqueue.deploy(lab, options, [0, 1]), startServers(lab)]);
    const router = lab.host("vm-201");
    await action({ lab, router, balancer, pid: await ownerOf(router) });
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

/** A netlink socket's port is the pid of the process that opened it. */
async function ownerOf(router: Host): Promise<string> {
  const { stdout } = await router.exec(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  return stdout.trim().split(/\s+/)[1] ?? "";
}

/** Datagrams at 2000 a second over 100 flows, for two seconds; resolves with what the generator saw. */
async function datagrams(lab: Lab): Promise<{ sent: number; received: number; lost: number }> {
  const argv = ["stream", "--udp", "--address", "10.0.0.0:6003", "--src", "50.0.0.0/16", "--connections", "100"];
  const { stdout } = await lab
    .host("vm-221")
    .exec([lab.program("traffic"), ...argv, "--rate", "2000", "--ramp", "100ms", "--duration", "2s"]);
  const sample = stdout.split("\n").findLast((line) => line.includes('"event":"sample"')) ?? "{}";
  const { sent, received, lost } = JSON.parse(sample) as {
    sent: number;
    received: number;
    lost: Record<string, number>;
  };
  return { sent, received, lost: Object.values(lost).reduce((sum, n) => sum + n, 0) };
}

/** Datagrams while the balancer is stopped for 0.4 s of that time. */
async function stoppedMeanwhile({ lab, router, pid }: Setup): ReturnType<typeof datagrams> {
  const traffic = datagrams(lab);
  await pause(700);
  await router.exec(["kill", "-STOP", pid]);
  await pause(400);
  await router.exec(["kill", "-CONT", pid]);
  return traffic;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

withLab("the running balancer has no capability but CAP_NET_ADMIN, in any thread, and cannot get one", async (t) => {
  await deployed([], async ({ router, pid }) => {
    const { stdout } = await router.exec(["sh", "-c", `cat /proc/${pid}/task/*/status`]);
    const values = (name: string) => [...stdout.matchAll(new RegExp(`^${name}:\\s+(\\w+)`, "gm"))].map(([, v]) => v);
    const CAP_NET_ADMIN = "0000000000001000";
    t.true(values("CapEff").length >= 2);
    for (const set of ["CapEff", "CapPrm", "CapBnd"])
      t.true(
        values(set).every((value) => value === CAP_NET_ADMIN),
        set,
      );
    t.true(values("NoNewPrivs").every((value) => value === "1"));
  });
});

withLab("with a queue per CPU each thread stays on its own, and lets packets gather", async (t) => {
  await deployed(["perCpu=true"], async ({ lab, router, pid }) => {
    const { stdout } = await router.exec(["sh", "-c", `cat /proc/${pid}/task/*/status; cat /proc/${pid}/task/*/stat`]);
    const allowed = [...stdout.matchAll(/^Cpus_allowed_list:\s+(\d+)$/gm)].map(([, cpu]) => Number(cpu));
    const SCHED_BATCH = "3";
    const policies = [...stdout.matchAll(/^\d+ \(nfqueue-lb\) (.*)$/gm)].map(([, rest]) => rest?.split(" ")[38]);
    const cpus = Number((await router.exec(["nproc", "--all"])).stdout);
    t.is(policies.filter((policy) => policy === SCHED_BATCH).length, cpus);
    if (cpus > 1) t.deepEqual(allowed, [...Array(cpus).keys()]);
    const seen = await datagrams(lab);
    t.is(seen.received, seen.sent);
  });
});

withLab("stopped and continued, it serves the packets that waited: nothing is lost", async (t) => {
  await deployed([], async ({ lab, router, balancer, pid }) => {
    const traffic = datagrams(lab);
    await pause(700);
    await router.exec(["kill", "-STOP", pid]);
    await pause(400);
    const stopped = await balancer.counters("vm-201");
    await router.exec(["kill", "-CONT", pid]);
    const seen = await traffic;
    t.true((stopped.balanced ?? 0) - (stopped.queued ?? 0) > 100, "packets waited");
    const after = await balancer.counters("vm-201");
    t.is(after["drop.nfqueue_queue_dropped"], 0);
    t.is(after["drop.nfqueue_user_dropped"], 0);
    t.is(seen.lost, 0);
    t.is(seen.received, seen.sent);
  });
});

withLab("a queue that is full drops, and counts what it dropped", async (t) => {
  await deployed(["qlength=20"], async (setup) => {
    const seen = await stoppedMeanwhile(setup);
    const { "drop.nfqueue_queue_dropped": dropped = 0, balanced, queued } = await setup.balancer.counters("vm-201");
    t.true(dropped > 100, `${dropped}`);
    t.is(balanced, (queued ?? 0) + dropped);
    t.is(seen.sent - seen.received, dropped);
  });
});

for (const failOpen of [false, true])
  withLab(`a receive buffer that is full ${failOpen ? "lets pass" : "drops"}, counts it, and is read on`, async (t) => {
    // Room for a dozen packets; the queue itself would hold them all.
    await deployed(["receiveBuffer=20000", `failOpen=${failOpen}`], async (setup) => {
      const seen = await stoppedMeanwhile(setup);
      const counters = await setup.balancer.counters("vm-201");
      const { "drop.nfqueue_user_dropped": dropped = 0, balanced = 0, queued = 0 } = counters;
      t.is(counters["drop.nfqueue_queue_dropped"], 0);
      t.true(balanced - queued > 100, "the buffer was full");
      if (failOpen) t.deepEqual([dropped, counters.failed_open], [0, balanced - queued]);
      else t.deepEqual([dropped, seen.sent - seen.received], [balanced - queued, dropped]);
      t.true(queued > 2000, "what came before and after was served");
    });
  });

withLab("with fail-open a full queue lets packets pass, counted, and the balancer goes on", async (t) => {
  await deployed(["qlength=20", "failOpen=true"], async (setup) => {
    const seen = await stoppedMeanwhile(setup);
    const counters = await setup.balancer.counters("vm-201");
    t.is(counters["drop.nfqueue_queue_dropped"], 0);
    t.true((counters.failed_open ?? 0) > 100, `${counters.failed_open}`);
    // They found no mark, and so no route.
    t.true(seen.sent - seen.received <= (counters.failed_open ?? 0));
    t.true(seen.received > 2000, "what came before and after was served");
  });
});

withLab("killed and started again under traffic, it loses what came meanwhile and no flow", async (t) => {
  await deployed([], async ({ lab, router, pid }) => {
    const traffic = datagrams(lab);
    await pause(700);
    const began = Date.now();
    // Its table is free when it has gone, which takes the kernel a moment.
    await router.exec(["sh", "-c", `kill -KILL ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`]);
    await startProgram(router, [lab.program("nfqueue-lb"), "run", "--queue", "0", "--qlength", "4096"], "ready");
    const goneMs = Date.now() - began;
    const seen = await traffic;
    const lost = seen.sent - seen.received;
    t.log(`${lost} of ${seen.sent} datagrams were lost, ${goneMs} ms passed until it was ready`);
    t.is(seen.lost, 0, "no flow");
    t.true(lost <= 40 + goneMs * 4, `${lost} in ${goneMs} ms`);
    t.true(seen.received > 2000);
  });
});

withLab("a burst of SYNs with large batches and remembered connections ends nothing", async (t) => {
  await deployed(["synOnly=true", "oneWay=true"], async ({ lab, router, pid }) => {
    await router.exec(["sh", "-c", `kill -TERM ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`]);
    // 1,024 verdicts with an IPv6 entry each are more than a socket takes that nobody has sized.
    const argv = ["run", "--queue", "0", "--qlength", "4096", "--remember", "--batch", "1024"];
    await startProgram(router, [lab.program("nfqueue-lb"), ...argv], "ready");
    const owner = await ownerOf(router);
    await router.exec(["kill", "-STOP", owner]);
    const address = ["--address", "[1000::]:5001", "--src", "2000::/112"];
    const traffic = lab
      .host("vm-221")
      .exec([lab.program("traffic"), "connect", ...address, "--connections", "2000", "--concurrent", "2000"]);
    await pause(700);
    await router.exec(["kill", "-CONT", owner]);
    const sample = (await traffic).stdout.split("\n").findLast((line) => line.includes('"event":"sample"')) ?? "{}";
    t.like(JSON.parse(sample), { established: 2000, failedConnects: 0 });
    t.is(await ownerOf(router), owner, "the balancer runs on");
    const { stdout } = await router.exec([lab.program("nfqueue-lb"), "stats"]);
    t.like(JSON.parse(stdout), { verdict_errors: 0 });
  });
});

/** A UDP socket with destination options of 520 bytes, which receivers skip: its ports lie beyond what is copied. */
const LONG_CHAIN = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 64] + 2 * ([0x1e, 255] + 255 * [0]) + [1, 2, 0, 0]))
s.settimeout(3)
s.connect(("1000::", 6003))
for i in range(20):
    s.send(bytes(100))
    print(s.recv(2000)[:6].decode())
`;

withLab("a chain of IPv6 headers beyond the copy is asked for whole, and balanced", async (t) => {
  await deployed([], async ({ lab, router }) => {
    const { stdout } = await lab.host("vm-221").exec(["python3", "-c", LONG_CHAIN]);
    const names = stdout.trim().split("\n");
    t.is(names.length, 20);
    t.is(new Set(names).size, 1, "one flow, one target");
    const counters = JSON.parse((await router.exec([lab.program("nfqueue-lb"), "stats"])).stdout);
    t.like(counters, { short: 0, verdict_errors: 0, asked_whole: 20 });
    // Others are copied in part as before.
    const seen = await datagrams(lab);
    t.is(seen.received, seen.sent);
  });
});
