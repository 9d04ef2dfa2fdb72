// SPDX-License-Identifier: Apache-2.0
// The vm runtime with a real guest: other kernels, IPVS, netem, and nothing left behind. Few boots: each takes some seconds.
// Over 300 lines: tests share the few boots of a guest.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { launchProgram, runProgram } from "../harness/host/program.ts";
import { readRecord } from "../harness/record/read.ts";
import type { Summary } from "../harness/record/schema.ts";
import { typesOldNames } from "../harness/testing/by-hand.ts";
import { KERNEL, withGuest } from "../harness/testing/guest.ts";
import { eventually, hostState, marker, outcomeOf, outcomes, program, runMain } from "../harness/testing/machine.ts";
import { type CaseResult, runCase, untilSufficient } from "../harness/testing/run-case.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-vm-"));
const small = ["--targets", "4", "--connections", "160", "--rate", "100", "--scale", "1"];
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  return runMain(args, { cwd: scratch, env, timeoutMs: 150_000 });
}

/** One case in a guest, small enough for an emulated machine that shares two cores. A guest that went down is no result, whatever is tested. */
async function runInGuest(t: ExecutionContext, name: string, args: readonly string[]): Promise<CaseResult> {
  const usual = small.filter((_, i) => !args.includes(small[i - (i % 2)] ?? ""));
  const once = () => {
    const out = path.join(scratch, `${name}-${process.hrtime.bigint()}`);
    return runCase(t, name, ["--kernel", KERNEL, ...usual, ...args], { out, timeoutMs: 150_000 });
  };
  const result = await once();
  const [reason = ""] = result.summary.reasons;
  if (!/(?:guest has not answered|guest's kernel went down|does not answer)/.test(reason)) return result;
  t.log(`Made once more: ${reason}`);
  return once();
}

function passes(t: ExecutionContext, { status, summary }: Pick<CaseResult, "status" | "summary">): void {
  t.is(status, 0, summary.reasons.join("\n"));
  t.is(summary.assigned.mispredicted, 0, summary.reasons.join("\n"));
  for (const event of summary.events) t.is(event.mispredicted ?? 0, 0);
}

withGuest(
  "nfqueue_scale_in in a guest: its own kernel, this machine's clock, logs, the predicted losses",
  async (t) => {
    const before = hostState();
    const result = await runInGuest(t, "nfqueue_scale_in", ["--at", "2", "--duration", "5"]);
    passes(t, result);
    const { summary, dir } = result;
    t.is(summary.runtime, "vm");
    t.regex(summary.kernel, /^6\.1\./);
    const [event] = summary.events;
    // An event is asked for on this machine's clock, and the traffic began on the guest's.
    t.true(event !== undefined && event.askedMs >= 1999 && event.inForceMs > event.askedMs && event.inForceMs < 4000);
    t.regex(readFileSync(path.join(dir, "logs/dmesg.txt"), "utf8"), /device vm-201\.1 entered promiscuous/);
    t.deepEqual(hostState().interfaces, before.interfaces);
  },
);

withGuest(
  "ipvs_scale_in with Maglev and direct routing: every connection where the oracle says, replies past the router",
  async (t) => {
    const result = await runInGuest(
      t,
      "ipvs_scale_in",
      "--at 2 --duration 5 --set scheduler=mh --set port=true".split(" "),
    );
    passes(t, result);
    const events = readFileSync(path.join(result.dir, "events.ndjson"), "utf8");
    t.true(result.summary.assigned.checked >= 160);
    const counters = [...events.matchAll(/"machine":"vm-201".*?"ipvs\.in":(\d+).*?"ipvs\.from_targets":(\d+)/g)].at(-1);
    t.true(Number(counters?.[1]) > 500, counters?.[0]);
    // What a target says for itself (neighbour discovery, its bridge's port) may pass; the replies of the connections do not.
    t.true(Number(counters?.[2]) < Number(counters?.[1]) / 10, counters?.[0]);
  },
);

withGuest("ipvs_scale of all targets: clients meet with ICMP errors meanwhile, and come back", async (t) => {
  const words = "--scale 1,2,3,4 --rate 160 --stall 2 --at 2,7 --duration 11 --set scheduler=mh --set port=true";
  const result = await runInGuest(t, "ipvs_scale", words.split(" "));
  passes(t, result);
  const { events, outage } = result.summary;
  t.is(events[0]?.lost, 160);
  t.like(outage, { expected: "unreachable", mispredicted: 0 });
});

withGuest(
  "ipvs_scale_lb: a connection that comes to the other router ends, unless sloppy_tcp and one hash keep it",
  async (t) => {
    const result = await runInGuest(
      t,
      "ipvs_scale_lb",
      "--at 2,4 --duration 6 --set scheduler=mh --set port=true --set sloppyTcp=true".split(" "),
    );
    passes(t, result);
    for (const event of result.summary.events) t.is(event.lost, 0);
  },
);

withGuest("keepalived on two routers fills tables of IPVS that are longer than a page of /proc", async (t) => {
  const result = await runInGuest(t, "keepalived_scale_lb", "--targets 10 --at 2,4 --duration 6".split(" "));
  passes(t, result);
  t.is(result.summary.routers, 2);
});

withGuest("keepalived finds a dead target by itself, and that it is back; only its connections are lost", async (t) => {
  const checks = "--set delayLoop=0.5 --set connectTimeout=0.5 --set retries=0".split(" ");
  const result = await runInGuest(t, "keepalived_failure", [
    "--at",
    "2 6",
    "--duration",
    "9",
    "--stall",
    "2",
    ...checks,
  ]);
  passes(t, result);
  const { events, packets } = result.summary;
  t.deepEqual(
    events.map(({ kind, lost }) => [kind, lost > 20]),
    [
      ["failure", true],
      ["failure_end", false],
    ],
  );
  // Half a second is the least that a check waits; the most is up to the machine.
  t.true((events[0]?.inForceMs ?? 0) - (events[0]?.askedMs ?? 0) > 400);
  t.true((packets.probes ?? 0) > 100 && (packets.dropped.dead_target ?? 0) > 0, JSON.stringify(packets));
});

withGuest(
  "ipvs with NAT on a link that loses and damages: replies pass the router, every packet is accounted for",
  async (t) => {
    // A connection whose SYN is lost needs more than a second: a scenario with events would not wait for it.
    const words = "--set forward=masq --set scheduler=wlc --loss 1% --corrupt 1% --delay 5ms".split(" ");
    // The same seed loses the same packets again; with some those are the first two SYNs of one connection.
    const result = await untilSufficient(t, (seed) => runInGuest(t, "ipvs", [...words, "--seed", `${seed + 1}`]));
    passes(t, result);
    t.true((result.summary.packets.dropped.netem ?? 0) > 0, JSON.stringify(result.summary.packets));
  },
);

withGuest("killed by SIGKILL in the middle of the traffic, it leaves no QEMU", async (t) => {
  const mark = marker("vm-kill");
  const args = ["test", "nfqueue_scale_in", "--kernel", KERNEL, "--out", path.join(scratch, "killed"), ...small];
  const child = launchProgram([program, ...args], { cwd: scratch, env: mark.env, timeoutMs: 150_000, check: false });
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => chunk.includes("traffic") && resolve());
    child.ended.finally(() => reject(new Error("It ended before its traffic began."))).catch(() => {});
  });
  t.true(mark.processes().length > 1);
  child.kill("SIGKILL");
  t.true(await eventually(() => mark.processes().length === 0, 5000));
});

/** What a run of several cases leaves: the last record of each. */
function recordsIn(out: string): Map<string, { dir: string; summary: Summary }> {
  const runs = readdirSync(out)
    .sort()
    .filter((name) => existsSync(path.join(out, name, "summary.json")));
  return new Map(
    runs.map((name) => {
      const dir = path.join(out, name);
      const summary = JSON.parse(readFileSync(path.join(dir, "summary.json"), "utf8")) as Summary;
      return [summary.case, { dir, summary }];
    }),
  );
}

withGuest("one guest serves several cases, with the same connections, predictions and losses as netns", async (t) => {
  // User space, the kernel's hash, BPF; and state, where only the losses are predicted.
  const stateless = ["nfqueue_scale", "iptables_hmark_scale", "xdp_scale"];
  const cases = [...stateless, "iptables_statistic_scale"];
  const words = "--targets 4 --connections 120 --rate 120 --scale 1 --duration 4.5 --retries 1".split(" ");
  const runtimes = { vm: ["--kernel", KERNEL, "--time", "real"], netns: ["--runtime", "netns"] };
  const records = await Promise.all(
    Object.entries(runtimes).map(async ([name, runtime]) => {
      const out = path.join(scratch, `conformance-${name}`);
      const args = ["test", ...cases, ...runtime, "--at", "1.5 3", ...words, "--out", out];
      await runMain(args, { cwd: scratch, timeoutMs: 200_000 });
      return recordsIn(out);
    }),
  );
  const [there, here] = records as [(typeof records)[0], (typeof records)[0]];
  t.deepEqual([...there.keys()].sort(), [...cases].sort());
  const labs: number[] = [];
  for (const [name, { dir, summary }] of there) {
    // Of a generator that fell behind nothing is to be compared: a connection that sends late sees its loss late.
    if (summary.verdict === "insufficient") {
      t.log(`${name}: ${summary.reasons[0]}`);
      continue;
    }
    passes(t, { status: summary.verdict === "pass" ? 0 : 1, summary });
    t.is(summary.runtime, "vm");
    const up = readRecord(dir).events.find((event) => event.kind === "lab_up");
    labs.push(Number(/^lab (\d+) /.exec(up?.images?.guest ?? "")?.[1]));
    const twin = here.get(name);
    if (twin?.summary.verdict !== "pass") t.log(`${name} did not pass in netns: ${twin?.summary.reasons[0]}`);
    else if (stateless.includes(name)) t.deepEqual(outcomes(dir), outcomes(twin.dir), name);
    else t.deepEqual(lossesOf(summary), lossesOf(twin.summary), name);
  }
  t.true(labs.length < 2 || labs.some((lab) => lab > 1), labs.join());
});

const lossesOf = ({ events }: Summary) =>
  events.map(({ kind, machines, alive, lost, predicted }) => ({ kind, machines, alive, lost, predicted }));

withGuest("a lab in a guest is started, looked at, scaled, used and stopped by hand", async (t) => {
  const { env: marked, processes } = marker("vm-session");
  const env = { ...marked, XDG_RUNTIME_DIR: scratch };
  const lb = (...args: string[]) => run(args, env);
  const started = await lb("start", "nfqueue", "--targets", "3", "--kernel", KERNEL);
  t.teardown(async () => void (await lb("stop")));
  t.is(started.status, 0, started.stderr);
  t.regex((await lb("status")).stdout, /nfqueue on vm since/);
  const exec = await lb("exec", "vm-201", "--", "sh", "-c", "uname -nr; nfqueue-lb stats --shm nfqueue-lb >&2; exit 5");
  t.regex(exec.stdout, /^vm-201 6\.1\./);
  t.regex(exec.stderr, /"stats"/);
  t.is(exec.status, 5);
  const shell = await runProgram(["script", "-qec", `${program} shell vm-002`, "/dev/null"], {
    env,
    input: "uname -n; tty; exit\n",
  });
  t.regex(shell.stdout, /vm-002\s[\s\S]*\/dev\/pts\//);
  t.regex((await lb("scale", "in", "2")).stdout, /out +vm-002/);
  const address = ["--address", "10.0.0.0:5001", "--connections", "50", "--src", "50.0.0.0/16", "--output", "txt"];
  const traffic = (await lb("exec", "vm-221", "--", "traffic", "connect", ...address)).stdout;
  for (const target of [/vm-001 \d/, /vm-003 \d/]) t.regex(traffic, target);
  t.notRegex(traffic, /vm-002/);
  t.is((await lb("stop")).status, 0);
  t.true(await eventually(() => processes().length === 0, 5000));
  t.is((await lb("status")).status, 3);
});

/** A folder with a QEMU of that name only: a script, whose version is good enough to be taken. */
function qemuThat(does: string): string {
  const dir = mkdtempSync(path.join(scratch, "qemu-"));
  const version = '[ "$1" = --version ] && exec echo "QEMU emulator version 99.1"';
  writeFileSync(path.join(dir, "qemu-system-x86_64"), `#!/bin/sh\n${version}\n${does}\n`, { mode: 0o755 });
  return dir;
}

withGuest(
  "a QEMU that ends at once, or does not get its memory, is exit code 3 in its own words, and leaves nothing",
  async (t) => {
    const real = (await outcomeOf(["sh", "-c", "command -v qemu-system-x86_64"])).stdout.trim();
    const cases: [does: string, message: RegExp][] = [
      ["echo 'bad option' >&2; exit 4", /QEMU has ended \(exit code 4\): bad option/],
      ...(real === ""
        ? []
        : [[`exec prlimit --as=300000000 ${real} "$@"`, /[Cc]annot (set up guest memory|allocate)/] as const]),
    ].map(([does, message]) => [String(does), message as RegExp]);
    for (const [does, message] of cases) {
      const { env, processes } = marker("vm-qemu");
      const PATH = `${qemuThat(does)}:${process.env.PATH}`;
      const { status, stdout, stderr } = await run(["test", "nfqueue", "--kernel", KERNEL], { ...env, PATH });
      t.is(status, 3, stderr);
      t.regex((stdout + stderr).replaceAll(/\s+/g, " "), message);
      t.deepEqual(processes(), []);
    }
  },
);

withGuest("a full disk under the cache is exit code 3 with a sentence, and nothing half made stays", async (t) => {
  const { findKernel } = await import("../harness/runtime/vm/kernels.ts");
  const { dir } = await findKernel(KERNEL, () => {});
  const cache = path.join(scratch, "small");
  mkdirSync(cache);
  const script = `mount -t tmpfs -o size=8m none '${cache}' && "$@"; code=$?; find '${cache}' -type f -not -path '*/locks/*'; exit $code`;
  const { status, stdout, stderr } = await outcomeOf(
    [
      "unshare",
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      script,
      "sh",
      program,
      "test",
      "nfqueue",
      "--kernel",
      `${dir}/kernel`,
    ],
    { cwd: scratch, env: { XDG_CACHE_HOME: cache }, timeoutMs: 60_000 },
  );
  t.is(status, 3, stderr);
  t.regex(stderr, /Cannot fill the cache in '.*small.*': ENOSPC.*XDG_CACHE_HOME/);
  t.notRegex(stderr, / {4}at /, "no stack trace");
  t.is(stdout, "");
});

withGuest("a kernel that cannot be had is a skipped row of a comparison, and the others go on", async (t) => {
  const text = path.join(scratch, "no-kernel");
  writeFileSync(text, "not a kernel");
  const compare = (...kernels: string[]) =>
    run([
      "test",
      "nfqueue",
      "--targets",
      "2",
      "--connections",
      "50",
      "--kernel",
      kernels.join(","),
      "--out",
      path.join(scratch, "rows"),
    ]);
  const one = await compare(text, "host");
  t.is(one.status, 0, one.stderr);
  t.regex(one.stdout, /no-kernel +SKIP/);
  t.regex(one.stderr, /'.*no-kernel' is not a Linux kernel/);
  t.is((await compare(text, await debFile("empty-too", {}))).status, 77);
});

withGuest(
  "kernels that are none, or cannot be a guest, are told with the reason, and nothing is kept of them",
  async (t) => {
    const cache = path.join(scratch, "cache");
    const env = { ...process.env, XDG_CACHE_HOME: cache };
    const kernel = (word: string) => run(["test", "nfqueue", "--kernel", word], env);
    const text = path.join(scratch, "text");
    writeFileSync(text, "not a kernel");
    const cases: [word: string, status: number, message: RegExp][] = [
      ["nowhere/vmlinuz", 2, /There is no kernel 'nowhere\/vmlinuz': no such file/],
      [text, 3, /'.*text' is not a Linux kernel for x86-64/],
      [await debFile("empty", {}), 3, /is a package without a kernel/],
      [
        await debFile("poor", {
          "boot/vmlinuz-9.9-poor": bzImage("9.9-poor"),
          "boot/config-9.9-poor": "CONFIG_INET=y\n",
        }),
        3,
        /was built without .*CONFIG_BRIDGE.*CONFIG_VETH/,
      ],
      [`${text}.deb`, 2, /no such file/],
    ];
    for (const [word, status, message] of cases) {
      const result = await kernel(word);
      t.is(result.status, status, result.stderr);
      t.regex(result.stderr, message);
    }
    const kept = existsSync(path.join(cache, "load-balancer/kernels"))
      ? readdirSync(path.join(cache, "load-balancer/kernels"))
      : [];
    t.deepEqual(kept, []);
  },
);

test.serial(
  "without QEMU the case is skipped with the remedy, and words that do not fit are exit code 2",
  async (t) => {
    const bare = {
      ...process.env,
      XDG_CACHE_HOME: path.join(scratch, "none"),
      PATH: pathWithout("qemu-system-x86_64"),
      LOAD_BALANCER_SBIN: "/usr/sbin",
    };
    const { status, stdout } = await run(
      ["test", "nfqueue", "--runtime", "vm", "--out", path.join(scratch, "bare")],
      bare,
    );
    t.is(status, 77, stdout);
    t.regex(stdout.replace(/\s+/g, " "), /'qemu-system-x86_64' is not installed/);
    for (const [args, message] of [
      [["--runtime", "netns", "--kernel", KERNEL], /--kernel needs --runtime vm/],
      [["--kernel", "a,,b"], /expected one kernel, or several separated by commas/],
      [["--loss", "much"], /expected a percentage from 0% to 100%, such as 1%/],
      [["--loss", "1%", "--link", "vm-999/net1"], /There is no link 'vm-999\/net1'/],
      [["--reorder", "5%"], /it needs --delay/],
    ] as [string[], RegExp][]) {
      const wrong = await run(["test", "nfqueue", ...args]);
      t.is(wrong.status, 2, wrong.stderr);
      t.regex(wrong.stderr, message);
    }
  },
);

/** PATH where this program is nowhere: a folder of links to all the others. */
function pathWithout(hidden: string): string {
  const dir = path.join(scratch, "bin");
  mkdirSync(dir, { recursive: true });
  const from = [path.dirname(process.execPath), "/usr/bin"].flatMap((at) => readdirSync(at).map((name) => [name, at]));
  for (const [name = "", at = ""] of new Map(from as [string, string][]))
    if (name !== hidden) symlinkSync(path.join(at, name), path.join(dir, name));
  return dir;
}

async function debFile(name: string, files: Record<string, string | Buffer>): Promise<string> {
  const dir = path.join(scratch, name);
  const control = `Package: ${name}\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDescription: test\n`;
  for (const [file, data] of Object.entries({ ...files, "DEBIAN/control": control })) {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    writeFileSync(path.join(dir, file), data);
  }
  await runProgram(["dpkg-deb", "-b", dir, `${dir}.deb`]);
  return `${dir}.deb`;
}

/** The header of a kernel and nothing behind it. */
function bzImage(release: string): Buffer {
  const image = Buffer.alloc(0x2000);
  image.write("HdrS", 0x202);
  image.writeUInt16LE(0x1000, 0x20e);
  image.write(`${release} (nobody)\0`, 0x1200);
  return image;
}

withGuest("the old names are commands in a guest too", async (t) => {
  const env = { XDG_RUNTIME_DIR: path.join(scratch, "by-hand") };
  const lb = (...words: string[]) => run(words, env);
  const started = await lb("start", "nfqueue", "--targets", "3", "--kernel", KERNEL);
  t.is(started.status, 0, started.stderr);
  await typesOldNames(t, lb);
  t.is((await lb("stop")).status, 0);
});
