// SPDX-License-Identifier: Apache-2.0
// Names and versions of what takes part in a run, asked where it runs: machines may have other tools than this one.
import path from "node:path";
import { buildDir, findProgram } from "../host/locate.ts";
import { runProgram } from "../host/program.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Program, Requirements, Tool } from "./requirements.ts";
import { programIn } from "./routers.ts";

/** Runs a program to its end, whatever its exit code. */
type Ask = (
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<{ code: number | null; stdout: string; stderr: string }>;

/** Of every lab: what answers in the machines and makes the traffic. */
const OURS: readonly Program[] = [
  { name: "agent", from: "ours" },
  { name: "traffic", from: "ours" },
];

/** Tools by their Debian packages, programs and kernel modules by their names; as the first router of the lab has them. */
export async function versionsIn(
  lab: Lab,
  requires: Requirements,
  revision: string | null,
): Promise<Record<string, string>> {
  const [router] = lab.topology.routers;
  if (!router) return {};
  const host = lab.host(router.name);
  const ask: Ask = (argv, env) => host.exec(argv, { check: false, ...(env ? { env } : {}) });
  const { tools = [], programs = [], modules = [] } = requires;
  const entries = await Promise.all([
    ...tools.map((tool) => ofTool(tool, ask)),
    ...[...OURS, ...programs].map(async (program) => ofProgram(program, await programIn(lab, program), revision, ask)),
    ...modules.map((name) => ofModule(name, ask)),
  ]);
  return named(entries);
}

/** The same of this machine, without what only a running lab can tell. */
export async function versionsHere(
  all: readonly Requirements[],
  revision: string | null,
): Promise<Record<string, string>> {
  const ask: Ask = (argv, env) =>
    runProgram(argv, { check: false, timeoutMs: 5000, ...(env ? { env } : {}) }).catch(() => NOT_RUN);
  const once = <T extends { name: string }>(items: readonly T[]) => [...new Map(items.map((one) => [one.name, one]))];
  const tools = once(all.flatMap((requires) => requires.tools ?? []));
  const programs = once([...OURS, ...all.flatMap((requires) => requires.programs ?? [])]);
  const entries = await Promise.all([
    ...tools.map(([, tool]) => ofTool(tool, ask)),
    ...programs.map(async ([name, program]) => {
      const built = { path: path.join(buildDir, name), env: {} };
      const found = program.from === "ours" ? built : await findProgram(name);
      return found ? ofProgram(program, found, revision, ask) : ([name, ABSENT] satisfies Entry);
    }),
  ]);
  return named(entries);
}

type Entry = [name: string, version: string];

/** Of several tools of one package the first speaks for all. */
const named = (entries: readonly Entry[]): Record<string, string> => Object.fromEntries([...entries].reverse());

const ABSENT = "not installed";
const NOT_RUN = { code: null, stdout: "", stderr: "" };

async function ofTool({ name, package: debian, version }: Tool, ask: Ask): Promise<Entry> {
  return [debian, await versionOf([name, ...version], debian, ask)];
}

/** Ours have no version of their own: the revision of the sources, and what they were compiled to. */
async function ofProgram(
  { name, from }: Program,
  found: { path: string; env: Readonly<Record<string, string>> },
  revision: string | null,
  ask: Ask,
): Promise<Entry> {
  if (from !== "ours") return [name, await versionOf([found.path, ...from.version], from.packages, ask, found.env)];
  const { code, stdout } = await ask(["sha256sum", found.path]);
  const sum = code === 0 ? ` (sha256 ${stdout.slice(0, 12)})` : "";
  return [name, `git ${revision?.replace(/^(\w{12})\w*/, "$1") ?? "unknown"}${sum}`];
}

/** In-tree modules have none of their own, but that of the kernel. */
async function ofModule(name: string, ask: Ask): Promise<Entry> {
  const [own, kernel] = await Promise.all(
    [`/sys/module/${name}/version`, "/proc/sys/kernel/osrelease"].map((file) => ask(["@read", file])),
  );
  return [name, own?.code === 0 ? own.stdout.trim() : `of Linux ${kernel?.stdout.trim()}`];
}

/**
 * The line that has a version in it. A program may refuse to say it where it cannot work (ipvsadm, in a kernel without IPVS): then as
 * its package has it, and never the words of the refusal.
 */
async function versionOf(
  argv: readonly [string, ...string[]],
  packages: string,
  ask: Ask,
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const { code, stdout, stderr } = await ask(argv, env);
  if (code === 127 || code === null) return ABSENT;
  const lines = `${stdout}\n${stderr}`.split("\n").map((line) => line.trim());
  const line = lines.find((one) => /\d\.\d/.test(one)) ?? (code === 0 ? lines.find((one) => one !== "") : undefined);
  if (line !== undefined) return line.replace(argv[0], path.basename(argv[0]));
  const [debian = ""] = packages.split(" ");
  const packaged = await ask(["dpkg-query", "--show", debian]);
  return packaged.code === 0 ? `package ${packaged.stdout.trim().replace("\t", " ")}` : "unknown";
}
