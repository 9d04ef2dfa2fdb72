// SPDX-License-Identifier: Apache-2.0
// The life cycle that the API gives to every backend, on routers that are made up: what is called, on whom, in which order.
import test from "ava";
import { z } from "zod";
import { netns } from "../runtime/netns.ts";
import { type Exit, type Host, type Lab, LabError, type Process, type SpawnOptions } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { monotonic, nowNs } from "../util/clock.ts";
import { machineNeeds } from "./backend.ts";
import { type Definition, defineBackend, presetBackend } from "./define.ts";

const SIGTERM = 15;
const OBEYED: Exit = { code: 0, signal: 0, userUs: 0, systemUs: 0 };

/** A program that obeys SIGTERM, and says and does what it is told to. */
class Fake implements Process {
  readonly argv: readonly string[];
  readonly options: SpawnOptions;
  readonly exited: Promise<Exit>;
  #end: (exit: Exit) => void = () => {};

  constructor(argv: readonly string[], options: SpawnOptions) {
    this.argv = argv;
    this.options = options;
    this.exited = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  says(line: string): void {
    this.options.onStdout?.(Buffer.from(`${line}\n`));
  }

  complains(line: string): void {
    this.options.onStderr?.(Buffer.from(`${line}\n`));
  }

  dies(signal: number): void {
    this.#end({ ...OBEYED, code: null, signal });
  }

  signal(number: number): void {
    if (number === SIGTERM) this.#end(OBEYED);
  }

  write(): void {}
  closeStdin(): void {}
  resize(): void {}
}

interface Setup {
  lab: Lab;
  /** What happened on which router. */
  log: string[];
  programs: Fake[];
}

function setup(routers = 2): Setup {
  const programs: Fake[] = [];
  const host = (name: string): Host => ({
    name,
    clock: monotonic,
    exec: () => Promise.reject(new LabError("not asked for")),
    spawn(argv, options = {}) {
      const program = new Fake(argv, options);
      programs.push(program);
      return program;
    },
  });
  const topology = planTopology({ targets: 3, routers });
  const lab: Lab = {
    runtime: "made up",
    traits: netns.traits,
    topology,
    clock: monotonic,
    host,
    wiring: host,
    program: (name) => `/opt/${name}`,
    ended: new Promise(() => {}),
    async [Symbol.asyncDispose]() {},
  };
  return { lab, log: [], programs };
}

type NoOptions = z.ZodObject<Record<never, never>>;
const backendOf = (router: Definition<NoOptions>["router"], more: Partial<Definition<NoOptions>> = {}) =>
  defineBackend({ name: "lb", summary: "made up", options: z.strictObject({}), router, ...more });

/** Logs what it is called with; two daemons on each router. */
const logging = (log: string[]) =>
  backendOf(
    ({ host, start, services }) => {
      const say = (text: string) => void log.push(`${host.name} ${text}`);
      return {
        async install(active) {
          say(`install ${active.join()} and ${services}`);
          for (const name of ["first", "second"]) start([`/bin/${name}`]);
        },
        change: async (active, before) => say(`change ${before.join()} to ${active.join()}`),
        end: async () => say("end"),
      };
    },
    { prepare: async () => void log.push("prepare") },
  );

test("each router is installed once, after what is prepared, and changed from what it had itself", async (t) => {
  const { lab, log } = setup();
  const balancer = await logging(log).deploy(lab, {}, [0, 1, 2], 5);
  t.deepEqual(log.splice(0), ["prepare", "vm-201 install 0,1,2 and 5", "vm-202 install 0,1,2 and 5"]);
  await balancer.setTargets([1, 2], new Set(["vm-202"]));
  t.deepEqual(log.splice(0), ["vm-202 change 0,1,2 to 1,2"]);
  await balancer.setTargets([2]);
  t.deepEqual(log.splice(0), ["vm-201 change 0,1,2 to 2", "vm-202 change 1,2 to 2"]);
  t.deepEqual(await balancer.counters("vm-201"), {}, "it counts nothing");
  t.false("setRouters" in balancer);
  t.false("waitForConvergence" in balancer);
});

test("a change is in force at the last router's moment, where that is known, else when all have made it", async (t) => {
  const { lab } = setup();
  const moments = new Map([
    ["vm-201", 5],
    ["vm-202", 9],
  ]);
  const exact = backendOf(({ host }) => ({ install: async () => {}, change: async () => moments.get(host.name) }));
  t.is(await (await exact.deploy(lab, {}, [0])).setTargets([1]), 9);
  const before = nowNs();
  const plain = backendOf(() => ({ install: async () => {}, change: async () => {} }));
  t.true((await (await plain.deploy(lab, {}, [0])).setTargets([1])) >= before);
});

test("daemons are stopped the last one first, then the rest is ended; that is no fault", async (t) => {
  const { lab, log, programs } = setup(1);
  const balancer = await logging(log).deploy(lab, {}, [0]);
  const faults: string[] = [];
  balancer.onFault = (sentence) => faults.push(sentence);
  for (const program of programs) void program.exited.then(() => log.push(`${program.argv[0]} has ended`));
  log.splice(0);
  await balancer[Symbol.asyncDispose]();
  t.deepEqual(log, ["/bin/second has ended", "/bin/first has ended", "vm-201 end"]);
  t.deepEqual(faults, []);
});

test("a daemon that ends by itself is a fault with its last words, told once somebody listens", async (t) => {
  const { lab, programs } = setup(1);
  const backend = backendOf(({ start }) => ({
    async install() {
      const ready = start(["/opt/lb", "run"]).ready("ready");
      programs[0]?.says("starting");
      programs[0]?.says('{"event":"other"}');
      programs[0]?.says('{"event":"ready"}');
      await ready;
    },
    change: async () => {},
  }));
  const balancer = await backend.deploy(lab, {}, [0]);
  programs[0]?.complains("no more memory");
  programs[0]?.dies(9);
  await programs[0]?.exited;
  await Promise.resolve();
  const faults: string[] = [];
  balancer.onFault = (sentence) => faults.push(sentence);
  t.deepEqual(faults, ["'lb' on vm-201 ended by itself (signal 9): starting\nno more memory"]);
});

test("a daemon that ends before it is ready fails the deployment in a sentence", async (t) => {
  const { lab, programs } = setup(1);
  const backend = backendOf(({ start }) => ({
    async install() {
      const seen = start(["/opt/lb"]).until((line) => line === "here I am");
      programs[0]?.complains("cannot bind");
      programs[0]?.dies(6);
      await seen;
    },
    change: async () => {},
  }));
  await t.throwsAsync(backend.deploy(lab, {}, [0]), {
    instanceOf: LabError,
    message: "'/opt/lb' in machine 'vm-201' ended by itself (signal 6): cannot bind",
  });
});

test("routers that do something for each other, and health checks, make the balancer's further methods", async (t) => {
  const { lab, log } = setup();
  const backend = backendOf(({ host, fault }) => ({
    install: async () => {},
    change: async () => {},
    setRouters: async (active) => void log.push(`${host.name} routers ${active.join()}`),
    converge: async (alive) => fault(`${host.name} does not see ${alive.join()}`),
    counters: async () => ({ probes: host.name === "vm-202" ? 7 : 0 }),
  }));
  const balancer = await backend.deploy(lab, {}, [0]);
  const faults: string[] = [];
  balancer.onFault = (sentence) => faults.push(sentence);
  await balancer.setRouters?.([1]);
  t.deepEqual(log, ["vm-201 routers 1", "vm-202 routers 1"]);
  t.true(((await balancer.waitForConvergence?.([0, 2])) ?? 0) > 0);
  t.deepEqual(faults, ["vm-201 does not see 0,2", "vm-202 does not see 0,2"]);
  t.deepEqual(await balancer.counters("vm-202"), { probes: 7 });
});

test("what is not said of a backend is nothing, and options without a value are left out", (t) => {
  const backend = defineBackend({
    name: "lb",
    summary: "",
    options: z.strictObject({ list: z.array(z.number()).optional(), size: z.number().optional() }),
    router: () => ({ install: async () => {}, change: async () => {} }),
  });
  t.is(backend.oracle({}, 3, "tcp"), null);
  t.false(backend.tracks({}, 3));
  t.deepEqual(backend.requires({}), {});
  t.deepEqual(machineNeeds(backend, {}), { devices: [] });
  t.deepEqual(backend.effectiveOptions({ list: [1, 2], size: undefined }, 3), { list: "1,2" });
});

test("a preset decides options for all methods, and does not have them itself", async (t) => {
  const { lab, log } = setup(1);
  const base = defineBackend({
    name: "base",
    summary: "",
    options: z.strictObject({ wide: z.boolean().default(false), size: z.number().default(1) }),
    tunnels: "wide",
    requires: ({ wide }) => (wide ? { devices: [{ file: "/dev/null", remedy: "" }] } : {}),
    tracks: ({ wide }) => wide,
    environment: () => ({ wide: "false", size: "3" }),
    router: (_, { wide, size }) => ({
      install: async () => void log.push(`${wide} ${size}`),
      change: async () => {},
    }),
  });
  const preset = presetBackend(base, { name: "preset", fixed: { wide: true } });
  const options = preset.options.parse({ size: 2 });
  t.throws(() => preset.options.parse({ wide: false }));
  t.true(preset.tracks(options, 1));
  t.deepEqual(machineNeeds(preset, options), { devices: ["/dev/null"], tunnels: "wide" });
  t.deepEqual(preset.environment?.({}), { size: "3" });
  t.deepEqual(preset.effectiveOptions(options, 1), { wide: true, size: 2 });
  await preset.deploy(lab, options, [0]);
  t.deepEqual(log, ["true 2"]);
});
