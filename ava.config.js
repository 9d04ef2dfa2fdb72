// SPDX-License-Identifier: Apache-2.0
/** The longest files first, so that none of them is left over at the end, alone on a core. */
const FIRST = [".docker.", ".vm.", "scenarios/", "load-balancer.lab.", ".lab.", ".browser."];
const rank = (file) => {
  const at = FIRST.findIndex((word) => file.includes(word));
  return at < 0 ? FIRST.length : at;
};

export default {
  extensions: { ts: "module" },
  nodeArguments: ["--import=tsx"],
  workerThreads: false,
  // On two cores: labs wait for their traffic half of the time.
  concurrency: 3,
  timeout: "4m",
  files: [
    "harness/**/*.test.ts",
    "lb/**/*.test.ts",
    "scenarios/**/*.test.ts",
    "images/**/*.test.ts",
    "load-balancer.test.ts",
    "load-balancer.lab.test.ts",
  ],
  sortTestFiles: (a, b) => rank(a) - rank(b) || a.localeCompare(b),
};
