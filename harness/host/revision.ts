// SPDX-License-Identifier: Apache-2.0
// Which revision of this program runs: of a checkout what git says, of a package what was written into it when it was packed.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runProgram } from "./program.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** With "-dirty" behind it where files of it were changed; null: nobody knows. */
export async function gitRevision(): Promise<string | null> {
  const packed = packedRevision();
  if (packed !== null) return packed;
  const firstLine = (argv: string[]) =>
    runProgram(argv, { cwd: root, check: false }).then(
      ({ stdout }) => stdout.split("\n")[0]?.trim() || null,
      () => null,
    );
  const [revision, dirty] = await Promise.all([
    firstLine(["git", "rev-parse", "HEAD"]),
    firstLine(["git", "status", "--porcelain", "--untracked-files=no"]),
  ]);
  return revision && dirty ? `${revision}-dirty` : revision;
}

/** Whatever repository a package was installed into is not ours. */
function packedRevision(): string | null {
  try {
    return readFileSync(new URL("../../REVISION", import.meta.url), "utf8").trim();
  } catch {
    return null;
  }
}
