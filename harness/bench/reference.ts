// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import type { Backend } from "../api/backend.ts";

/** A way without a balancer, that what balancers do is compared with: it promises nothing, so nothing is predicted of it. */
export function reference(name: string, summary: string, deploy: Backend["deploy"]): Backend {
  return {
    name,
    summary,
    options: z.object({}),
    requires: () => ({}),
    missing: async () => [],
    tracks: () => false,
    oracle: () => null,
    effectiveOptions: () => ({}),
    deploy,
  };
}
