// SPDX-License-Identifier: Apache-2.0
// Fragments in a real lab: a flood of them, conntrack in the way, a fragment table that is short of time and room.

import { accessSync, constants } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { type Balancer, type Lab, linkOn, planTopology } from "../../harness/api/index.ts";
import { type Datagrams, netns, startServers } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { nfqueue } from "./nfqueue.ts";

const canTun = () => {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
};
const noTun = canTun() ? [] : ["There is no /dev/net/tun that may be opened. Run 'modprobe tun'."];
const withTun = (title: string, action: (t: ExecutionContext) => Promise<void>) =>
  test.serial(title, async (t) => {
    if (!isSkipped(t, noTun)) await action(t);
  });

async function withLab(
  set: Record<string, string>,
  action: (lab: Lab, counters: () => Promise<Record<string, number>>, balancer: Balancer) => Promise<void>,
  routers = 1,
): Promise<void> {
  const lab = await netns.up(planTopology({ targets: 4, routers }), new AbortController().signal);
  try {
    const [balancer] = await Promise.all([
      nfqueue.deploy(lab, nfqueue.options.parse({ fragments: "true", ...set }), [0, 1, 2, 3]),
      startServers(lab),
    ]);
    await action(lab, () => balancer.counters("vm-201"), balancer);
    await balancer[Symbol.asyncDispose]();
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

/** What `traffic fragments` counts, all patterns together; each fragment goes by one of these routers. */
async function send(
  lab: Lab,
  family: 4 | 6,
  words: string,
  routers = lab.topology.routers,
): Promise<Omit<Datagrams, "pattern">> {
  const { tester } = lab.topology;
  const [to, src] = family === 4 ? ["10.0.0.0:6001", "50.0.0.0/16"] : ["[1000::]:6001", "2000::/112"];
  const via = routers.map((router) => linkOn(router, "net2").mac).join(",");
  const way = ["--address", to, "--src", src, "--device", linkOn(tester, "net2").device, "--via", via];
  const { stdout } = await lab
    .host(tester.name)
    .exec([lab.program("traffic"), "fragments", ...way, ...words.split(" ")]);
  const line = stdout.split("\n").find((text) => text.includes('"event":"datagrams"')) ?? "";
  const { patterns } = JSON.parse(line) as { patterns: Datagrams[] };
  const sum = (key: keyof Omit<Datagrams, "pattern">) => patterns.reduce((total, one) => total + one[key], 0);
  return {
    sent: sum("sent"),
    arrived: sum("arrived"),
    incompleteSent: sum("incompleteSent"),
    incompleteDelivered: sum("incompleteDelivered"),
    corrupt: sum("corrupt"),
    duplicates: sum("duplicates"),
    wrongTarget: sum("wrongTarget"),
  };
}

const POOL = 2 ** 20;

withTun("a flood of fragments costs bounded memory, and no packet of anybody else", async (t) => {
  await withLab({ fragmentBytes: `${POOL}`, fragmentTtl: "2000" }, async (lab, counters) => {
    const router = lab.host("vm-201");
    const memoryKiB = async () => {
      const { stdout } = await router.exec([
        "sh",
        "-c",
        "for p in /proc/[0-9]*; do grep -qs '^nfqueue-lb$' $p/comm && grep VmRSS $p/status; done; true",
      ]);
      return Number(stdout.match(/VmRSS:\s+(\d+)/)?.[1]);
    };
    // Touches everything once: what comes later is the flood's own.
    await send(lab, 4, "--duration 500ms --rate 200 --connections 50");
    const before = await memoryKiB();
    t.true(before > 0);
    const [flood, v4, v6, others] = await Promise.all([
      send(lab, 4, "--patterns headless --seed 9 --connections 1000 --rate 1500 --size 6000 --duration 3s"),
      send(lab, 4, "--patterns in_order,reversed,shuffled --rate 100 --connections 100 --duration 3s"),
      send(lab, 6, "--patterns in_order,reversed,shuffled --rate 100 --connections 100 --duration 3s"),
      lab
        .host("vm-221")
        .exec([
          lab.program("traffic"),
          "connect",
          "--address",
          "10.0.0.0:5001",
          "--src",
          "50.0.0.0/16",
          "--connections",
          "1000",
          "--rate",
          "400",
          "--output",
          "json",
        ]),
    ]);
    t.is(flood.incompleteSent, 4500);
    t.is(flood.incompleteDelivered, 0);
    for (const legal of [v4, v6]) {
      t.is(legal.sent, 300);
      t.true(legal.sent - legal.arrived <= 3, `${legal.arrived} of ${legal.sent} arrived`);
      t.is(legal.wrongTarget + legal.corrupt, 0);
    }
    const { connects, failed_connects: failed } = JSON.parse(others.stdout) as Record<string, number>;
    t.deepEqual([connects, failed], [1000, 0]);
    const after = await counters();
    t.true((after["drop.nfqueue_fragments_refused"] ?? 0) > 1000, "the pool was full");
    t.true((after["drop.nfqueue_fragments_waiting"] ?? 0) < POOL / 500, "at least so large are they on average");
    const grown = (await memoryKiB()) - before;
    t.true(grown * 1024 < 3 * POOL, `${grown} KiB more`);
  });
});

withTun(
  "with conntrack in the router's namespace fragments still come as fragments, and whole to their targets",
  async (t) => {
    await withLab({}, async (lab, counters) => {
      const router = lab.host("vm-201");
      const track = "table inet t { chain c { type filter hook forward priority 0; ct state invalid counter; }; }";
      await router.exec(["nft", "-f", "-"], { input: `${track.replaceAll("; }", ";\n}\n").replaceAll("{", "{\n")}\n` });
      for (const family of [4, 6] as const) {
        const seen = (await counters()).fragments ?? 0;
        const { sent, arrived, wrongTarget } = await send(lab, family, "--duration 1s --rate 200 --connections 50");
        t.is(arrived, sent);
        t.is(wrongTarget, 0);
        t.true(((await counters()).fragments ?? 0) - seen > sent * 2, "the queue saw datagrams put together");
      }
    });
  },
);

withTun("fragments that are farther apart than the table remembers are lost, and named", async (t) => {
  await withLab({ fragmentTtl: "1" }, async (lab, counters) => {
    // Interleaved datagrams of a slow sender wait for each other up to 50 ms; headless ones wait for ever.
    await send(lab, 4, "--patterns headless --duration 500ms --rate 200 --connections 50");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const after = await counters();
    t.true((after["drop.nfqueue_fragments_expired"] ?? 0) > 100);
    t.is(after["drop.nfqueue_fragments_waiting"], 0);
  });
});

/** A router that takes no fragments from the others any more. */
const DEAD = `table inet dead {
  chain raw {
    type filter hook prerouting priority -500
    iifname eth1 ip daddr 10.0.0.0 drop
    iifname eth1 ip6 daddr 1000:: drop
  }
}
`;

withTun(
  "the fragments that a router owned move to the others when it has left, and back when it returns",
  async (t) => {
    await withLab(
      {},
      async (lab, counters, balancer) => {
        const gone = lab.host("vm-203");
        let seed = 0;
        /**
         * Of datagrams whose fragments come in by the other two. Other connections each time: what a target still waits for
         * must not get fragments of a later datagram with the same identifier.
         */
        const shareThatArrives = async () => {
          const words = `--seed ${++seed} --size 6000 --duration 1s --rate 150 --connections 60`;
          const both = await Promise.all(
            ([4, 6] as const).map((family) => send(lab, family, words, lab.topology.routers.slice(0, 2))),
          );
          t.true(both.every(({ sent, wrongTarget, corrupt }) => sent > 100 && wrongTarget + corrupt === 0));
          return both.map(({ sent, arrived }) => arrived / sent);
        };
        await gone.exec(["nft", "-f", "-"], { input: DEAD });
        for (const share of await shareThatArrives()) t.true(share < 0.85, `a third is its own, ${share} arrived`);
        await balancer.setRouters?.([0, 1]);
        for (const share of await shareThatArrives()) t.true(share > 0.95, `the others have it, ${share} arrived`);
        await gone.exec(["nft", "delete", "table", "inet", "dead"]);
        await balancer.setRouters?.([0, 1, 2]);
        for (const share of await shareThatArrives()) t.true(share > 0.95, `all three again, ${share} arrived`);
        t.true(((await balancer.counters("vm-203")).fragments ?? 0) > 50, "it owns a share again");
        t.true(((await counters()).fragments_forwarded ?? 0) > 50);
      },
      3,
    );
  },
);
