// SPDX-License-Identifier: Apache-2.0
// What a file of somebody's own tells IPVS to do, in the words of this backend's options: then what it must do is known.
import type { OracleSpec, Protocol } from "../../harness/api/index.ts";
import { wrongAt } from "../found/file.ts";
import type { FoundService, Layout } from "../found/layout.ts";
import { ipvsOracle } from "./ipvs.ts";
import { isHashing, type Options, options, SCHEDULERS } from "./options.ts";

/** Of one virtual server. */
export interface ServiceWords {
  forward: Options["forward"];
  forwardLine: number;
  scheduler: string;
  schedulerLine: number;
  persistence: number;
  ops: boolean;
  port: boolean;
  fallback: boolean;
}

export interface OwnIpvs {
  /** All virtual servers forward alike: the lab has one way back. */
  forward: Options["forward"];
  schedulers: readonly string[];
  /** How many destinations with a weight a target has in each family, over all services. */
  destinations: (target: number, family: 4 | 6) => number;
  /** As options of the lab's own, `base` for the rest. null: no service for the protocol. */
  optionsFor: (protocol: Protocol, base: Partial<Options>) => Options | null;
  oracle: (protocol: Protocol, targets: number, base: Partial<Options>) => OracleSpec | null;
}

type Worded = FoundService & { words: ServiceWords };

export function inTheFile(layout: Layout, services: readonly Worded[]): OwnIpvs {
  const { file, indexOf, chosen, weights } = layout;
  const [first] = services;
  const forward = first?.words.forward ?? "masq";
  for (const { words } of services) {
    if (words.forward !== forward)
      throw wrongAt(file, words.forwardLine, "the lab has one way back, so all services must forward alike");
    if (!(SCHEDULERS as readonly string[]).includes(words.scheduler))
      throw wrongAt(
        file,
        words.schedulerLine,
        `the lab knows no scheduler '${words.scheduler}', only ${SCHEDULERS.join(", ")}`,
      );
  }
  const wordsFor = (protocol: Protocol) => services.find((one) => one.line === chosen(protocol)[0]?.line)?.words;
  const optionsFor: OwnIpvs["optionsFor"] = (protocol, base) => {
    const words = wordsFor(protocol);
    if (!words) return null;
    const { scheduler, persistence, ops, port, fallback } = words;
    const own = weights(protocol);
    return {
      ...options.parse({}),
      ...base,
      forward,
      scheduler: scheduler as Options["scheduler"],
      persistence,
      ops,
      port,
      fallback,
      ...(own && new Set(own).size > 1 ? { weights: [...own] } : {}),
    };
  };
  return {
    forward,
    schedulers: [...new Set(services.map(({ words }) => words.scheduler))],
    destinations: (target, family) =>
      services
        .filter(({ vip }) => (vip.includes(":") ? 6 : 4) === family)
        .flatMap(({ servers }) => servers)
        .filter(({ host, weight }) => indexOf(host) === target && weight > 0).length,
    optionsFor,
    oracle(protocol, targets, base) {
      const given = optionsFor(protocol, base);
      if (!given || weights(protocol) === null) return null;
      const inOrder = chosen(protocol).every(({ servers }) => servers.every(({ host }, i) => indexOf(host) === i));
      // A hash goes by the order of the destinations.
      return isHashing(given.scheduler) && !inOrder ? null : ipvsOracle(given, targets, protocol);
    },
  };
}
