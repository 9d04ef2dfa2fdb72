// SPDX-License-Identifier: Apache-2.0

import test from "ava";
import { UsageError } from "../../harness/api/index.ts";
import { lbOptions } from "./lb-options.ts";

test("nfqlb's words are read in every form that getopt_long_only takes", (t) => {
  const maglev = { ports: "true", scheduler: "maglev" };
  for (const text of ["-p -m maglev", "-p --mode=maglev", "--p -mode maglev", "  --mode  maglev -p ", "-p --mo=maglev"])
    t.deepEqual(lbOptions(text), maglev, text);
  t.deepEqual(lbOptions("-m=modulo"), { ports: "false", scheduler: "modulo" });
  t.deepEqual(lbOptions("--queue=0:3 --qlength 512 --ft_ttl=200 --M 997 --N=32"), {
    ports: "false",
    queues: "4",
    qlength: "512",
    fragmentTtl: "200",
    M: "997",
    N: "32",
  });
  t.deepEqual(lbOptions(""), { ports: "false" });
});

for (const [text, message] of [
  ["-t 5", /'-t' is not understood\. Known are --ft_ttl, --mode, --qlength, --queue, -M, -N, -m, -p\./],
  ["-p maglev", /'maglev' is no option/],
  ["--mode", /'--mode' needs a value/],
  ["--mode=", /needs a value/],
  ["-q 2", /'q' may be 'queue' or 'qlength'/],
  ["-p=yes", /'-p=yes' takes no value/],
  ["--queue two", /'--queue two' is neither a number nor a range/],
  ["--", /'--' is no option/],
] as const)
  test(`xcluster_LB_OPTIONS="${text}" is refused with the word that is wrong`, (t) => {
    t.throws(() => lbOptions(text), { instanceOf: UsageError, message });
  });
