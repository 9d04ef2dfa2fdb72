// SPDX-License-Identifier: Apache-2.0
// What a backend needs, as data; what of it is missing in a place, each thing tried and not guessed.
import { howToGet, setupFor } from "../host/brought.ts";
import { exists, findProgram, isBuilt } from "../host/locate.ts";
import { runProgram } from "../host/program.ts";
import { findTool } from "../host/tools.ts";
import type { Place } from "../runtime/runtime.ts";
import { type Asked, askable, askKernel, type KernelProbe } from "./kernel-probe.ts";

/** A program of the system's that is run in machines. */
export interface Tool {
  name: string;
  /** Of Debian. */
  package: string;
  /** The words that make it print its version, in the first line. */
  version: readonly string[];
}

/** A program that is the balancer, or a part of it. */
export interface Program {
  name: string;
  /** "ours" is compiled in this repository; others are installed, or unpacked by ./setup --peers. */
  from: "ours" | { packages: string; version: readonly string[] };
  /** Debian's packages that its compilation takes, which not every machine has. */
  takes?: readonly string[];
}

export interface Requirements {
  tools?: readonly Tool[];
  programs?: readonly Program[];
  /** Kernel modules that take part: for the record. */
  modules?: readonly string[];
  /** What the kernel must have. */
  kernel?: readonly KernelProbe[];
  /** Beyond what routers need for networking; `to` is the end of a sentence: "load BPF programs". */
  capabilities?: { names: readonly string[]; to: string };
  /** What it sets for all network namespaces of a kernel at once, as `Lab.kernel` lets it. */
  ownKernel?: string | undefined;
  /** Device files that the routers open. */
  devices?: readonly { file: string; remedy: string }[];
  /** What else can be found out, once nothing of the above is missing; a sentence for each thing. */
  check?(asked: Asked): Promise<string[]>;
}

/** One sentence for each thing that is missing, with the remedy. */
export async function missingOf(requirements: Requirements, place: Place): Promise<string[]> {
  const { tools = [], programs = [], kernel = [], devices = [], ownKernel } = requirements;
  const missing = [...(await missingPrograms(programs, place)), ...missingCapabilities(requirements, place)];
  if (ownKernel !== undefined && place.traits.kernel !== "chosen")
    missing.push(
      `${ownKernel} is set for all network namespaces of a kernel at once, and this kernel is not the lab's own. Try --runtime vm.`,
    );
  if (missing.length === 0) missing.push(...(await missingKernel(tools, kernel, place)));
  if (place.traits.deviceFiles === "on request")
    for (const { file, remedy } of devices)
      if (!(await exists(file))) missing.push(`This machine has no ${file} for the routers. ${remedy}`);
  const asked = askable(place);
  if (missing.length === 0 && asked) missing.push(...((await requirements.check?.(asked)) ?? []));
  return missing;
}

/** Machines with a file system of their own bring the others along. */
async function missingPrograms(programs: readonly Program[], { traits, router }: Place): Promise<string[]> {
  const sentences = await Promise.all(
    programs.map(async ({ name, from, takes }) => {
      if (from === "ours") return !traits.programsAreHosts || (await isBuilt(name)) ? [] : [notBuilt(name, takes)];
      return !traits.toolsAreHosts || router || (await findProgram(name)) ? [] : [notInstalled(name, from.packages)];
    }),
  );
  return sentences.flat();
}

export const notBuilt = (name: string, takes: readonly string[] = []) =>
  `'${name}' is not built${takes.length > 0 ? `: that takes ${takes.join(" and ")}` : ""}. Run '${setupFor(takes)}'.`;

export const notInstalled = (name: string, packages: string) =>
  `'${name}' is not installed. ${howToGet(packages, { "--peers": " (unpacks it, starts no service)" })}`;

function missingCapabilities({ capabilities }: Requirements, { traits }: Place): string[] {
  const has = traits.privileges;
  if (!capabilities || has === "all") return [];
  if (has === "user namespace")
    return [`Only root may ${capabilities.to}: a user namespace is not enough. Run as root.`];
  if (capabilities.names.every((name) => has.includes(name))) return [];
  const [names, flags] = ["CAP_", "--capability "].map((prefix) => capabilities.names.map((name) => prefix + name));
  return [`It needs ${names?.join(" and ")}, which the lab's routers lack. Try '${flags?.join(" ")}'.`];
}

/** Tools first, as without them nothing can be tried. */
async function missingKernel(tools: readonly Tool[], probes: readonly KernelProbe[], place: Place): Promise<string[]> {
  const { traits, router } = place;
  if (router) return askKernel(probes, router);
  if (traits.kernel !== "this") return [];
  const gaps = await Promise.all(tools.map(({ name, package: debian }) => findTool(name, debian)));
  const absent = gaps.filter((sentence) => sentence !== null);
  // Tools are in the images; the kernel is asked with this machine's where that can be done, else by the run itself.
  if (!traits.toolsAreHosts && (absent.length > 0 || !(await mayAsk()))) return [];
  return absent.length > 0 ? absent : askKernel(probes, null);
}

const mayAsk = async () => (await askKernel([{ what: "", argv: ["true"], input: "", remedy: "" }], null)).length === 0;

/** What a program of this machine says, whichever stream it says it on. */
export async function said(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout, stderr } = await runProgram(argv, { env, timeoutMs: 30_000, check: false });
  return stdout + stderr;
}
