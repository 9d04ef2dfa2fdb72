// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { said } from "../../harness/api/index.ts";

/** What a program says of a file with this text, which is gone afterwards. */
export async function checkText(
  text: string,
  argvFor: (file: string) => readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-check-"));
  try {
    const file = path.join(dir, "file");
    writeFileSync(file, text);
    return await said(argvFor(file), env);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
