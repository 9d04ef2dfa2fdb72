// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { typesOldNames } from "../testing/by-hand.ts";
import { marker, type Outcome, runMain } from "../testing/machine.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-by-hand-"));
const { env } = marker("by-hand");
const lb = (...words: string[]) => runMain(words, { env: { ...env, XDG_RUNTIME_DIR: scratch }, cwd: scratch });

let [before, started]: Outcome[] = [];
test.before(async () => {
  before = await lb("status", "--json");
  started = await lb("start", "nfqueue", "--targets", "3");
});
test.after.always(async () => {
  await lb("stop");
  rmSync(scratch, { recursive: true, force: true });
});

test.serial("a lab by hand says where things are and what comes next", async (t) => {
  t.like(before, { status: 3, stdout: '{"running":false}\n', stderr: "" });
  if (!started) return t.fail();
  t.is(started.status, 0, started.stderr);
  for (const wanted of [
    /^VIP +10\.0\.0\.0 1000::$/m,
    /^ports +5001 connect, 5003 TCP stream, 6003 UDP stream, 6001 fragments$/m,
    /^net1 +vm-001 192\.168\.1\.1 [\s\S]*^ +vm-201 192\.168\.1\.201/m,
  ])
    t.regex(started.stdout, wanted);
  // The next commands are typed as they stand.
  const [, next = ""] = started.stdout.split("Next:\n");
  const lines = next
    .trim()
    .split("\n")
    .map((line) => line.trim().split(" ").slice(1));
  t.is(lines.length, 5);
  for (const words of lines.filter(([first]) => first === "exec")) {
    const { status, stderr } = await lb(...words);
    t.is(status, 0, `${words.join(" ")}: ${stderr}`);
  }
  const { running, ports, vip } = JSON.parse((await lb("status", "--json")).stdout) as Record<string, unknown>;
  t.deepEqual([running, vip], [true, ["10.0.0.0", "1000::"]]);
  t.like(ports, { connect: 5001 });
});

test.serial("mconnect, ctraffic and nfqlb have their old options", (t) => typesOldNames(t, lb));

test.serial("lookup says what the balancer itself says, and what it will say when targets have left", async (t) => {
  const asked = ["nfqueue-lb", "lookup", "--src", "50.0.3.7:4711", "--dst", "10.0.0.0:5003"];
  const balancer = async () => (JSON.parse((await lb("exec", "201", ...asked)).stdout) as { index: number }).index;
  const { now, after } = JSON.parse((await lb("lookup", "50.0.3.7:4711", "--without", "1", "--json")).stdout) as {
    now: { target: string };
    after: { target: string };
  };
  const before = await balancer();
  t.is(now.target, `vm-00${before + 1}`);
  await lb("scale", "in", "1");
  t.is(after.target, `vm-00${(await balancer()) + 1}`);
  await lb("scale", "out", "1");
  t.is(await balancer(), before);
});

/** No target listens on it. */
const NOBODYS_PORT = 5009;

test.serial(
  "watch shows each new connection's target, the one that lookup names, and why a packet is dropped",
  async (t) => {
    let isOver = false;
    const watching = lb("watch", "--duration", "10").finally(() => {
      isOver = true;
    });
    // Until it listens, connections go by unseen.
    const connect = (port: number) =>
      lb("exec", "221", "timeout", "1", "mconnect", "-address", `10.0.0.0:${port}`, "-nconn", "3");
    // The last ones have a server: lookup is asked of one of them, and a source's port may be used for both.
    const half = Date.now() + 5000;
    while (Date.now() < half) await connect(NOBODYS_PORT);
    while (!isOver) await connect(5001);
    const { status, stdout } = await watching;
    t.is(status, 0);
    const seen = [...stdout.matchAll(/^[\d:.]+ ([\d.]+:\d+) -> (vm-\d+) by vm-201$/gm)];
    const [, source = "", target] = seen.at(-1) ?? [];
    t.regex((await lb("lookup", source, "10.0.0.0:5001")).stdout, new RegExp(`TCP: ${target} `), stdout);
    // The kernel is asked a moment after the tap listens.
    const refused = [...stdout.matchAll(/([\d.]+:\d+) RST by vm-00\d$/gm)].map(([, client = ""]) => client);
    const why = (client: string) => new RegExp(`${client} vm-00\\d dropped it: NO_SOCKET in tcp_v4_rcv$`, "m");
    if (process.getuid?.() === 0)
      t.true(
        refused.some((client) => why(client).test(stdout)),
        stdout,
      );
  },
);

test.serial("packets of a trace flow are shown while they are balanced, and no others", async (t) => {
  const flow = ["--name", "syn", "--protocols", "tcp", "--dports", "5001", "--match", "13:02/02"];
  t.regex((await lb("exec", "201", "nfqueue-lb", "trace-flow-set", ...flow)).stdout, /"flows":1/);
  const connect =
    "for i in 1 2 3 4 5; do mconnect -address 10.0.0.0:5001 -nconn 20 -srccidr 50.0.0.0/16; sleep 0.2; done";
  const [traced] = await Promise.all([
    lb("exec", "201", "nfqueue-lb", "trace", "-n", "8"),
    lb("exec", "221", "sh", "-c", connect),
  ]);
  const lines = traced.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.is(lines.length, 8, traced.stderr);
  for (const line of lines)
    t.like(line, { flow: "syn", kind: "flows", protocol: 6, dst: "10.0.0.0", dport: 5001, verdict: "accept" });
  for (const { src, fwmark } of lines) {
    t.regex(String(src), /^50\.0\./);
    t.regex(String(fwmark), /^100[123]$/);
  }
  const listed = JSON.parse((await lb("exec", "201", "nfqueue-lb", "trace-flow-list")).stdout) as {
    flows: { packets: number }[];
  };
  t.true((listed.flows[0]?.packets ?? 0) >= 8);
  t.is((await lb("exec", "201", "nfqueue-lb", "trace-flow-delete", "syn")).status, 0);
});

test.serial("a program runs in a group of machines at once, and each line says where", async (t) => {
  const { stdout, status } = await lb("exec", "targets", "--", "sh", "-c", "echo one; printf two; exit 0");
  t.deepEqual(
    stdout.trim().split("\n").sort(),
    ["001", "002", "003"].flatMap((n) => [`vm-${n}: one`, `vm-${n}: two`]),
  );
  t.is(status, 0);
  const failing = await lb("exec", "all", "sh", "-c", "ip -o addr | grep -q 192.168.2.221 && echo tester >&2; exit 3");
  t.deepEqual([failing.status, failing.stderr], [3, "vm-221: tester\n"]);
  t.is((await lb("exec", "routers", "nfqlb", "primebelow", "1000")).stdout, "vm-201: 997\n");
});

test.serial("targets have names and numbers", async (t) => {
  t.regex((await lb("scale", "in", "vm-001", "2")).stdout, /out +vm-001 vm-002/);
  t.regex((await lb("scale", "out", "1", "vm-002")).stdout, /out +none/);
  const { status, stderr } = await lb("exec", "7", "true");
  t.is(status, 2);
  t.regex(stderr, /^There is no machine 'vm-007' in this lab: it has vm-001 to vm-00\d, vm-201 and vm-221\.\n$/);
});
