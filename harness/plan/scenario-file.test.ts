// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { ScenarioOptions } from "../api/scenario.ts";
import { EVENTS } from "../events/index.ts";
import { UsageError } from "../util/errors.ts";
import { parseOptions } from "./invalid.ts";
import { parseJsonc } from "./jsonc.ts";
import { runOptions } from "./options.ts";
import { withContent, withFileDefaults } from "./scenario-file.ts";

const GOOD = `// by hand
{
  "name": "mine", "summary": "s", /* a comment, "quoted" */
  "topology": { "targets": 4 },
  "load": { "arrivals": 300, "warmUp": "1s" },
  "duration": "9s",
  "events": [
    { "at": 4, "event": "scale_in", "targets": [1, "vm-002"] },
    { "at": "6s", "event": "weights", "weights": { "vm-003": 5 }, },
    { "at": 7, "event": "router_out", "routers": ["vm-202"], "every": 0.5, "times": 2 },
  ],
}
`;

const options: ScenarioOptions = {
  targets: 4,
  routers: 2,
  scale: [1],
  durationS: null,
  atS: null,
  changesPerMinute: null,
  silenceS: null,
  icmp: "pass",
  sameTuple: false,
  affinityS: null,
};
const none = { backends: [], scenarios: [], runtimes: [] };
const read = (text: string) => withContent(none, parseJsonc(text, "mine.json"), "mine.json").scenario;

test("a file with comments is a scenario, and its load is what nobody gave", (t) => {
  const scenario = read(GOOD);
  t.deepEqual(scenario.plan(options), {
    mode: "stream",
    durationS: 9,
    out: [],
    steps: [
      { atS: 4, event: EVENTS.scale_in, members: [1, 2] },
      { atS: 6, event: EVENTS.weights, members: [3], weights: [1, 1, 5, 1] },
      { atS: 7, event: EVENTS.router_out, members: [2] },
      { atS: 7.5, event: EVENTS.router_out, members: [2] },
    ],
  });
  const all = parseOptions(runOptions, { targets: 7 });
  const used = withFileDefaults(all, scenario, new Map([["targets", "the command line"]]));
  t.deepEqual([used.targets, used.arrivals, used.warmUp], [7, "300", 1]);
});

const bad: [change: [from: string | RegExp, to: string], message: RegExp][] = [
  [['"at": "6s"', '"at": 3'], /line 9: 3 s is in the past: the event before is at 4 s/],
  [['"at": 4', '"at": 0'], /line 8: an event must come after the traffic began/],
  [['"at": "6s"', '"at": "soon"'], /line 9: 'at': expected a time/],
  [['"duration": "9s"', '"duration": 7'], /line 10: the event at 7.5 s comes after the traffic, which lasts 7 s/],
  [['1, "vm-002"', "1, 2, 3, 4"], /line 8: after this event at 4 s no target is in use/],
  [
    ['"scale_in"', '"drift"'],
    /line 10: at 7 s the routers know different targets: what becomes of .* is not predicted/,
  ],
  [['1, "vm-002"', '1, "vm-007"'], /line 8: there is no target 'vm-007': there are 4/],
  [['"vm-003": 5', '"vm-009": 5'], /line 9: there is no target 'vm-009'/],
  [['"vm-003": 5', '"vm-003": 0'], /line 9: 'vm-003': /],
  [[', "weights": { "vm-003": 5 }', ', "targets": [1]'], /line 9: an event 'weights' says 'weights'/],
  [['"routers": ["vm-202"]', '"targets": [1]'], /line 10: 'router_out' is about routers/],
  [['"every": 0.5, ', ""], /line 10: 'times' needs 'every'/],
  [['"times": 2', '"times": 2, "tims": 3'], /line 10: there is no key 'tims' here. Did you mean 'times'\?/],
  [['"scale_in"', '"scale_inn"'], /line 8: 'event': there is no 'scale_inn'. Did you mean 'scale_in'\?/],
  [['"summary": "s", ', ""], /line 2: 'summary': it is missing/],
  [['"warmUp"', '"warmup"'], /line 5: there is no option 'warmup'. Did you mean 'warmUp'\?/],
  [['"targets": 4', '"targets": 0'], /line 4: Invalid value '0' for 'targets'/],
  [['"duration"', "duration"], /line 6: expected a key in quotes/],
  [["// by hand", "// by hand\n{}"], /line 3: expected nothing more/],
  [['"name": "mine"', '"name": "mine", "name": "again"'], /line 3: expected each key once: 'name' is there twice/],
  [["[\n", "[ } \n"], /line 7: expected a value/],
];
for (const [[from, to], message] of bad)
  test(`in a scenario '${to.trim()}' for '${from}' is a sentence with its line`, (t) => {
    t.true(GOOD.includes(String(from)));
    t.throws(() => read(GOOD.replace(from, to)).plan(options), { instanceOf: UsageError, message });
  });
