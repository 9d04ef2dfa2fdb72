// SPDX-License-Identifier: Apache-2.0
// A further runtime is one value in the catalogue: whoever lists, examines, chooses or prepares asks its traits and its options, not its name.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { z } from "zod";
import { diagnose } from "../actions/doctor.ts";
import { listCases } from "../actions/list.ts";
import { defineBackend } from "../api/define.ts";
import { chosenRuntimes, fallbackRuntime, Sessions } from "../run/runtimes.ts";
import { root } from "../testing/machine.ts";
import { monotonic } from "../util/clock.ts";
import { UsageError } from "../util/errors.ts";
import { netns } from "./netns.ts";
import { LabError, type Runtime, type Session } from "./runtime.ts";

/** Machines elsewhere, of another kernel that can be chosen, with what they are given. What happens is told to `log`. */
function swarm(log: string[], given: Record<string, unknown> = {}): Runtime {
  const runtime: Runtime = {
    name: "swarm",
    traits: {
      kernel: "chosen",
      toolsAreHosts: false,
      programsAreHosts: false,
      privileges: ["NET_ADMIN"],
      deviceFiles: "on request",
      processesAreOurs: false,
      benchSizes: [10],
    },
    options: z.strictObject({ kernel: z.string().default("any"), nodes: z.coerce.number().default(1) }),
    configured: (options) => swarm(log, options),
    missing: async () => [],
    async prepare(): Promise<Session> {
      const tell = async (what: string) => void log.push(`${what} ${JSON.stringify(given)}`);
      await tell("prepare");
      const up = () => Promise.reject(new LabError("not asked for"));
      const prepared = { kernel: "9.9" };
      return {
        runtime,
        prepared,
        clock: monotonic,
        up,
        clear: () => tell("clear"),
        [Symbol.asyncDispose]: () => tell("end"),
      };
    },
    up: () => Promise.reject(new LabError("not asked for")),
    clean: async () => [],
  };
  return runtime;
}

const needy = defineBackend({
  name: "needy",
  summary: "needs a capability, a device file, a tool and a program that no machine has",
  options: z.strictObject({ device: z.stringbool().default(true).describe("whether it opens one") }),
  requires: ({ device }) => ({
    tools: [{ name: "no-such-tool", package: "none", version: ["-V"] }],
    programs: [{ name: "no-such-program", from: "ours" }],
    capabilities: { names: ["SYS_ADMIN"], to: "do everything" },
    devices: device ? [{ file: "/dev/nowhere", remedy: "Make it." }] : [],
  }),
  router: () => ({ install: async () => {}, change: async () => {} }),
});

const scenario = {
  name: "connect",
  summary: "",
  routers: 1,
  plan: () => ({ mode: "connect" as const, durationS: 0, out: [], steps: [] }),
};
const catalogOf = (log: string[] = []) => ({
  backends: [needy],
  scenarios: [scenario],
  runtimes: [netns, swarm(log)],
});
const words = { runtime: undefined, kernel: undefined, image: [], capability: [] };

test("it is listed with what its machines lack, by its traits, and so are the others", async (t) => {
  const [listed] = await listCases(catalogOf());
  const why = listed?.runtimes.swarm?.why ?? "";
  t.regex(why, /needs CAP_SYS_ADMIN, which the lab's routers lack/);
  t.regex(why, /This machine has no \/dev\/nowhere/);
  // Tools and programs come with its machines; those of netns are this machine's.
  t.notRegex(why, /no-such/);
  t.regex(listed?.runtimes.netns?.why ?? "", /'no-such-program' is not built/);
});

test.serial("it is examined as all others are", async (t) => {
  const write = process.stdout.write.bind(process.stdout);
  let said = "";
  process.stdout.write = ((chunk: string) => {
    said += chunk;
    return true;
  }) as typeof process.stdout.write;
  try {
    t.is(await diagnose(catalogOf(), { backend: undefined, json: true }), 3);
  } finally {
    process.stdout.write = write;
  }
  const { findings, tools } = JSON.parse(said) as {
    findings: { runtime: string; backend: string | null; can: boolean }[];
    tools: Record<string, string>;
  };
  t.deepEqual(
    findings.filter(({ runtime }) => runtime === "swarm").map(({ backend, can }) => [backend, can]),
    [
      [null, true],
      ["needy", false],
    ],
  );
  t.is(tools.none, "not installed");
  t.truthy(tools.agent);
});

test("it takes the options that its schema has, and a word for another runtime names that one", (t) => {
  const log: string[] = [];
  const [chosen] = chosenRuntimes(catalogOf(log), { ...words, kernel: "debian:6.1" });
  t.is(chosen?.name, "swarm", "the first that takes a kernel");
  const wrong = () => chosenRuntimes(catalogOf(), { ...words, runtime: "netns", kernel: "6.1" });
  t.throws(wrong, { instanceOf: UsageError, message: /--kernel needs --runtime swarm/ });
});

test("without a word a backend that cannot run here goes to a runtime whose kernel can be chosen", async (t) => {
  const used = await fallbackRuntime(catalogOf(), words, { chosen: netns, backend: needy }, () => {});
  t.is(used.name, "swarm");
});

test("its session is prepared once, cleared before labs of others, and ended with the command", async (t) => {
  const log: string[] = [];
  const runtime = swarm(log);
  {
    await using sessions = new Sessions(new AbortController().signal, () => {});
    const first = await sessions.of(runtime, 1);
    t.is(first.session?.prepared.kernel, "9.9");
    t.is(await sessions.of(runtime, 1), first);
    const other = await sessions.of(netns, 1);
    await other.clearOthers();
    await first.clearOthers();
  }
  t.deepEqual(log, ["prepare {}", "clear {}", "clear {}", "end {}"]);
});

test("nobody but the runtimes themselves asks for a runtime's name", (t) => {
  const sources = ["harness", "lb", "scenarios"].flatMap((dir) =>
    readdirSync(path.join(root, dir), { recursive: true, encoding: "utf8" }).map((name) => path.join(dir, name)),
  );
  const asking = sources
    .filter((file) => /(?<!\.test)\.ts$/.test(file) && !file.startsWith("harness/runtime/"))
    .filter((file) => /runtime(\.name\)? [!=]==| [!=]== ")/.test(readFileSync(path.join(root, file), "utf8")));
  t.deepEqual(asking, []);
});
