// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from "../../record/schema.ts";
import { escapeText } from "./markup.ts";

export interface Tab {
  title: string;
  verdict: Verdict;
  body: string;
}

/** Without scripts all panels stand one below the other; the page's script shows one at a time, and its graphs are drawn when it is first shown. */
export function tabsMarkup(heading: string, tabs: readonly Tab[]): string {
  const list = tabs.map(
    ({ title, verdict }, i) =>
      `<button type="button" role="tab" id="tab${i}" aria-controls="panel${i}" aria-selected="${i === 0}" tabindex="${i === 0 ? 0 : -1}"><span class="dot ${verdict}"></span>${escapeText(title)}</button>`,
  );
  const panels = tabs.map(
    ({ body }, i) =>
      `<div role="tabpanel" id="panel${i}" aria-labelledby="tab${i}">\n${body.replace(/<(section) id="(?!run)/g, `<$1 id="panel${i}-`)}\n</div>`,
  );
  return `<section id="runs"><h2>${escapeText(heading)}</h2>
<div role="tablist" aria-label="${escapeText(heading)}">
${list.join("\n")}
</div>
${panels.join("\n")}
</section>`;
}
