// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import path from "node:path";
import { defineCommand } from "../cli/command.ts";
import { flag, option, text } from "../plan/option.ts";
import { labShape } from "../plan/options.ts";
import { topologySvg } from "../topology/picture.ts";
import { planTopology, type Topology } from "../topology/topology.ts";
import { systemReason, UsageError } from "../util/errors.ts";

const lines = ({ machines }: Topology) =>
  machines.flatMap(({ name, role, links }) =>
    links.map(
      ({ net, ipv4, ipv6, mac }) => `${name} ${role.padEnd(7)} ${net} ${ipv4.padEnd(15)} ${ipv6.padEnd(24)} ${mac}\n`,
    ),
  );

export const topologyCommand = defineCommand({
  name: "topology",
  summary: "print the machines of a lab with their addresses, or draw them; starts nothing",
  positionals: {
    file: option(text().optional(), {
      about: "file to write",
      names: "file",
      expects: "a file",
      defaultText: "stdout",
    }),
  },
  options: {
    targets: labShape.targets,
    routers: labShape.routers,
    testers: labShape.testers,
    svg: option(flag(), { group: "Output", about: "a picture" }),
  },
  examples: [
    ["topology --targets 4 --routers 2", ""],
    ["topology --svg lab.svg", ""],
  ],
  run: ({ targets, routers = 1, testers, svg, file }, { cwd, print }) => {
    const plan = planTopology({ targets, routers, testers });
    const words = svg ? topologySvg(plan) : lines(plan).join("");
    if (file === undefined) print(words);
    else
      try {
        writeFileSync(path.resolve(cwd, file), words);
      } catch (cause) {
        throw new UsageError(`Cannot write '${file}': ${systemReason(cause)}.`, { cause });
      }
    return 0;
  },
});
