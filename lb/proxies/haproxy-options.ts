// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import type { Program } from "../../harness/api/index.ts";
import { fileOptions } from "../found/file.ts";
import { leave } from "../linux/conntrack.ts";
import { weights } from "../linux/options.ts";
import { checkOptions } from "./haproxy-checks.ts";
import { idleTimeout, workers } from "./proxies.ts";

export const PROGRAM: Program = { name: "haproxy", from: { packages: "haproxy", version: ["-v"] } };

export const options = z.strictObject({
  scheduler: z
    .enum(["rr", "leastconn", "random"])
    .default("rr")
    .describe("new connections in turn, to who has the fewest, or at random (of two, who has fewer)"),
  weights,
  leave,
  workers,
  timeout: idleTimeout,
  ...checkOptions,
  ...fileOptions,
});
export type Options = z.infer<typeof options>;
