// SPDX-License-Identifier: Apache-2.0
// Which tests a machine may skip: what it lacks is found out here without the code under test, so that no ring vanishes
// because that code is wrong.
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { buildDir } from "../runtime/netns.ts";
import { root } from "./machine.ts";

/** The variable that names the file where skips are collected, a line of JSON each. Unset: they are logged only. */
export const SKIPS_VARIABLE = "LOAD_BALANCER_SKIPS";

export interface Skip {
  /** Below the root of the source tree; or a phase of the suite. */
  file: string;
  title: string;
  reasons: readonly string[];
}

/** Something that a machine may lack. */
export interface Requirement {
  name: string;
  isHere: () => boolean;
  /** How many tests of a file need it. */
  needed: Readonly<Record<string, number>>;
  /** Of each reason of such a skip. */
  reason: RegExp;
}

const ALL = Number.POSITIVE_INFINITY;

export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "root",
    isHere: () => process.geteuid?.() === 0,
    needed: {
      "harness/runtime/docker/engine.test.ts": 1,
      "harness/bench/lab-cost.test.ts": 1,
      "load-balancer.lab.test.ts": 3,
      "harness/tap/flight.lab.test.ts": ALL,
      "lb/xdp/frames.lab.test.ts": ALL,
      "lb/xdp/planes.lab.test.ts": ALL,
      "lb/xdp/veth.lab.test.ts": ALL,
      "scenarios/cases.docker.test.ts": ALL,
      "scenarios/cases.lab.test.ts": 22,
      "scenarios/variants.lab.test.ts": 3,
    },
    reason: /\broot\b|CAP_|'sudo /,
  },
  {
    name: "a Docker engine",
    isHere: () => isInstalled("dockerd") || existsSync("/var/run/docker.sock") || process.env.DOCKER_HOST !== undefined,
    needed: { "scenarios/cases.docker.test.ts": ALL },
    reason: /Docker engine/,
  },
  {
    name: "QEMU",
    isHere: () => process.arch === "x64" && isInstalled("qemu-system-x86_64"),
    needed: {
      "scenarios/cases.vm.test.ts": ALL,
      "lb/found/found.vm.test.ts": ALL,
      "lb/nftables/offload.vm.test.ts": ALL,
      "scenarios/direct.vm.test.ts": ALL,
      "scenarios/idle.vm.test.ts": ALL,
      "scenarios/jobs.vm.test.ts": ALL,
      "scenarios/remedies.vm.test.ts": ALL,
      "harness/actions/replay.vm.test.ts": ALL,
      "harness/runtime/vm/virtual.vm.test.ts": ALL,
    },
    reason: /qemu|x86-64/,
  },
  {
    name: "processors that run a guest (one that is emulated beside other tests may be late three times)",
    isHere: () => /\b(vmx|svm)\b/.test(read("/proc/cpuinfo")),
    needed: { "scenarios/cases.vm.test.ts": 5 },
    reason: /^The traffic generator fell behind/,
  },
  {
    name: "a browser",
    isHere: () => ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].some(isInstalled),
    needed: {
      "harness/report/looks.browser.test.ts": ALL,
      "harness/report/pages.browser.test.ts": ALL,
      "harness/bench/growth-report.browser.test.ts": 1,
    },
    reason: /no browser/,
  },
  {
    name: "clang",
    isHere: () => isInstalled("clang"),
    needed: { "npm run test:fuzz": 1 },
    reason: /no clang/,
  },
  {
    name: "xdp-lb",
    isHere: () => existsSync(path.join(buildDir, "xdp-lb")),
    needed: {
      "npm run test:c": 1,
      "harness/tap/flight.lab.test.ts": ALL,
      "lb/xdp/frames.lab.test.ts": ALL,
      "lb/xdp/planes.lab.test.ts": ALL,
      "lb/xdp/veth.lab.test.ts": ALL,
      "scenarios/cases.docker.test.ts": 1,
      "scenarios/cases.lab.test.ts": 22,
      "scenarios/variants.lab.test.ts": 3,
    },
    reason: /'?xdp-lb'? is not built/,
  },
  {
    name: "dpdk-lb",
    isHere: () => existsSync(path.join(buildDir, "dpdk-lb")),
    needed: { "lb/dpdk/dpdk.lab.test.ts": 1, "scenarios/cases.lab.test.ts": 6 },
    reason: /'dpdk-lb' is not built/,
  },
  {
    name: "IPVS in this kernel",
    isHere: () => existsSync("/proc/net/ip_vs"),
    needed: { "scenarios/cases.lab.test.ts": 20, "lb/services.lab.test.ts": 1 },
    reason: /This kernel has no IPVS/,
  },
  {
    name: "a tun device",
    isHere: () => existsSync("/dev/net/tun"),
    needed: { "lb/nfqueue/fragments.lab.test.ts": ALL },
    reason: /\/dev\/net\/tun/,
  },
  { name: "HAProxy", ...proxy("haproxy") },
  { name: "nginx", ...proxy("nginx") },
  { name: "nftlb", ...proxy("nftlb") },
  { name: "keepalived", ...proxy("keepalived") },
  { name: "BIRD", ...proxy("bird") },
  { name: "conntrackd", ...proxy("conntrackd") },
  {
    name: "a source tree that every user may read",
    isHere: () => foldersAbove(root).every((dir) => (statSync(dir).mode & 0o005) === 0o005),
    needed: { "load-balancer.lab.test.ts": 1 },
    reason: /^User 65534 cannot read/,
  },
  {
    name: "Wireshark's tools",
    isHere: () => isInstalled("capinfos") && isInstalled("tshark"),
    needed: { "harness/tap/tap.test.ts": 1 },
    reason: /Wireshark's tools/,
  },
  {
    name: "tcpdump",
    isHere: () => isInstalled("tcpdump"),
    needed: { "load-balancer.lab.test.ts": 1 },
    reason: /tcpdump/,
  },
  {
    name: "Mininet",
    isHere: () => isInstalled("mnexec"),
    needed: { "harness/bench/lab-cost.test.ts": 1 },
    reason: /Mininet is not installed/,
  },
  {
    name: "two CPUs",
    isHere: () => availableParallelism() > 1,
    needed: { "lb/xdp/veth.lab.test.ts": 1 },
    reason: /as many queues as there are CPUs/,
  },
  {
    name: "a conntrack table that a test can fill",
    isHere: () => Number(read("/proc/sys/net/netfilter/nf_conntrack_max")) <= 1_000_000,
    needed: { "scenarios/variants.lab.test.ts": 1 },
    reason: /^Conntrack holds /,
  },
  {
    name: "iproute2 6.1, nftables 1.0.6 and iptables 1.8.9",
    isHere: () => read("/etc/debian_version").startsWith("12"),
    needed: { "lb/linux/pages.lab.test.ts": ALL },
    reason: /made with another version/,
  },
];

export interface Judgement {
  /** Skips that this machine must not have. */
  unexpected: Skip[];
  /** What is lacking and how many skips that explains. */
  explained: ReadonlyMap<string, number>;
}

/** Each reason of a skip must fit something that is really lacking, and no more tests of a file are skipped than need it. */
export function judgeSkips(
  skips: readonly Skip[],
  lacking: readonly Requirement[] = REQUIREMENTS.filter(({ isHere }) => !isHere()),
): Judgement {
  const explained = new Map<string, number>();
  const used = new Map<string, number>();
  const unexpected = skips.filter(({ file, reasons }) => {
    const fitting = lacking.filter(({ reason }) => reasons.some((sentence) => reason.test(sentence)));
    const all = reasons.length > 0 && reasons.every((sentence) => fitting.some(({ reason }) => reason.test(sentence)));
    const why = fitting.find(({ name, needed }) => (used.get(`${name} ${file}`) ?? 0) < (needed[file] ?? 0));
    if (!all || !why) return true;
    used.set(`${why.name} ${file}`, (used.get(`${why.name} ${file}`) ?? 0) + 1);
    explained.set(why.name, (explained.get(why.name) ?? 0) + 1);
    return false;
  });
  return { unexpected, explained };
}

export const parseSkips = (text: string): Skip[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Skip);

function proxy(program: string): Omit<Requirement, "name"> {
  return {
    isHere: () => isInstalled(program) || existsSync(path.join(root, "build/proxies/usr/sbin", program)),
    needed: {
      "lb/proxies/proxies.lab.test.ts": 2,
      "lb/found/found.lab.test.ts": 2,
      "lb/services.lab.test.ts": 1,
      "lb/nftlb/nftlb.lab.test.ts": 3,
      "scenarios/cases.lab.test.ts": 9,
      "scenarios/variants.lab.test.ts": 1,
      "scenarios/failover.lab.test.ts": 3,
    },
    reason: new RegExp(program),
  };
}

function isInstalled(program: string): boolean {
  return [...(process.env.PATH ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"].some((dir) => {
    try {
      accessSync(path.join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function foldersAbove(dir: string): string[] {
  const above = path.dirname(dir);
  return above === dir ? [dir] : [dir, ...foldersAbove(above)];
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
