#!/bin/sh
":" //; root=$(dirname "$(readlink -f "$0")"); [ -d "$root/node_modules/tsx" ] || { echo "Run '$root/setup' first: the lab's packages are not installed." >&2; exit 3; }; url=$root; case $root in *[%#?\\]*) url=$(printf %s "$root" | sed 's/%/%25/g; s/#/%23/g; s/?/%3F/g; s/\\/%5C/g');; esac; exec node --import "file://$url/node_modules/tsx/dist/loader.mjs" "$0" "$@"
// SPDX-License-Identifier: Apache-2.0

import path from "node:path";
import yargs, { type Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import type { StartOptions } from "./harness/actions/session.ts";
import { runMain } from "./harness/cli/main.ts";
import { runOptions } from "./harness/plan/options.ts";
import { docker } from "./harness/runtime/docker.ts";
import { netns } from "./harness/runtime/netns.ts";
import { vm } from "./harness/runtime/vm.ts";
import { CTRAFFIC_ANALYSES } from "./harness/traffic/ctraffic.ts";
import { UsageError } from "./harness/util/errors.ts";
import { backends } from "./lb/index.ts";
import { scenarios } from "./scenarios/index.ts";

const runtimes = [netns, docker, vm];
const catalogWith = async (files: readonly string[]) => {
  if (files.length === 0) return { backends, scenarios, runtimes };
  const { withOutside } = await import("./harness/plan/outside.ts");
  return { backends: await withOutside(backends, files), scenarios, runtimes };
};
const { env } = process;

const outsideOption = <T>(y: Argv<T>) =>
  y.option("backend", {
    type: "string",
    array: true,
    default: [],
    nargs: 1,
    describe: "file with a backend of one's own; may be repeated (images/example/ecmp.ts is one)",
  });

const labOptions = <T>(y: Argv<T>) =>
  outsideOption(y)
    .option("targets", {
      default: env.__nvm || 10,
      describe: "targets, 1 to 1000 (environment: __nvm)",
      requiresArg: true,
    })
    .option("routers", {
      default: env.__nrouters || undefined,
      describe: "routers, 1 to 9 (default: what the scenario needs; environment: __nrouters)",
      requiresArg: true,
    })
    .option("runtime", {
      type: "string",
      describe: "what machines are made of: netns, docker or vm (default: netns; vm where this kernel lacks what the backend needs)",
      requiresArg: true,
    })
    .option("kernel", {
      type: "string",
      default: env.__kver || undefined,
      describe: "with --runtime vm: a vmlinuz, a .deb, debian:6.1, debian:trixie; several with commas are compared, 'host' is this machine's (environment: __kver)",
      requiresArg: true,
    })
    .option("image", {
      type: "string",
      array: true,
      default: [],
      nargs: 1,
      describe: "role=image with --runtime docker: router, target, tester, or base for ours; may be repeated",
    })
    .option("capability", {
      type: "string",
      array: true,
      default: [],
      nargs: 1,
      describe: "for the routers' containers with --runtime docker, besides those that they have; may be repeated (SYS_ADMIN)",
    })
    .option("set", {
      type: "string",
      array: true,
      default: [],
      nargs: 1,
      describe: "option of the backend, key=value; may be repeated (environment: xcluster_LB_OPTIONS)",
    });

const testOptions = <T>(y: Argv<T>) =>
  labOptions(y)
    .option("scale", {
      type: "string",
      default: "1 2",
      describe: "numbers of the targets that leave or come",
      requiresArg: true,
    })
    .option("connections", {
      describe: "connections, both families together (default: 10000, fewer where an emulated machine carries fewer)",
      requiresArg: true,
    })
    .option("rate", {
      describe: "messages per second over all connections (default: 1 per connection, 10000 at most)",
      requiresArg: true,
    })
    .option("duration", { describe: "seconds of traffic (default: the scenario's)", requiresArg: true })
    .option("at", {
      type: "string",
      describe: "seconds at which the events happen (default: the scenario's)",
      requiresArg: true,
    })
    .option("family", { default: "both", describe: "4, 6 or both", requiresArg: true })
    .option("protocol", { default: "tcp", describe: "tcp or udp", requiresArg: true })
    .option("size", { describe: "bytes of a message (default: 1024, or the scenario's)", requiresArg: true })
    .option("stall", { default: 5, describe: "seconds of silence after which a connection is lost", requiresArg: true })
    .option("seed", { default: 1, describe: "the same seed makes the same connections", requiresArg: true })
    .option("loss", { type: "string", describe: "netem: share of packets lost on --link, as 1%", requiresArg: true })
    .option("delay", { type: "string", describe: "netem: packets wait so long, as 10ms", requiresArg: true })
    .option("reorder", { type: "string", describe: "netem: share of packets that do not wait", requiresArg: true })
    .option("corrupt", { type: "string", describe: "netem: share of packets damaged", requiresArg: true })
    .option("link", { type: "string", default: "vm-221/net2", describe: "where: machine/net1 or machine/net2", requiresArg: true })
    .option("repeat", {
      default: 1,
      describe: "runs of each case, each with the next seed",
      requiresArg: true,
    })
    .option("out", { default: "results", describe: "folder for the runs' folders", requiresArg: true })
    .option("stop", { type: "boolean", default: true, describe: "--no-stop: leave the lab up after the traffic, until 'stop'" })
    .option("view", { type: "boolean", default: false, describe: "open the report in the browser" })
    .option("json", { type: "boolean", default: false, describe: "print summary.json instead of the table" });

/** The words that belong to the run itself; harness/options.ts says what they may be. */
function given(argv: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(runOptions.shape).flatMap((key) => (argv[key] === undefined ? [] : [[key, argv[key]]])),
  );
}

/** "a,b" and "a b" are two words. */
const wordsOf = (text: unknown) => String(text).split(/[\s,]+/).filter((word) => word !== "");

const runtimeWords = (argv: Record<string, unknown>) => ({
  runtime: argv.runtime as string | undefined,
  kernel: argv.kernel as string | undefined,
  images: argv.image as string[],
  capabilities: argv.capability as string[],
});

const test = async (words: readonly string[], argv: Record<string, unknown>, signal: AbortSignal) => {
  const run = String(argv.kernel).includes(",")
    ? (await import("./harness/actions/compare.ts")).compareKernels
    : (await import("./harness/actions/test.ts")).testCommand;
  return run(
    await catalogWith(argv.backend as string[]),
    {
      cases: words,
      set: argv.set as string[],
      ...runtimeWords(argv),
      out: path.resolve(String(argv.out)),
      stop: argv.stop !== false,
      view: argv.view === true,
      json: argv.json === true,
      repeat: argv.repeat,
      reporters: argv.reporter === undefined ? null : wordsOf(argv.reporter),
      shard: argv.shard as string | undefined,
      retries: argv.retries,
      live: argv.live,
      failFast: argv.failFast === true,
      resume: argv.resume === true,
      given: given(argv),
      commandLine: ["./load-balancer.ts", ...process.argv.slice(2)],
    },
    signal,
  );
};

const compare = async (words: readonly string[], argv: Record<string, unknown>, signal: AbortSignal) => {
  if (argv.stop === false) throw new UsageError("--no-stop leaves one lab up: it goes with 'test' and one case.");
  const { compareCommand } = await import("./harness/actions/compare.ts");
  return compareCommand(
    await catalogWith(argv.backend as string[]),
    {
      backends: words,
      scenario: String(argv.scenario),
      sweep: argv.sweep as string | undefined,
      repeat: argv.repeat,
      set: argv.set as string[],
      ...runtimeWords(argv),
      out: path.resolve(String(argv.out)),
      json: argv.json === true,
      given: given(argv),
      commandLine: ["./load-balancer.ts", ...process.argv.slice(2)],
    },
    signal,
  );
};

const bench = async (words: readonly string[], argv: Record<string, unknown>, signal: AbortSignal) => {
  const { benchCommand } = await import("./harness/actions/bench.ts");
  const names = ["targets", "family", "repeat", "seconds", "seed", "metrics"];
  return benchCommand(await catalogWith(argv.backend as string[]), {
    backends: words,
    set: argv.set as string[],
    runtime: String(argv.runtime),
    out: path.resolve(String(argv.out)),
    json: argv.json === true,
    sweep: argv.sweep as string | undefined,
    given: Object.fromEntries(names.flatMap((name) => (argv[name] === undefined ? [] : [[name, argv[name]]]))),
    commandLine: ["./load-balancer.ts", ...process.argv.slice(2)],
  }, signal);
};

const start = async (name: string, argv: Record<string, unknown>, signal: AbortSignal) => {
  const { startCommand } = await import("./harness/actions/session.ts");
  const outside = (argv.backend as string[]).map((file) => path.resolve(file));
  return startCommand(await catalogWith(outside), {
    backend: name,
    outside,
    ...runtimeWords(argv),
    set: argv.set as string[],
    given: Object.fromEntries(Object.entries(given(argv)).filter(([key]) => key === "targets" || key === "routers")),
  }, signal);
};

const keep = async (options: StartOptions, signal: AbortSignal) => {
  const { keepCommand } = await import("./harness/actions/session.ts");
  return keepCommand(await catalogWith(options.outside), options, signal);
};

/** Options and positionals that may have several values. */
const LISTS = ["_", "--", "case", "name", "results", "run", "dir", "numbers", "backend", "image", "capability", "set"];

function onceEach(argv: Record<string, unknown>): true {
  const twice = Object.keys(argv).find((key) => Array.isArray(argv[key]) && !LISTS.includes(key));
  if (twice !== undefined) throw new UsageError(`'--${twice}' was given twice.`);
  return true;
}

type Command = (signal: AbortSignal) => Promise<number>;
let chosen: Command = async () => 2;
const choose = (command: Command) => {
  chosen = command;
};

// `start_nfqueue` is `start nfqueue`, as xcluster's users type it.
const words = hideBin(process.argv).flatMap((word, i) =>
  i === 0 && word.startsWith("start_") ? ["start", word.slice(6)] : [word],
);

const parser = yargs(words)
  .scriptName("./load-balancer.ts")
  .usage(
    "$0 <command>\n\nWhich connections does a Linux load balancer lose when targets or routers leave, why, and what does theory say?",
  )
  .command(
    "test <case..>",
    "run cases and print the verdict (globs and 'all' allowed)",
    (y) =>
      testOptions(y.positional("case", { type: "string", array: true, demandOption: true, describe: "see 'list'" }))
        .option("reporter", { type: "string", requiresArg: true, describe: "of each run and of all: terminal,markdown,junit,ctrf,json,html,png,github (default: files of each run, and the terminal)" })
        .option("shard", { type: "string", requiresArg: true, describe: "i/n: only the i-th of n parts; 'merge' joins them" })
        .option("live", { requiresArg: true, describe: "port on localhost (0: a free one) of a page that follows the run, with /metrics for Prometheus" })
        .option("retries", { default: 0, requiresArg: true, describe: "more tries of a run that did not pass; passing then is 'flaky'" })
        .option("fail-fast", { type: "boolean", default: false, describe: "end after the first run that did not pass" })
        .option("resume", { type: "boolean", default: false, describe: "leave out runs that --out has already" })
        .example("$0 test nfqueue_scale --view", "2 of 10 targets leave at 5 s and return at 15 s")
        .example("$0 test nfqueue_scale_in --targets 100 --scale '1 50' --set M=65537", "another table size"),
    (argv) => {
      const [first = ""] = argv.case;
      if (argv.case.length === 1 && first.startsWith("start_")) choose((signal) => start(first.slice(6), argv, signal));
      else choose((signal) => test(argv.case, argv, signal));
    },
  )
  .command(
    "compare <name..>",
    "the same scenario with the same connections for several backends: one table, one graph",
    (y) =>
      testOptions(
        y.positional("name", { type: "string", array: true, demandOption: true, describe: "backends, or 'all'" }),
      )
        .option("scenario", { default: "scale", describe: "see 'list'", requiresArg: true })
        .option("sweep", { type: "string", requiresArg: true, describe: "values of an option of the run or the backend: loss against it, with theory" })
        .hide("view")
        .example("$0 compare ecmp ecmp_resilient nfqueue --scenario scale", "what each strategy costs")
        .example("$0 compare nfqueue nftables --set nftables.mode=dsr", "an option of one of them")
        .example("$0 compare ecmp nfqueue --scenario scale_in --sweep targets=4,10,50", "loss against the number of targets")
        .example("$0 compare nfqueue --scenario scale_in --sweep M=53,101,997,65537", "loss against the size of Maglev's table"),
    (argv) => choose((signal) => compare(argv.name, argv, signal)),
  )
  .command(
    "bench [name..]",
    "throughput, connection rate, latency and cost of backends, as ratios to plain forwarding; or of the lab: 'bench harness'",
    (y) =>
      outsideOption(y.positional("name", { type: "string", array: true, default: [], describe: "backends (default: all), or 'harness'" }))
        .option("metrics", { type: "string", describe: "some of them only, as in 'connections,requests'", requiresArg: true })
        .option("sweep", { type: "string", requiresArg: true, describe: "how cost grows: targets=.., connections=.. (live), services=.. (or rules=..), as in targets=10,100,1000" })
        .option("targets", { describe: "targets (default: 4)", requiresArg: true })
        .option("family", { describe: "4 or 6 (default: 4)", requiresArg: true })
        .option("repeat", { describe: "rounds (default: 6, the fewest that give an interval)", requiresArg: true })
        .option("seconds", { describe: "length of each measurement (default: 2)", requiresArg: true })
        .option("seed", { describe: "of the traffic (default: 1)", requiresArg: true })
        .option("runtime", { default: "netns", describe: "netns or docker", requiresArg: true })
        .option("set", { type: "string", array: true, default: [], nargs: 1, describe: "backend.key=value" })
        .option("out", { default: "results", describe: "folder of the results", requiresArg: true })
        .option("json", { type: "boolean", describe: "the figures on stdout" })
        .example("$0 bench nfqueue ecmp nftables", "side by side, six interleaved rounds")
        .example("$0 bench nfqueue --metrics connections,requests --seconds 1", "")
        .example("$0 bench iptables_statistic nftables nfqueue --sweep services=1,10,100,1000", "the cost of more services, with the fitted growth"),
    (argv) => choose((signal) => bench(argv.name, argv, signal)),
  )
  .command(
    "matrix <results..>",
    "the conformance matrix out of runs' results: case by family and protocol",
    (y) =>
      y
        .positional("results", { type: "string", array: true, demandOption: true, describe: "folders of runs" })
        .option("write", { type: "string", requiresArg: true, describe: "put it between the marks of this file" })
        .example("$0 matrix results --write README.md", ""),
    (argv) =>
      choose(async () => (await import("./harness/actions/matrix.ts")).matrixCommand(await catalogWith([]), argv.results, argv.write)),
  )
  .command(
    "gate [run..]",
    "pass or fail against thresholds and a baseline; --plan says how much must be measured",
    (y) =>
      y
        .positional("run", { type: "string", array: true, default: [], describe: "folders of runs, or folders of those" })
        .option("thresholds", { type: "string", requiresArg: true, describe: "JSON file of limits (default: docs/gate.md)" })
        .option("baseline", { type: "string", requiresArg: true, describe: "results to compare with" })
        .option("update-baseline", { type: "boolean", default: false, describe: "write the baseline out of these runs" })
        .option("bench", { type: "string", requiresArg: true, describe: "what 'bench --json' printed, for ratioToPlain" })
        .option("plan", { type: "boolean", default: false, describe: "how many connections or repeats show an effect" })
        .option("effect", { default: 1, requiresArg: true, describe: "with --plan: percent above what is expected" })
        .option("base", { default: 0, requiresArg: true, describe: "with --plan: expected loss in percent; 0 where each connection is predicted" })
        .option("alpha", { default: 0.0005, requiresArg: true, describe: "with --plan: false alarms" })
        .option("power", { default: 0.99, requiresArg: true, describe: "with --plan: how surely the effect is found" })
        .option("connections", { default: 10_000, requiresArg: true, describe: "with --plan: connections of one run" })
        .option("cv", { default: 10, requiresArg: true, describe: "with --plan: scatter of single repeats of a performance figure, in percent" })
        .option("json", { type: "boolean", default: false, describe: "for machines" })
        .example("$0 gate results --thresholds gate.json --baseline baseline.json", "for a CI: 0 passed, 1 failed, 4 no data")
        .example("$0 gate results --baseline baseline.json --update-baseline", "")
        .example("$0 gate --plan --effect 1 --base 20", ""),
    (argv) =>
      choose(async () => {
        const { gateCommand, gatePlanCommand } = await import("./harness/actions/gate.ts");
        const { effect, base, alpha, power, connections, cv, json } = argv;
        if (argv.plan) return gatePlanCommand({ effect, base, alpha, power, connections, cv }, json);
        return gateCommand({ ...argv, runs: argv.run });
      }),
  )
  .command(
    "maglev <M> <N> [seed] [loops]",
    "simulate a table of M slots and N targets: permutations, table, what a change of targets moves",
    (y) =>
      y
        .positional("M", { type: "number", demandOption: true, describe: "slots, a prime" })
        .positional("N", { type: "number", demandOption: true, describe: "targets" })
        .positional("seed", { type: "number", default: 0, describe: "of the hash" })
        .positional("loops", { type: "number", default: 1, describe: "mean over so many seeds" })
        .option("strategy", { default: "maglev", requiresArg: true, describe: "maglev, modulo, rendezvous, hash_threshold, resilient or all" })
        .option("remove", { default: 1, requiresArg: true, describe: "targets that leave" })
        .option("json", { type: "boolean", default: false, describe: "for machines" })
        .example("$0 maglev 7 3", "small enough to see the table")
        .example("$0 maglev 997 10 0 100 --remove 2 --strategy all", "modulo against Maglev against rendezvous"),
    (argv) =>
      choose(async () => {
        const { M, N, seed, loops, strategy, remove, json } = argv;
        return (await import("./harness/actions/maglev.ts")).maglevCommand({ M, N, seed, loops, strategy, remove }, json);
      }),
  )
  .command(
    "start <name>",
    "bring a lab up and leave it running",
    (y) =>
      labOptions(y.positional("name", { type: "string", demandOption: true, describe: "a backend" })).example(
        "$0 start nfqueue --targets 4",
        "then: status, exec, shell, scale, stop",
      ),
    (argv) => choose((signal) => start(argv.name, argv, signal)),
  )
  .command(
    "stop",
    "take the running lab down",
    (y) => y.example("$0 stop", ""),
    () => choose(async () => (await import("./harness/actions/session.ts")).stopCommand()),
  )
  .command(
    "status",
    "what runs",
    (y) =>
      y.option("json", { type: "boolean", default: false, describe: "for machines" }).example("$0 status --json", ""),
    (argv) => choose(async () => (await import("./harness/actions/session.ts")).statusCommand(argv)),
  )
  .command(
    "exec <machine>",
    "run a program in a machine of the running lab",
    (y) =>
      y
        .positional("machine", { type: "string", demandOption: true })
        .example("$0 exec vm-201 -- nfqueue-lb stats", "")
        .example(
          "$0 exec vm-221 -- traffic connect --address 10.0.0.0:5001 --connections 100 --src 50.0.0.0/16 --output txt",
          "",
        ),
    (argv) => choose(async (signal) => (await import("./harness/actions/session.ts")).execCommand(argv.machine, rest(argv), signal)),
  )
  .command(
    "shell <machine>",
    "a shell in a machine of the running lab",
    (y) => y.positional("machine", { type: "string", demandOption: true }).example("$0 shell vm-201", ""),
    (argv) => choose(async (signal) => (await import("./harness/actions/session.ts")).shellCommand(argv.machine, signal)),
  )
  .command(
    "scale <direction> <numbers..>",
    "take targets of the running lab away, or bring them back",
    (y) =>
      y
        .positional("direction", { choices: ["in", "out"] as const, demandOption: true })
        .positional("numbers", { type: "string", array: true, demandOption: true, describe: "targets, 1 the first" })
        .example("$0 scale in 1 2", ""),
    (argv) =>
      choose(async () => (await import("./harness/actions/session.ts")).scaleCommand(argv.direction, argv.numbers)),
  )
  .command(
    "list",
    "cases, backends and scenarios, and what this machine can run",
    (y) =>
      outsideOption(y)
        .option("json", { type: "boolean", default: false, describe: "for machines" })
        .example("$0 list --json", ""),
    (argv) =>
      choose(async () =>
        (await import("./harness/actions/list.ts")).listCommand(await catalogWith(argv.backend), argv),
      ),
  )
  .command(
    "doctor [name]",
    "what this machine supports, and the command that closes each gap",
    (y) =>
      outsideOption(y.positional("name", { type: "string", describe: "a backend" }))
        .option("json", { type: "boolean", default: false, describe: "for machines" })
        .example("$0 doctor nfqueue", ""),
    (argv) =>
      choose(async () =>
        (await import("./harness/actions/doctor.ts")).doctorCommand(await catalogWith(argv.backend), {
          backend: argv.name,
          json: argv.json,
        }),
      ),
  )
  .command(
    "kernels",
    "what --kernel may name: kernels in the cache, and those that apt can fetch",
    (y) =>
      y
        .option("json", { type: "boolean", default: false, describe: "for machines" })
        .example("$0 kernels", "then: test ipvs_scale --kernel debian:6.1"),
    (argv) => choose(async (signal) => (await import("./harness/actions/kernels.ts")).listKernels(argv, signal)),
  )
  .command(
    "report <run..>",
    "draw runs again from what they recorded",
    (y) =>
      y
        .positional("run", { type: "string", array: true, demandOption: true })
        .example("$0 report results/*nfqueue_scale*", ""),
    (argv) => choose(async () => (await import("./harness/actions/report.ts")).reportCommand(argv.run)),
  )
  .command(
    "merge <dir..>",
    "join the results of shards into one report; what is missing is named and is no pass",
    (y) =>
      y
        .positional("dir", { type: "string", array: true, demandOption: true, describe: "the shards' --out folders" })
        .option("out", { default: "results", requiresArg: true, describe: "folder for the joint reports" })
        .option("reporter", { type: "string", default: "terminal,markdown,junit,ctrf,json,html", requiresArg: true, describe: "as with 'test'; github too" })
        .example("$0 merge shard-1 shard-2 --out all", ""),
    (argv) => choose(async () => (await import("./harness/actions/merge.ts")).mergeCommand(argv.dir, argv.out, wordsOf(argv.reporter))),
  )
  .command(
    "analyze <analysis> <file>",
    "ctraffic's analyses of a statistics file ('traffic stream --stats ctraffic', or ctraffic's own)",
    (y) =>
      y
        .positional("analysis", { choices: CTRAFFIC_ANALYSES, demandOption: true })
        .positional("file", { type: "string", demandOption: true })
        .example("$0 analyze hosts stats.json", "lost and lasting connections by target"),
    (argv) => choose(async () => (await import("./harness/actions/analyze.ts")).analyzeCommand(argv.analysis, argv.file)),
  )
  .command(
    "clean",
    "remove whatever an earlier run may have left",
    (y) => y.example("$0 clean", ""),
    () => choose(async () => (await import("./harness/actions/clean.ts")).cleanCommand(await catalogWith([]))),
  )
  .command(
    "keep <options>",
    false,
    (y) => y.positional("options", { type: "string", demandOption: true }),
    (argv) =>
      choose((signal) => keep(JSON.parse(argv.options) as StartOptions, signal)),
  )
  .epilogue(
    "Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 the lab could not be built or broke, 4 not enough data, 77 all skipped, 130 interrupted.",
  )
  .demandCommand(1, "Say what to do: see --help.")
  .recommendCommands()
  .strict()
  .check(onceEach, true)
  .parserConfiguration({ "populate--": true })
  .exitProcess(false)
  .fail((message, error) => {
    throw error ?? new UsageError(message);
  });

function rest(argv: Record<string, unknown>): string[] {
  return ((argv["--"] as unknown[] | undefined) ?? []).map(String);
}

await runMain(async (signal) => {
  const argv = await parser.parseAsync();
  return argv.help || argv.version ? 0 : chosen(signal);
});
