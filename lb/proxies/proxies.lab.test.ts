// SPDX-License-Identifier: Apache-2.0
// What a proxy that breaks does to a case, and options that do not fit.

import test, { type ExecutionContext } from "ava";
import { type Backend, type Balancer, type Host, planTopology } from "../../harness/api/index.ts";
import { netns, parseBackendOptions } from "../../harness/testing/lab.ts";
import { eventually } from "../../harness/testing/machine.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { backends } from "../index.ts";

const topology = planTopology({ targets: 2, routers: 1 });
const never = new AbortController().signal;
const proxies = backends.filter(({ name }) => ["haproxy", "nginx"].includes(name));

/** Runs it with the backend deployed in a lab, which is down again afterwards. */
async function inLab(
  t: ExecutionContext,
  backend: Backend,
  words: string[],
  action: (router: Host, balancer: Balancer) => Promise<void>,
): Promise<void> {
  if (
    isSkipped(t, [...(await netns.missing()), ...(await backend.missing(netns, parseBackendOptions(backend, words)))])
  )
    return;
  const lab = await netns.up(topology, never);
  try {
    const balancer = await backend.deploy(lab, parseBackendOptions(backend, words), [0, 1]);
    await action(lab.host("vm-201"), balancer);
    await balancer[Symbol.asyncDispose]();
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

for (const backend of proxies) {
  test(`${backend.name}: a process that is killed is a fault that names it, and stopping is none`, (t) =>
    inLab(t, backend, ["workers=2"], async (host, balancer) => {
      const faults: string[] = [];
      balancer.onFault = (sentence) => faults.push(sentence);
      const { stdout } = await host.exec(["ss", "-H", "-l", "-t", "-n", "-p", "sport", "5001"]);
      const pids = [...stdout.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid));
      // Of nginx' processes the first one ends them all; the others it would start anew.
      await host.exec(["sh", "-c", `kill -9 ${Math.min(...pids)}`]);
      t.true(await eventually(() => faults.length === 1, 5000));
      t.regex(faults[0] ?? "", /on vm-201 ended by itself \(signal 9\)/);
      await t.notThrowsAsync(balancer.setTargets([0]));
      await balancer[Symbol.asyncDispose]();
      t.is(faults.length, 1);
    }));

  test(`${backend.name}: only the VIP is listened on, and nothing after it has stopped`, (t) =>
    inLab(t, backend, [], async (host, balancer) => {
      const listening = async (...words: string[]) => {
        const { stdout } = await host.exec(["ss", "-H", "-l", "-n", ...words]);
        return new Set(stdout.split("\n").flatMap((line) => line.trim().split(/\s+/).at(-2) ?? []));
      };
      const tcp = ["10.0.0.0:5001", "10.0.0.0:5003", "[1000::]:5001", "[1000::]:5003"];
      const udp = ["10.0.0.0:5001", "10.0.0.0:6003", "[1000::]:5001", "[1000::]:6003"];
      t.deepEqual([...(await listening("-t"))].sort(), tcp);
      t.deepEqual([...(await listening("-u"))].sort(), backend.protocols ? [] : udp);
      await balancer[Symbol.asyncDispose]();
      t.is((await listening("-t")).size, 0);
    }));

  test(`${backend.name}: options that do not fit are refused with what does`, (t) => {
    const facts = (...words: string[]) => backend.effectiveOptions(parseBackendOptions(backend, words), 2);
    t.throws(() => facts("scheduler=fastest"), {
      message: /Invalid value 'fastest' for --set scheduler: expected .*rr/,
    });
    t.throws(() => facts("workers=0"), { message: /Invalid value '0' for --set workers/ });
    t.throws(() => facts("weights=1,2,3"), { message: /weights has 3 numbers, but there are 2 targets/ });
    t.throws(() => facts("mode=http"), { message: /has no option 'mode'. It has: .*scheduler/ });
    t.is(facts("weights=1,2").weights, "1,2");
  });
}
