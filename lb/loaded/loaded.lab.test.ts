// SPDX-License-Identifier: Apache-2.0
// What loaded-lb does besides the scenarios: privileges, fragments, ports that are left alone, targets that come by themselves.
import test, { type ExecutionContext } from "ava";
import { type Host, type Lab, planTopology, startProgram } from "../../harness/api/index.ts";
import { netns, parseBackendOptions, startServers } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { loaded } from "./loaded.ts";

const missing = [...(await netns.missing()), ...(await loaded.missing(netns, loaded.options.parse({})))];

function withLab(title: string, words: string[], action: (t: ExecutionContext, lab: Lab) => Promise<void>): void {
  test(title, async (t) => {
    if (isSkipped(t, missing)) return;
    const lab = await netns.up(
      planTopology({ targets: 2, routers: words.includes("hotplug=true") ? 2 : 1 }),
      new AbortController().signal,
    );
    try {
      await Promise.all([loaded.deploy(lab, parseBackendOptions(loaded, words), [0, 1]), startServers(lab)]);
      await action(t, lab);
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  });
}

const router = (lab: Lab) => lab.host("vm-201");
const tester = (lab: Lab) => lab.host("vm-221");

async function ask<T>(lab: Lab, command: string): Promise<T> {
  return JSON.parse((await router(lab).exec([lab.program("loaded-lb"), command])).stdout) as T;
}
const stats = (lab: Lab) => ask<Record<string, number>>(lab, "stats");

/** A netlink socket's port is the pid of the process that opened it. */
async function ownerOf(host: Host): Promise<string> {
  const { stdout } = await host.exec(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  return stdout.trim().split(/\s+/)[1] ?? "";
}

withLab(
  "no thread has more than CAP_NET_ADMIN and its list of system calls, and its root is gone",
  [],
  async (t, lab) => {
    const host = router(lab);
    const pid = await ownerOf(host);
    const { stdout } = await host.exec(["sh", "-c", `cat /proc/${pid}/task/*/status; readlink /proc/${pid}/root`]);
    const values = (name: string) => [...stdout.matchAll(new RegExp(`^${name}:\\s+(\\w+)`, "gm"))].map(([, v]) => v);
    t.true(values("CapEff").length >= 3);
    for (const set of ["CapEff", "CapPrm", "CapBnd"])
      t.true(values(set).every((value) => value === "0000000000001000"));
    t.true(values("NoNewPrivs").every((value) => value === "1"));
    t.true(values("Seccomp").every((value) => value === "2"));
    t.regex(stdout, /^\/tmp\/loaded-lb-\w+ \(deleted\)$/m);
  },
);

/** A datagram of 4000 bytes to the VIP, in three fragments; what comes back. */
const BIG = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.bind(("50.0.0.9", 0))
s.setsockopt(socket.IPPROTO_IP, 10, 0)
s.sendto(bytes(4000), ("10.0.0.0", 9))
`;

for (const [words, counter] of [
  [[], "fragments_refused"],
  [["fragments=true"], "forwarded"],
] as const)
  withLab(`fragments are ${words.length > 0 ? "kept together" : "refused"}`, [...words], async (t, lab) => {
    const before = await stats(lab);
    await tester(lab).exec(["python3", "-c", BIG]);
    await lab.clock.sleep(200);
    const after = await stats(lab);
    const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
    t.is(grown(counter), 3);
    const whole = await Promise.all(
      ["vm-001", "vm-002"].map(async (name) => {
        const { stdout } = await lab.host(name).exec(["cat", "/proc/net/snmp"]);
        const [names = [], numbers = []] = stdout
          .split("\n")
          .filter((line) => line.startsWith("Ip: "))
          .map((line) => line.split(" "));
        return Number(numbers[names.indexOf("ReasmOKs")]);
      }),
    );
    // All of them at one target, where they became whole.
    t.is((whole[0] as number) + (whole[1] ?? 0), counter === "forwarded" ? 1 : 0);
  });

withLab("what is taken out by hand stays out although it answers", ["cycle=50"], async (t, lab) => {
  const states = async () => {
    const { targets } = await ask<{ targets: { address: string; state: string }[] }>(lab, "show");
    return targets.map(({ state }) => state);
  };
  t.deepEqual(await states(), ["active", "active", "active", "active"]);
  await router(lab).exec([lab.program("loaded-lb"), "deactivate", "192.168.1.1"]);
  await lab.clock.sleep(500);
  t.deepEqual(await states(), ["gone", "active", "active", "active"]);
  await router(lab).exec([lab.program("loaded-lb"), "activate", "192.168.1.1"]);
  t.deepEqual(await states(), ["active", "active", "active", "active"]);
});

withLab("another router answers echoes, and is no target", ["hotplug=true", "cycle=50"], async (t, lab) => {
  await lab.clock.sleep(1000);
  const { targets } = await ask<{ targets: { address: string; state: string }[] }>(lab, "show");
  t.is(targets.filter(({ state }) => state === "active").length, 4);
  // Over IPv6: IPv4's broadcasts are answered by the targets alone, which were told to.
  t.deepEqual(
    targets.flatMap(({ address, state }) => (state === "unproven" ? [address] : [])),
    ["1000::1:c0a8:1ca"],
  );
});

/** Who answers at a port of the VIP. */
const ASK = (port: number) => `import socket
s = socket.create_connection(("10.0.0.0", ${port}), 2, ("50.0.0.9", 0)); print(s.recv(64).decode())
`;
const OWN_SERVER = `import socket
s = socket.create_server(("10.0.0.0", 22)); print('{"event": "ready"}', flush=True)
c, _ = s.accept(); c.sendall(b"the router itself"); c.recv(1)
`;

withLab("a port that is exempt is the router's own, and others are balanced", ["exempt=22,179"], async (t, lab) => {
  // What is translated back has the VIP, the router's own address here, as its source.
  await router(lab).exec(["sysctl", "-qw", "net.ipv4.conf.all.accept_local=1"]);
  await router(lab).exec(["ip", "addr", "add", "10.0.0.0/32", "dev", "lo"]);
  await startProgram(router(lab), ["python3", "-c", OWN_SERVER], "ready");
  const ask = async (port: number) => (await tester(lab).exec(["python3", "-c", ASK(port)])).stdout.trim();
  t.is(await ask(22), "the router itself");
  const { exempt = 0, forwarded } = await stats(lab);
  t.true(exempt >= 2, `${exempt}`);
  t.is(forwarded, 0);
  t.regex(await ask(5001), /^vm-00[12]$/);
});

withLab("wrong words and wrong packets end nothing", [], async (t, lab) => {
  const program = lab.program("loaded-lb");
  const refused = await router(lab).exec([program, "activate", "192.168.1.x"], { check: false });
  t.is(refused.code, 2);
  t.is(refused.stderr, "'192.168.1.x' is no IPv4 or IPv6 address.\n");
  const second = await router(lab).exec([program, "run", "--vip", "10.0.0.0"], { check: false });
  t.is(second.code, 1);
  t.is(second.stderr, "A balancer named 'loaded-lb' runs here already.\n");
  // Raw IPv4 headers with nothing behind them, of every protocol.
  const raw = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for p in range(256):
  s.sendto(bytes([0x45, 0, 0, 20, 0, 0, 0, 0, 64, p, 0, 0, 50, 0, 0, 9, 10, 0, 0, 0]), ("10.0.0.0", 0))
`;
  await tester(lab).exec(["python3", "-c", raw]);
  await lab.clock.sleep(200);
  const { malformed = 0, packets = 0 } = await stats(lab);
  t.true(packets >= 256);
  // TCP, UDP, ICMP, DCCP, SCTP and UDP-Lite begin with a header that is not there.
  t.is(malformed, 6);
});
