// SPDX-License-Identifier: Apache-2.0
// The routers' rules around a run: whether some of them are gone that no event of the run took away.
import type { Requirements } from "../api/requirements.ts";
import type { LabFault } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";

const IP_COMMANDS = [
  ["ip", "rule"],
  ["ip", "-6", "rule"],
  ["ip", "nexthop"],
  ["ip", "route", "show", "table", "all", "type", "unicast"],
  ["ip", "-6", "route", "show", "table", "all", "type", "unicast"],
];
const BYTES_SHOWN = 120;

/** By router and command, the lines that it prints: without counters, and without what comes and goes by itself. */
export type RouterRules = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/**
 * What to ask a router whose balancer has these tools. Nobody else's: listing alone can load parts of the kernel. A balancer that
 * `decides` by itself which targets answer changes routes when it likes.
 */
export function rulesCommands({ tools = [] }: Requirements, decides: boolean): string[][] {
  const own = tools.flatMap(({ name }) => {
    if (name === "nft") return [["nft", "--stateless", "--terse", "list", "ruleset"]];
    if (/^ip6?tables-.*restore$/.test(name)) return [[name.replace("restore", "save")]];
    return name === "ipvsadm" && !decides ? [["ipvsadm", "--save", "--numeric"]] : [];
  });
  return decides ? own : [...IP_COMMANDS, ...own];
}

export async function readRouterRules(lab: Lab, commands: readonly (readonly string[])[]): Promise<RouterRules> {
  const read = lab.topology.routers.map(async ({ name }) => {
    const host = lab.host(name);
    const lines = new Map<string, string[]>();
    for (const argv of commands) {
      const output = await host.exec(argv, { check: false }).catch(() => null);
      if (output?.code === 0) lines.set(argv.join(" "), ruleLines(output.stdout));
    }
    return [name, lines] as const;
  });
  return new Map(await Promise.all(read));
}

/** iptables-save has comments with the time, and counters of chains and rules; ip tells how long ago something was. */
export function ruleLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) =>
      line
        .replace(/ ?\[\d+:\d+\] ?/, "")
        .replace(/ (expires|unbalanced_time) \S+/, "")
        .trim(),
    )
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** One for each router that has lost rules between the two readings. */
export function rulesFaults(before: RouterRules, after: RouterRules): LabFault[] {
  return [...before].flatMap(([router, commands]) => {
    const gone = [...commands].flatMap(([command, lines]) => {
      const now = after.get(router)?.get(command);
      if (!now) return [];
      const left = new Set(now);
      const missing = lines.filter((line) => !left.has(line));
      return missing.length > 0 ? [{ command, missing, of: lines.length }] : [];
    });
    const [first] = gone;
    if (!first) return [];
    const lost = gone.map(({ command, missing, of }) => `${missing.length} of ${of} lines of '${command}'`).join(", ");
    const shown = first.missing.find((line) => !/^[*:}]|[{]$/.test(line)) ?? first.missing[0] ?? "";
    const text = `The rules of ${router} changed during the run, which no event ordered: ${lost} are gone, as '${shown.slice(0, BYTES_SHOWN)}'.`;
    return [{ text, about: { what: "rules", where: router } }];
  });
}
