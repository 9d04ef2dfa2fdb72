// SPDX-License-Identifier: Apache-2.0
// Two ways between tester and targets, each by networks of its own: net2 and net1, net5 and net4. The second VIP and the second sources
// belong to the second one. Pure.
import { clientVips, linkOn, type Machine, type Net, SOURCES, type Topology } from "./topology.ts";

/** Networks of each way, that of the tester first. */
const PATHS: readonly (readonly [Net, Net])[] = [
  ["net2", "net1"],
  ["net5", "net4"],
];

/** As many as SOURCES, at the same offsets. */
export const SECOND_SOURCES = { 4: "51.0.0.0/16", 6: "2000::1:0/112" } as const;

export const secondVip = (family: 4 | 6): string => clientVips({ vips: 2 }, family)[1] ?? "";

/** The machine with its links of one way only. */
export const onPath = (machine: Machine, path: number): Machine => ({
  ...machine,
  links: machine.links.filter(({ net }) => PATHS[path]?.includes(net)),
});

/** What `ip -4` and `ip -6` make of one machine besides its usual wiring. */
export function secondPath(topology: Topology, machine: Machine, family: 4 | 6): string {
  const [testers, targets] = PATHS[1] as readonly [Net, Net];
  const sources = SECOND_SOURCES[family];
  const address = (of: Machine, net: Net) => linkOn(of, net)[family === 4 ? "ipv4" : "ipv6"];
  const byRouters = (prefix: string, net: Net) =>
    `route add ${prefix} ${topology.routers.map((router) => `nexthop via ${address(router, net)}`).join(" ")}`;
  const [first, second] = [clientVips({}, family)[0] ?? "", secondVip(family)];
  // A source that is not of the way would be as good as any: the kernel asks for a route of each, and takes none that has none.
  const apart = (a: [from: string, to: string], b: [from: string, to: string]) =>
    [a, b].map(([from, to]) => `rule add pref 50 from ${from} to ${to} prohibit`);
  const lines = {
    tester: [
      `route add local ${sources} dev lo`,
      byRouters(second, testers),
      ...apart([SOURCES[family], second], [sources, first]),
    ],
    router: [`route add ${sources} via ${address(topology.tester, testers)}`],
    target: [byRouters(sources, targets), ...apart([second, SOURCES[family]], [first, sources])],
  }[machine.role];
  return lines.map((line) => `${line}\n`).join("");
}
