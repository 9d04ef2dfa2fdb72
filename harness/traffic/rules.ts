// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../runtime/runtime.ts";

/** Each prints nothing where it has nothing to say, and is left out where it is not installed. */
const COMMANDS = [
  ["ip", "rule"],
  ["ip", "-6", "rule"],
  ["ip", "nexthop"],
  ["ip", "route", "show", "table", "all", "type", "unicast"],
  ["ip", "-6", "route", "show", "table", "all", "type", "unicast"],
  ["iptables-save"],
  ["ip6tables-save"],
  ["nft", "list", "ruleset"],
];
/** Of one command: a thousand targets have as many routes, and nobody reads them all. */
const MOST_LINES = 120;
const BYTES_PER_LINE = 400;

/** What is installed in the routers' kernels. Read after the traffic: listing alone can load parts of the kernel that change what it does. */
export async function readRules(lab: Lab): Promise<{ machine: string; text: string }[]> {
  return Promise.all(
    lab.topology.routers.map(async ({ name }) => {
      const host = lab.host(name);
      const parts: string[] = [];
      for (const argv of COMMANDS) {
        const output = await host.exec(argv, { check: false }).catch(() => null);
        if (output?.code !== 0 || output.stdout.trim() === "") continue;
        const lines = output.stdout.trimEnd().split("\n");
        const shown = lines.slice(0, MOST_LINES).map((line) => line.slice(0, BYTES_PER_LINE));
        const more = lines.length > MOST_LINES ? [`... ${lines.length - MOST_LINES} lines more`] : [];
        parts.push([`$ ${argv.join(" ")}`, ...shown, ...more].join("\n"));
      }
      return { machine: name, text: parts.join("\n\n") };
    }),
  );
}
