// SPDX-License-Identifier: Apache-2.0
// One set at a time writes its manifest and reports into a folder: two would overwrite each other's.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isDead, ownerText } from "../host/owner.ts";
import { LabError } from "../runtime/runtime.ts";
import { systemReason } from "../util/errors.ts";
import { makeDirs } from "../util/make-dirs.ts";

const NAME = ".set.lock";

/** Until it is disposed. What a killed process left is taken over. Throws LabError when another set is being written there. */
export function lockSet(dir: string): Disposable {
  const file = path.join(dir, NAME);
  for (let tries = 0; ; tries++) {
    try {
      makeDirs(dir);
      writeFileSync(file, ownerText(), { flag: "wx" });
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new LabError(`Cannot write results to '${dir}': ${systemReason(error)}. Try another --out.`, {
          cause: error,
        });
    }
    if (tries > 0 || !isDead(readFileSync(file, "utf8")))
      throw new LabError(
        `Another command is writing its set of runs to '${dir}'. Try another --out, or remove '${file}' if there is none.`,
      );
    rmSync(file, { force: true });
  }
}
