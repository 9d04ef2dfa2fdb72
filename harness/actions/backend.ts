// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Backend } from "../api/backend.ts";
import type { Context } from "../cli/command.ts";
import { dispatch } from "../cli/dispatch.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { BACKEND_NAME, withOutside } from "../plan/outside.ts";
import type { Summary } from "../record/schema.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { wrap } from "../util/wrap.ts";

const TEMPLATE = fileURLToPath(new URL("../../images/example/new.ts", import.meta.url));
const KIT = fileURLToPath(new URL("../api/kit.ts", import.meta.url));
const WIDTH = 100;
/** Long enough for a slow proxy to open all of them before the first event. */
const SHORT = ["--targets", "4", "--connections", "200", "--rate", "400", "--at", "3 4.5", "--duration", "6"];

/** Writes NAME.ts, which nobody has written before. */
export function newBackend(name: string, { catalog, cwd, print }: Context): number {
  if (!BACKEND_NAME.test(name))
    throw new UsageError(`Invalid value '${name}' for <what>: expected a name of small letters, digits and '-'.`);
  if (catalog.backends.some((known) => known.name === name))
    throw new UsageError(`A backend '${name}' exists. Choose another name.`);
  const file = path.join(cwd, `${name}.ts`);
  const relative = path.relative(cwd, KIT);
  const text = readFileSync(TEMPLATE, "utf8")
    .replaceAll("my-lb", name)
    .replace("../../harness/api/kit.ts", relative.startsWith(".") ? relative : `./${relative}`);
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (cause) {
    throw new UsageError(`Cannot write '${file}': ${systemReason(cause)}.`, { cause });
  }
  print(
    `'${name}.ts' is written and works. Next:\n  ./load-balancer.ts backend check ./${name}.ts\n  ./load-balancer.ts test ${name}_scale --backend ./${name}.ts --view\n`,
  );
  return EXIT.passed;
}

/** 0: it loads and no run failed. Throws UsageError where it does not load. */
export async function checkBackend(file: string, context: Context): Promise<number> {
  const { catalog, print } = context;
  const [backend] = await withOutside([], [file]);
  if (backend === undefined) throw new UsageError(`Cannot use '${file}' as a backend.`);
  if (catalog.backends.some(({ name }) => name === backend.name))
    throw new UsageError(`Cannot use '${file}': a backend '${backend.name}' exists. Choose another name.`);
  const options = parseBackendOptions(backend, []);
  print(`'${file}' defines '${backend.name}': ${backend.summary}.\n`);
  const [runtime] = catalog.runtimes;
  const gaps = runtime ? [...(await runtime.missing()), ...(await backend.missing(runtime, options))] : [];
  const runs = gaps.length > 0 ? { code: EXIT.skipped, summaries: [] } : await shortRuns(backend, file, context);
  const lacks = lacksOf(backend, runs.summaries);
  print(
    [
      "",
      ...bullets("Cannot run here:", gaps),
      ...bullets("Runs:", runs.summaries.map(runText)),
      ...bullets(lacks.length > 0 ? "It lacks:" : "It lacks nothing.", lacks),
      "",
    ].join("\n"),
  );
  return runs.code;
}

function bullets(head: string, items: readonly string[]): string[] {
  if (items.length === 0) return head.endsWith(":") ? [] : [head];
  return [
    head,
    ...items.flatMap((item) => wrap(item, WIDTH - 4).map((line, i) => `${i === 0 ? "  - " : "    "}${line}`)),
  ];
}

const runText = ({ case: name, verdict, reasons, events }: Summary) =>
  [`${name}: ${verdict}`, ...(verdict === "pass" || verdict === "unjudged" ? events.map(lossText) : reasons)].join(
    "; ",
  );

const lossText = ({ kind, lost, alive, ideal, mispredicted }: Summary["events"][number]) =>
  `${kind.replaceAll("_", " ")}: ${lost} of ${alive} lost, ideal ${Math.round(ideal ?? 0)}${mispredicted === null || mispredicted === undefined ? "" : `, ${mispredicted} mispredicted`}`;

/** Of every target its share, then targets that leave and return, then one router of two; each over both families. */
async function shortRuns({ name, protocols }: Backend, file: string, context: Context) {
  const out = mkdtempSync(path.join(tmpdir(), "load-balancer-check-"));
  const protocol = protocols === undefined || protocols.includes("tcp") ? "tcp" : "udp";
  const words = ["--backend", file, "--out", out, "--reporter", "json", "--protocol", protocol];
  try {
    const codes = [
      await dispatch(context.commands, context.catalog, ["test", name, ...words, "--connections", "200"], context),
      await dispatch(context.commands, context.catalog, ["test", `${name}_scale`, ...words, ...SHORT], context),
    ];
    const summaries = readdirSync(out)
      .map((dir) => path.join(out, dir, "summary.json"))
      .filter((one) => existsSync(one))
      .sort()
      .map((one) => JSON.parse(readFileSync(one, "utf8")) as Summary);
    return { code: Math.max(...codes.filter((code) => code !== EXIT.skipped), EXIT.passed), summaries };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** What its author may add, and what he gets by it. */
function lacksOf(backend: Backend, summaries: readonly Summary[]): string[] {
  const options = parseBackendOptions(backend, []);
  const protocol = backend.protocols?.[0] ?? "tcp";
  const nameless = Object.entries(backend.options.shape).flatMap(([name, schema]) =>
    (schema as { description?: string }).description ? [] : [name],
  );
  const requires = backend.requires(options);
  const noted = (name: "tools" | "programs" | "kernel") => (requires[name]?.length ?? 0) > 0;
  const empty = backend.withoutTargets?.(options, protocol) ?? null;
  const moreArrived = summaries.some(({ packets }) => (packets.duplicated ?? 0) > (packets.noise ?? 0));
  const checks: [boolean, string][] = [
    [
      backend.oracle(options, 4, protocol) === null,
      "an oracle: losses are measured, and nothing says which had to be (verdict 'unjudged'); images/example/README.md shows how to predict them",
    ],
    [nameless.length > 0, `help of ${nameless.join(", ")}: end the option with .describe("...")`],
    [
      !noted("tools") && !noted("programs") && !noted("kernel"),
      "requires(): without it a machine that lacks a part breaks the run instead of a skip with the remedy",
    ],
    [
      moreArrived,
      "counters relay.in and relay.out: targets received more packets than the tester sent, as from a proxy; images/example/proxy.ts counts them, or say `accounts: false`",
    ],
    [empty === null, "withoutTargets(): what clients meet with while no target is in use is not judged"],
  ];
  return checks.flatMap(([bad, text]) => (bad ? [text] : []));
}
