// SPDX-License-Identifier: Apache-2.0
// npm run schemas: results/schema/ as the code has it.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { makeDirs } from "../util/make-dirs.ts";
import { jsonSchemas } from "./json-schemas.ts";

const dir = path.join(import.meta.dirname, "..", "..", "results", "schema");
makeDirs(dir);
for (const [name, content] of jsonSchemas()) writeFileSync(path.join(dir, name), content);
