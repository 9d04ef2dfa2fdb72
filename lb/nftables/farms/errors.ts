// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";

/** Something that a file or a request asks for cannot be had; `status` is that of HTTP. */
export class FarmError extends Error {
  readonly status: 400 | 404;

  constructor(message: string, status: 400 | 404 = 400) {
    super(message);
    this.status = status;
  }
}

/** "farms.0.mode: Invalid option". */
export function sentenceOf(error: z.ZodError): string {
  const [issue] = error.issues;
  const extra = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  return `${[...(issue?.path ?? []), ...extra].map(String).join(".")}: ${issue?.message ?? "is wrong"}`;
}
