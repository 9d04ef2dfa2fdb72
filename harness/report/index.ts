// SPDX-License-Identifier: Apache-2.0
import { capture } from "./capture.ts";
import { ctrf } from "./ctrf.ts";
import { html } from "./html.ts";
import { junit } from "./junit.ts";
import { markdown } from "./markdown.ts";
import { png } from "./png.ts";
import type { Reporter } from "./reporter.ts";
import { terminal } from "./terminal.ts";

/** Every reporter by its name. None loads anything heavy before it writes. The text comes first, the pictures last. */
export const reporters: Readonly<Record<string, Reporter>> = Object.fromEntries(
  [terminal, markdown, junit, ctrf, html, capture, png].map((reporter) => [reporter.name, reporter]),
);
