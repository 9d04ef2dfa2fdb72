// SPDX-License-Identifier: Apache-2.0
// What every backend may ask of a machine, with each of its options.

import type { Requirements } from "../harness/api/index.ts";
import { ownWords, parseBackendOptions } from "../harness/plan/backend-options.ts";
import { allCases } from "../harness/plan/catalog.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

/** Words whose needs no case has by itself. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  nfqueue: ["synOnly=true", "fragments=true", "noTargets=refuse", "mssClamp=1400"],
  nftables: ["mssClamp=1400"],
  ipvs: ["mssClamp=1400"],
  ecmp: ["mssClamp=1400"],
  iptables_statistic: ["variant=legacy"],
};

export const needs: [name: string, needs: Requirements][] = backends.flatMap((backend) => {
  const cases = allCases({ backends: [backend], scenarios, runtimes: [] }).map(ownWords);
  const words = [[], ...cases, ...(MORE[backend.name] ?? []).map((word) => [word])];
  return words.map((some): [string, Requirements] => [
    `${backend.name} ${some.join(" ")}`.trim(),
    backend.requires(parseBackendOptions(backend, some)),
  ]);
});
