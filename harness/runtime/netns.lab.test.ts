// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { hostState } from "../testing/machine.ts";
import { planTopology } from "../topology/topology.ts";
import { netns } from "./netns.ts";
import { CommandError, type Lab, LabError } from "./runtime.ts";

const never = new AbortController().signal;

async function withLab(size: { targets: number; routers: number }, action: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await netns.up(planTopology(size), never);
  try {
    await action(lab);
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

test("machines are up with their addresses, routes and names", async (t) => {
  await withLab({ targets: 3, routers: 2 }, async (lab) => {
    const { stdout } = await lab
      .host("vm-002")
      .exec(["sh", "-c", "hostname; ip -br -4 addr; ip route; ls /sys/class/net"]);
    t.regex(stdout, /^vm-002\n/);
    t.regex(stdout, /eth1@\S+ +UP +192\.168\.1\.2\/24/);
    t.regex(stdout, /nexthop via 192\.168\.1\.202/);
    t.regex(stdout, /\neth1\nlo\n$/);
  });
});

test("what goes to a machine that never sent anything reaches no other machine", async (t) => {
  await withLab({ targets: 4, routers: 1 }, async (lab) => {
    const received = () =>
      Promise.all(
        lab.topology.targets.map(async ({ name }) => {
          const { stdout } = await lab.host(name).exec(["cat", "/sys/class/net/eth1/statistics/rx_packets"]);
          return Number(stdout);
        }),
      );
    // Silent: no answers, no reports of multicast groups. What the bridge has learned before is of no account.
    const silence = "iptables -A INPUT -p udp -j DROP; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6";
    await lab.host("vm-003").exec(["sh", "-c", silence]);
    await lab.wiring("fabric").exec(["bridge", "fdb", "flush", "dev", "net1", "dynamic"]);
    const before = await received();
    await lab.host("vm-201").exec(["bash", "-c", "for n in $(seq 500); do echo >/dev/udp/192.168.1.3/9; done"]);
    const after = await received();
    const got = after.map((count, i) => count - (before[i] ?? 0));
    t.true((got[2] ?? 0) >= 500);
    for (const other of [0, 1, 3]) t.true((got[other] ?? 0) < 50, got.join());
  });
});

test("a command's output, exit code, input and environment pass through", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    const host = lab.host("vm-001");
    const output = await host.exec(["sh", "-c", 'cat; echo "$A" >&2; exit 3'], {
      input: "hello",
      env: { A: "b" },
      check: false,
    });
    t.like(output, { stdout: "hello", stderr: "b\n", code: 3, signal: 0 });
    const big = "x".repeat(3_000_000);
    t.is((await host.exec(["cat"], { input: big })).stdout, big);
    const error = await t.throwsAsync(host.exec(["false"]), { instanceOf: CommandError });
    t.regex(error?.message ?? "", /'false' in machine 'vm-001' failed with exit code 1/);
    t.is((await host.exec(["no-such-program"], { check: false })).code, 127);
    t.regex(
      (await host.exec(["no-such-program"], { check: false })).stderr,
      /Cannot run 'no-such-program': No such file/,
    );
  });
});

test("a program is signalled, fed and resized while it runs", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    let said = "";
    const cat = lab.host("vm-001").spawn(["cat"], {
      keepStdin: true,
      onStdout: (chunk) => {
        said += chunk.toString();
      },
    });
    cat.write(Buffer.from("one "));
    cat.write(Buffer.from("two"));
    cat.closeStdin();
    t.is((await cat.exited).code, 0);
    t.is(said, "one two");
    const sleep = lab.host("vm-001").spawn(["sleep", "60"]);
    sleep.signal(15);
    t.like(await sleep.exited, { code: null, signal: 15 });
    let size = "";
    const stty = lab.host("vm-001").spawn(["sh", "-c", "read x; stty size"], {
      tty: { rows: 11, columns: 22 },
      onStdout: (chunk) => {
        size += chunk.toString();
      },
    });
    stty.resize(33, 44);
    stty.write(Buffer.from("\n"));
    t.is((await stty.exited).code, 0);
    t.regex(size, /33 44/);
  });
});

test("a command that takes too long is killed", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    await t.throwsAsync(lab.host("vm-001").exec(["sleep", "60"], { timeoutMs: 100 }), {
      instanceOf: LabError,
      message: /^'sleep 60' in machine 'vm-001' took longer than 0\.1 s/,
    });
  });
});

test("a command ends although a child that it left behind holds its output open", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    const { code } = await lab
      .host("vm-001")
      .exec(["sh", "-c", "sleep 60 & exit 4"], { check: false, timeoutMs: 10_000 });
    t.is(code, 4);
  });
});

test("a socket that ends its answer when it hears that no more comes is heard out", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    const host = lab.host("vm-001");
    const answer = "a".repeat(500_000);
    // As FRR's daemons do: what does not fit into the socket is lost with the end of the questions.
    const serve = `require("net").createServer({ allowHalfOpen: true }, (s) => {
      s.on("data", () => s.write("\\0\\0\\0\\0" + "a".repeat(500000) + "\\0\\0\\0\\0")).on("end", () => s.destroy());
    }).listen("/run/answers", () => console.log("ready"))`;
    await new Promise<void>((resolve) => {
      host.spawn([process.execPath, "-e", serve], { onStdout: () => resolve() });
    });
    const ask = async (...nuls: string[]) =>
      (await host.exec(["@unix", "/run/answers", ...nuls], { input: "?", check: false })).stdout.replaceAll("\0", "");
    t.is(await ask("7"), answer);
    t.not(await ask(), answer);
  });
});

test("nothing but the agent runs in a lab that has just come up", async (t) => {
  await withLab({ targets: 3, routers: 1 }, async (lab) => {
    const { stdout } = await lab.host("fabric").exec(["sh", "-c", "grep -l '^agent' /proc/[0-9]*/comm; exit 0"]);
    t.is(stdout, "/proc/1/comm\n");
  });
});

test("machines do not share /run, /dev/shm or the network", async (t) => {
  await withLab({ targets: 2, routers: 1 }, async (lab) => {
    await lab.host("vm-001").exec(["sh", "-c", "echo 1 > /run/mine; echo 1 > /dev/shm/mine"]);
    t.not((await lab.host("vm-002").exec(["ls", "/run/mine"], { check: false })).code, 0);
    t.not((await lab.host("vm-002").exec(["ls", "/dev/shm/mine"], { check: false })).code, 0);
    t.is((await lab.host("vm-002").exec(["cat", "/proc/sys/net/ipv4/ip_forward"])).stdout, "0\n");
    t.is((await lab.host("vm-201").exec(["cat", "/proc/sys/net/ipv4/ip_forward"])).stdout, "1\n");
  });
});

test("an unknown machine is named", async (t) => {
  await withLab({ targets: 1, routers: 1 }, async (lab) => {
    t.throws(() => lab.host("vm-999"), { instanceOf: LabError, message: /no machine 'vm-999'/ });
  });
});

test("250 targets come up, and all reach the router over IPv4 and IPv6", async (t) => {
  await withLab({ targets: 250, routers: 1 }, async (lab) => {
    const { stdout } = await lab
      .host("vm-350")
      .exec(["sh", "-c", "ip -4 -o addr show eth1; ip -6 route get 1000::1:172.16.0.201"]);
    t.regex(stdout, /172\.16\.1\.94\/16/);
    t.regex(stdout, /dev eth1/);
  });
});

test("going down leaves the host as it was, and what was under way fails", async (t) => {
  const before = hostState();
  const lab = await netns.up(planTopology({ targets: 5, routers: 1 }), never);
  const sleep = lab.host("vm-001").spawn(["sleep", "60"]);
  await lab[Symbol.asyncDispose]();
  await t.throwsAsync(sleep.exited, { instanceOf: LabError });
  await t.throwsAsync(lab.host("vm-001").exec(["true"]), { instanceOf: LabError });
  await lab[Symbol.asyncDispose]();
  t.deepEqual(hostState(), before);
});

test("a lab that is aborted while it comes up is gone", async (t) => {
  const before = hostState();
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 30);
  await t.throwsAsync(netns.up(planTopology({ targets: 200, routers: 1 }), controller.signal), { message: "enough" });
  t.deepEqual(hostState(), before);
});
