// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { casesOf, type Figure, factsOf, judge, type Reproduced } from "./figure.ts";
import { FIGURES } from "./figures.ts";
import { labWords, reproducedPage } from "./page.ts";

const figure: Figure = {
  name: "rain",
  what: "wet | dry days",
  source: "Almanac, 1850",
  unit: "%",
  paper: 9,
  simulate: () => ({ value: 3, interval: [2, 4] }),
  lab: {
    cases: [
      { backend: "ipvs", scenario: "scale_lb", options: { at: "3 6", targets: 4 }, set: ["port=true"], isGuest: true },
      { backend: "xdp", scenario: "papers/cheetah.json", options: { arrivals: 300 } },
    ],
    of: () => ({ value: 9, interval: [9, 9] }),
  },
};
const facts = {
  startedAt: "2026-11-30T21:00:00.000Z",
  gitRevision: "abc123-dirty",
  host: { kernel: "6.18", cpus: 2, cpuModel: "Xeon", memoryMiB: 24_000 },
  tools: { node: "v20.20.0" },
  commandLine: ["./load-balancer.ts", "reproduce", "all"],
};
const reproduced = (real: Reproduced["real"]): Reproduced => ({
  ...factsOf(figure),
  simulated: judge(figure, figure.simulate()),
  real,
});

test("a page has each figure, a sentence for what differs, its source, and what repeats it", (t) => {
  const page = reproducedPage([reproduced(judge(figure, { value: 9, interval: [9, 9] }))], [figure], facts);
  t.regex(page, /^\| rain \| wet \\\| dry days \| 9 % \| 3 \(2 to 4\) \| FAIL \| 9 \(exact\) \| PASS \|$/m);
  t.regex(page, /^- rain, .*, simulated: The published 9 % lie outside of 2 % to 4 %: by 5 %\.$/m);
  t.notRegex(page, /, real:/);
  t.regex(page, /^- rain: Almanac, 1850$/m);
  t.regex(page, /revision abc123-dirty, on 2 CPUs \(Xeon\), 24000 MiB, Linux 6\.18; node v20\.20\.0/);
  t.regex(page, /^ {4}git checkout abc123\n {4}\.\/setup\n {4}\.\/load-balancer\.ts reproduce all$/m);
  t.regex(
    page,
    /^ {4}\.\/load-balancer\.ts test ipvs --scenario scale_lb --at '3 6' --targets 4 --set port=true --runtime vm --time virtual$/m,
  );
  t.regex(page, /^ {4}\.\/load-balancer\.ts test xdp --scenario scenarios\/papers\/cheetah\.json --arrivals 300$/m);
});

test("of a simulation alone there is no case of the lab; what was skipped says why", (t) => {
  t.notRegex(reproducedPage([reproduced(null)], [figure], facts), /lab|vm/);
  t.regex(reproducedPage([reproduced({ skipped: "no guest" })], [figure], facts), /^- rain, .*, real: no guest$/m);
});

test("a figure without a lab says why, once for all that have none for that reason", (t) => {
  const none = reproduced({ none: "Nobody can make rain." });
  const page = reproducedPage([none, { ...none, name: "snow" }], [figure], facts);
  t.regex(page, /^\| snow .*\| FAIL \| none \| *\|$/m);
  t.regex(page, /^## Not in a lab\n\n- rain, snow: Nobody can make rain\.$/m);
  t.notRegex(page, /, real:|The cases of the lab/);
});

test("cases of the lab are words that the program takes", (t) => {
  for (const one of FIGURES.flatMap(casesOf))
    for (const word of labWords(one).filter((given) => given.startsWith("--"))) t.regex(word, /^--[a-z]+$/);
});
