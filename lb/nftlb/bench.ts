// SPDX-License-Identifier: Apache-2.0
// From a request to rules in force, nftlb and nft-lb in one run: `npm run bench:nftlb`. Each keeps 100 farms of 10 backends, then one farm
// of 1000; each request takes a backend out or brings it back, and the service answers when the kernel has the rules. Its own CPU time
// tells more than the clock where other programs keep the machine busy. Markdown on stdout. Other sizes, and fewer requests, by words:
// `npm run bench:nftlb -- 100x1000 requests=20`.
import { connect } from "node:net";

import path from "node:path";
import { findProgram, type Host, planTopology, startProgram } from "../../harness/api/index.ts";
import { median, netns } from "../../harness/testing/lab.ts";
import { API_KEY, API_PORT, listens } from "./api.ts";

const USUAL_REQUESTS = 200;
/** Root's programs come before all others of the machine, whatever these do. */
const FIRST = process.geteuid?.() === 0 ? ["chrt", "-r", "10"] : [];
const SIZES = [
  { farms: 100, backends: 10 },
  { farms: 1, backends: 1000 },
];
type Size = (typeof SIZES)[number];

const farmFile = ({ farms, backends }: Size) => ({
  farms: Array.from({ length: farms }, (_, f) => ({
    name: `farm${f}`,
    "virtual-addr": `10.0.1.${f}`,
    "virtual-ports": "80",
    mode: "dnat",
    protocol: "tcp",
    scheduler: "weight",
    state: "up",
    backends: Array.from({ length: backends }, (_, b) => ({
      name: `b${b}`,
      "ip-addr": `192.168.${2 + (b >> 8)}.${b & 255}`,
      weight: "1",
      priority: "1",
      state: "up",
    })),
  })),
});

/** nftlb reads once: a request must come in one segment. */
const send = (body: unknown) =>
  new Promise<number>((resolve, reject) => {
    const text = JSON.stringify(body);
    const head = [
      "PUT /farms HTTP/1.1",
      "Host: localhost",
      `Key: ${API_KEY}`,
      `Content-Length: ${Buffer.byteLength(text)}`,
    ];
    const begin = performance.now();
    const socket = connect(API_PORT, "127.0.0.1");
    socket.setNoDelay();
    socket.on("error", reject);
    socket.once("data", (answer) => {
      const tookMs = performance.now() - begin;
      socket.destroy();
      if (answer.toString().startsWith("HTTP/1.1 200 ")) resolve(tookMs);
      else reject(new Error(`The service refused: ${answer.toString()}`));
    });
    socket.write(`${[...head, "Connection: close"].join("\r\n")}\r\n\r\n${text}`);
  });

/** In the router: the milliseconds of each request. */
async function client(farms: number, backends: number, requests: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < requests; i++) {
    const state = i % 2 === 0 ? "down" : "up";
    const name = `b${(i >> 1) % backends}`;
    times.push(await send({ farms: [{ name: `farm${(i >> 1) % farms}`, backends: [{ name, state }] }] }));
  }
  process.stdout.write(JSON.stringify(times));
}

type Start = (host: Host, file: string) => Promise<void>;
const SERVICES: Record<string, Start> = {
  nftlb: async (host, file) => {
    const found = await findProgram("nftlb");
    if (!found) throw new Error("nftlb is not there. Try ./setup --peers.");
    const argv = [...FIRST, found.path, "-l", "4", "-H", "127.0.0.1", "-P", `${API_PORT}`, "-k", API_KEY, "-c", file];
    host.spawn(argv, found.env ? { env: found.env } : {});
    await listens(host);
  },
  "nft-lb": async (host, file) => {
    const program = path.join(import.meta.dirname, "..", "nftables", "nft-lb");
    await startProgram(host, [...FIRST, program, "serve", "--key", API_KEY, "--config", file], "ready");
  },
};

/** CPU time, ms, of all programs of the lab that run. */
async function cpuMs(host: Host): Promise<number> {
  const { stdout } = await host.exec(["sh", "-c", "cat /proc/[0-9]*/task/*/schedstat"], { check: false });
  return stdout.split("\n").reduce((sum, line) => sum + Number(line.split(" ")[0] || 0), 0) / 1e6;
}

interface Measured {
  /** Of each request, ms. */
  times: number[];
  /** Of a request: the service with what it starts. */
  cpuMs: number;
}

/** A lab with a router alone: rules need no targets. */
async function measure(start: Start, size: Size, requests: number): Promise<Measured> {
  const plan = planTopology({ targets: 1, routers: 1 });
  const topology = { ...plan, machines: [...plan.routers, plan.tester] };
  const lab = await netns.up(topology, new AbortController().signal);
  try {
    const host = lab.host("vm-201");
    // nftlb looks for the interface of each service.
    await host.exec(["ip", "addr", "add", "10.0.1.0/24", "dev", "eth2"]);
    await host.exec(["@write", "/run/farms.json"], { input: JSON.stringify(farmFile(size)) });
    await start(host, "/run/farms.json");
    const words = [import.meta.filename, "client", `${size.farms}`, `${size.backends}`];
    const ask = (count: number) =>
      host.exec([...FIRST, process.execPath, `--import=${import.meta.resolve("tsx")}`, ...words, `${count}`], {
        timeoutMs: 300_000,
      });
    await ask(Math.ceil(requests / 2));
    const before = await cpuMs(host);
    const { stdout } = await ask(requests);
    const spent = (await cpuMs(host)) - before;
    const { stdout: rules } = await host.exec(["nft", "list", "ruleset"]);
    if (!rules.includes("farm0")) throw new Error("The service has written no rules.");
    return { times: JSON.parse(stdout) as number[], cpuMs: spent / requests };
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

const percentile = (list: readonly number[], share: number) =>
  [...list].sort((a, b) => a - b)[Math.floor(share * (list.length - 1))] ?? 0;

/** "100x1000" */
function sizesOf(words: readonly string[]): readonly Size[] {
  const given = words.filter((word) => /^\d+x\d+$/.test(word)).map((word) => word.split("x").map(Number));
  return given.length > 0 ? given.map(([farms = 0, backends = 0]) => ({ farms, backends })) : SIZES;
}

const words = process.argv.slice(2);
if (words[0] === "client") {
  const [farms = 0, backends = 0, requests = 0] = words.slice(1).map(Number);
  await client(farms, backends, requests);
} else {
  process.stdout.write(
    "| farms x backends | service | median ms | 95 % ms | times faster | CPU ms | times less |\n|---|---|---|---|---|---|---|\n",
  );
  const requests = Number(words.find((word) => word.startsWith("requests="))?.slice(9) ?? USUAL_REQUESTS);
  for (const size of sizesOf(words)) {
    let base: Measured | null = null;
    for (const [name, start] of Object.entries(SERVICES)) {
      const one = await measure(start, size, requests);
      base ??= one;
      const middle = median(one.times);
      const cells = [
        `${size.farms} x ${size.backends}`,
        name,
        middle.toFixed(2),
        percentile(one.times, 0.95).toFixed(2),
        (median(base.times) / middle).toFixed(1),
        one.cpuMs.toFixed(2),
        (base.cpuMs / one.cpuMs).toFixed(1),
      ];
      process.stdout.write(`| ${cells.join(" | ")} |\n`);
    }
  }
}
