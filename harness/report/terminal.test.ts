// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { connectRun, erroredRun, failedRun, hostileRun, scaleRun } from "./fixture.ts";
import { renderTerminal } from "./terminal.ts";

const RUNS = {
  scale: scaleRun(),
  large: scaleRun({ targets: 250, leaving: 25, connections: 1_000_000 }),
  long: scaleRun({ durationS: 3600, samplesPerS: 1 }),
  connect: connectRun(),
  failed: failedRun(),
  dataless: erroredRun(),
};

for (const [name, data] of Object.entries(RUNS)) {
  test(`a ${name} run fits into 80 columns and has no escape sequences without colour`, (t) => {
    const text = renderTerminal(data, { color: false, columns: 80 });
    t.deepEqual(
      text.split("\n").filter((line) => line.length > 80),
      [],
    );
    t.false(text.includes("\u001b"));
  });
}

test("colour changes nothing but the colour", (t) => {
  const colored = renderTerminal(failedRun(), { color: true, columns: 80 });
  t.true(colored.includes("\u001b[1;31mFAIL\u001b[0m"));
  t.is(stripped(colored), renderTerminal(failedRun(), { color: false, columns: 80 }));
});

test("the table has alive, lost, ideal, predicted and the interval of each event", (t) => {
  const text = renderTerminal(scaleRun(), { color: false, columns: 80 });
  t.regex(text, /^Event +Alive +Lost +Ideal +Predicted +95 % interval$/m);
  t.regex(text, /^vm-001 vm-002 leave +10,000 +2,213 +22\.1 % +2,000 +2,213 +21\.3 to 22\.9 %$/m);
});

test("the graph marks the events under their second and shows even a small loss", (t) => {
  const lines = renderTerminal(failedRun(), { color: false, columns: 80 }).split("\n");
  const bottom = lines.find((line) => /^ +0 │/.test(line)) ?? "";
  const mark = lines.find((line) => line.endsWith("▲ vm-001 vm-002 leave")) ?? "";
  t.is(mark.indexOf("▲"), bottom.indexOf("█"));
  t.is(bottom.match(/▁+/g)?.length, 2);
});

test("no graph is drawn where nothing was lost", (t) => {
  t.false(renderTerminal(connectRun(), { color: false, columns: 80 }).includes("│"));
});

test("text of a run cannot steer the terminal", (t) => {
  const data = hostileRun();
  const text = renderTerminal(
    { ...data, summary: { ...data.summary, reasons: ["\u001b]0;owned\u0007"] } },
    { color: false, columns: 80 },
  );
  t.notRegex(text, /[^\P{Cc}\n]/u);
});

function stripped(text: string): string {
  return text.replaceAll("\u001b", "").replace(/\[[\d;]+m/g, "");
}
