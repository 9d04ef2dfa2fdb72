// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { fileOptions } from "../found/file.ts";
import { leave } from "../linux/conntrack.ts";
import { weights } from "../linux/options.ts";
import { idleTimeout, workers } from "./proxies.ts";

export const options = z.strictObject({
  scheduler: z
    .enum(["rr", "leastconn", "random", "hash"])
    .default("rr")
    .describe(
      "new TCP connections in turn, to who has the fewest, at random, or by client address and port (UDP: always)",
    ),
  weights,
  leave,
  workers,
  timeout: idleTimeout,
  ...fileOptions,
});
export type Options = z.infer<typeof options>;
