// SPDX-License-Identifier: Apache-2.0
// What dpdk-lb costs while nothing comes, and that its table is changed from outside.
import test from "ava";
import { planTopology } from "../../harness/api/index.ts";
import { netns, startServers } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { dpdk } from "./dpdk.ts";

const options = dpdk.options.parse({});

interface Stats {
  t: number;
  cpu_us: number;
  memory_kb: number;
  sleeps: number;
  flows: number;
  picked: number[];
}

test("it is ready in a second, takes 60 MiB at most, and sleeps while nothing comes", async (t) => {
  if (isSkipped(t, [...(await netns.missing()), ...(await dpdk.missing(netns, options))])) return;
  await using lab = await netns.up(planTopology({ targets: 2, routers: 1 }), new AbortController().signal);
  const begin = lab.clock.now();
  const [balancer] = await Promise.all([dpdk.deploy(lab, options, [0, 1]), startServers(lab)]);
  const readyMs = (lab.clock.now() - begin) / 1e6;
  const router = lab.host("vm-201");
  const stats = async () => JSON.parse((await router.exec([lab.program("dpdk-lb"), "stats"])).stdout) as Stats;
  const first = await stats();
  await lab.clock.sleep(1000);
  const idle = await stats();
  t.true(readyMs < 3000, `${readyMs} ms, on a machine that may be busy`);
  t.true(idle.memory_kb < 60 * 1024, `${idle.memory_kb} KiB`);
  // One that spins takes all of it, and a busy machine counts more for what is done.
  const share = (idle.cpu_us - first.cpu_us) / ((idle.t - first.t) / 1e3);
  t.true(share < 0.3 && idle.sleeps > first.sleeps, `${share} of a CPU`);
  // By the table's own commands, as a user types them.
  const tables = lab.program("nfqueue-lb");
  await router.exec([tables, "deactivate", "--shm", "dpdk-lb", "1"]);
  await lab
    .host("vm-221")
    .exec([
      lab.program("traffic"),
      "connect",
      "--address",
      "10.0.0.0:5001",
      "--connections",
      "50",
      "--src",
      "50.0.0.0/16",
    ]);
  const { picked } = await stats();
  t.is(picked[0], 0);
  t.true((picked[1] ?? 0) >= 200, picked.join(" "));
  await balancer[Symbol.asyncDispose]();
});
