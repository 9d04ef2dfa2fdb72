// SPDX-License-Identifier: Apache-2.0
// The pages say which rules a backend installs. Here they are installed, and the page is held against what the tools list.

import { readFileSync } from "node:fs";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Host, planTopology } from "../../harness/api/index.ts";
import { netns, parseBackendOptions } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { backends } from "../index.ts";

/** What the pages were made with: another version may write the same rules in another way. */
const VERSIONS: Readonly<Record<string, RegExp>> = {
  ip: /iproute2-6\.1\./,
  nft: /v1\.0\.6 /,
  "iptables-save": /v1\.8\.9 /,
  "ip6tables-save": /v1\.8\.9 /,
};

interface Block {
  page: string;
  backend: string;
  words: string[];
  /** Commands with the lines that they print; "..." are any lines. */
  commands: { argv: string[]; lines: string[] }[];
}

/** Blocks "```console <backend> [key=value...]": a line that begins with "# " is a command on a router with three targets. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(import.meta.dirname, "..", page, "README.md"), "utf8");
  return [...text.matchAll(/^```console (\S+)(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, backend = "", words = "", body = ""]) => ({
      page,
      backend,
      words: words.split(" ").filter((word) => word !== ""),
      commands: body
        .split(/^# /m)
        .slice(1)
        .map((part) => {
          const [command = "", ...lines] = part.split("\n");
          return { argv: command.split(" "), lines: lines.map(plain).filter((line) => line !== "") };
        }),
    }),
  );
}

/** Without indentation, and without what counts packets. */
const plain = (line: string) =>
  line
    .trim()
    .replace(/\s+/g, " ")
    .replace(/ \[\d+:\d+\]$/, "");

/** Each run of lines between two "..." is there as it stands, one behind the other. */
function contains(all: readonly string[], wanted: readonly string[]): boolean {
  const runs = wanted.join("\n").split(/(?:^|\n)\.\.\.(?:\n|$)/);
  let rest = `\n${all.join("\n")}\n`;
  for (const run of runs.filter((lines) => lines !== "")) {
    const at = rest.indexOf(`\n${run}\n`);
    if (at < 0) return false;
    rest = rest.slice(at + run.length + 1);
  }
  return wanted.includes("...") || all.length === wanted.length;
}

/** One sentence for each tool that is not of the version that the page was made with, and may list rules in other words. */
async function otherVersions(router: Host, { commands }: Block): Promise<string[]> {
  const tools = [...new Set(commands.map(({ argv: [tool = ""] }) => tool))];
  const versions = await Promise.all(tools.map(async (tool) => (await router.exec([tool, "-V"])).stdout.trim()));
  return versions
    .filter((version, i) => !VERSIONS[tools[i] ?? ""]?.test(version))
    .map((version) => `The page was made with another version than ${version}.`);
}

async function check(t: ExecutionContext, router: Host, { argv, lines }: Block["commands"][number]): Promise<void> {
  const { stdout } = await router.exec(argv);
  const listed = stdout
    .split("\n")
    .map(plain)
    .filter((line) => line !== "" && !line.startsWith("#"));
  t.true(contains(listed, lines), `The page has:\n${lines.join("\n")}\n'${argv.join(" ")}' printed:\n${stdout}`);
}

for (const block of ["ecmp", "iptables", "nftables"].flatMap(blocksOf))
  test.serial(
    `the page of ${block.page} has the rules that ${[block.backend, ...block.words].join(" ")} installs`,
    async (t) => {
      const backend = backends.find(({ name }) => name === block.backend);
      if (!backend) return t.fail();
      const options = parseBackendOptions(backend, block.words);
      t.true(block.commands.length > 0);
      if (isSkipped(t, [...(await netns.missing()), ...(await backend.missing(netns, options))])) return;
      const lab = await netns.up(planTopology({ targets: 3, routers: 1 }), new AbortController().signal);
      try {
        await backend.deploy(lab, options, [0, 1, 2]);
        if (isSkipped(t, await otherVersions(lab.host("vm-201"), block))) return;
        for (const command of block.commands) await check(t, lab.host("vm-201"), command);
      } finally {
        await lab[Symbol.asyncDispose]();
      }
    },
  );
