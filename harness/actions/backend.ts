// SPDX-License-Identifier: Apache-2.0

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Backend } from "../api/backend.ts";
import type { Context } from "../cli/command.ts";
import { dispatch } from "../cli/dispatch.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { BACKEND_NAME, withOutside } from "../plan/outside.ts";
import type { Summary } from "../record/schema.ts";
import { finishedRuns } from "../set/manifest.ts";
import type { Attempt } from "../set/set.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { PROGRAM } from "../util/typed.ts";
import { textColumns, wrap } from "../util/wrap.ts";

const TEMPLATE = fileURLToPath(new URL("../../images/example/new.ts", import.meta.url));
const KIT = fileURLToPath(new URL("../api/kit.ts", import.meta.url));
const WIDTH = textColumns();
/** Long enough for a slow proxy to open all of them before the first event. */
const SHORT = ["--targets", "4", "--connections", "200", "--rate", "400", "--at", "3 4.5", "--duration", "6"];

/** Writes NAME.ts, which nobody has written before. */
export function newBackend(name: string, { catalog, cwd, given, print }: Context): number {
  if (given.has("out")) throw new UsageError("--out is of 'backend check': a new file is written here.");
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
    `'${name}.ts' is written and works. Next:\n  ${PROGRAM} backend check ./${name}.ts\n  ${PROGRAM} test ${name}_scale --backend ./${name}.ts --view\n`,
  );
  return EXIT.passed;
}

/** 0: it loads and no run failed. The runs stay in `out`. Throws UsageError where it does not load. */
export async function checkBackend(file: string, out: string, context: Context): Promise<number> {
  const { catalog, print } = context;
  const [backend] = await withOutside([], [file]);
  if (backend === undefined) throw new UsageError(`Cannot use '${file}' as a backend.`);
  if (catalog.backends.some(({ name }) => name === backend.name))
    throw new UsageError(`Cannot use '${file}': a backend '${backend.name}' exists. Choose another name.`);
  const options = parseBackendOptions(backend, []);
  print(`'${file}' defines '${backend.name}': ${backend.summary}.\n`);
  const [runtime] = catalog.runtimes;
  const gaps = runtime ? [...(await runtime.missing()), ...(await backend.missing(runtime, options))] : [];
  const { code, runs } =
    gaps.length > 0 ? { code: EXIT.skipped, runs: [] } : await shortRuns(backend, file, out, context);
  const lacks = lacksOf(
    backend,
    runs.map(({ summary }) => summary),
  );
  print(
    [
      "",
      ...bullets("Cannot run here:", gaps),
      ...bullets(
        "Runs:",
        runs.map((run) => runText(run, out)),
      ),
      ...bullets(lacks.length > 0 ? "It lacks:" : "It lacks nothing.", lacks),
      "",
    ].join("\n"),
  );
  return code;
}

function bullets(head: string, items: readonly string[]): string[] {
  if (items.length === 0) return head.endsWith(":") ? [] : [head];
  return [
    head,
    ...items.flatMap((item) => wrap(item, WIDTH - 4).map((line, i) => `${i === 0 ? "  - " : "    "}${line}`)),
  ];
}

const runText = ({ dir, summary: { case: name, verdict, reasons, events } }: Attempt, out: string) =>
  [
    `${name}: ${verdict}`,
    ...(verdict === "pass" || verdict === "unjudged" ? events.map(lossText) : reasons).map((text) =>
      text.replace(/\.$/, ""),
    ),
    `report: ${path.join(out, dir, "report.html")}`,
  ].join("; ");

const lossText = ({ kind, lost, alive, ideal, mispredicted }: Summary["events"][number]) =>
  `${kind.replaceAll("_", " ")}: ${lost} of ${alive} lost, ideal ${Math.round(ideal ?? 0)}${mispredicted === null || mispredicted === undefined ? "" : `, ${mispredicted} mispredicted`}`;

/** Of every target its share, then targets that leave and return; each over both families. Only what does not pass is printed in full. */
async function shortRuns({ name, protocols }: Backend, file: string, out: string, context: Context) {
  const protocol = protocols === undefined || protocols.includes("tcp") ? "tcp" : "udp";
  const words = ["--backend", file, "--out", out, "--quiet", "--protocol", protocol];
  const earlier = new Set(finishedRuns(out).found.map(({ dir }) => dir));
  const codes = [
    await dispatch(context.commands, context.catalog, ["test", name, ...words, "--connections", "200"], context),
    await dispatch(context.commands, context.catalog, ["test", `${name}_scale`, ...words, ...SHORT], context),
  ];
  return {
    code: Math.max(...codes.filter((code) => code !== EXIT.skipped), EXIT.passed),
    runs: finishedRuns(out).found.filter(({ dir }) => !earlier.has(dir)),
  };
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
