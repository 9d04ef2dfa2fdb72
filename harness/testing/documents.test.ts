// SPDX-License-Identifier: Apache-2.0
// The papers: links lead somewhere, prose is wrapped, sources carry their licence.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { runProgram } from "../host/program.ts";
import { root } from "./machine.ts";

/** Files that git tracks, or would track, and that are here. */
const { stdout } = await runProgram(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
const files = stdout.split("\n").filter((file) => file !== "" && existsSync(path.join(root, file)));
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const pages = files.filter((file) => file.endsWith(".md"));

test("every link of a page leads to a file of this repository", (t) => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(path.join(root, path.dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  );
  t.deepEqual(broken, []);
});

/** Without what a program writes into the page. */
const written = (page: string) => read(page).replace(/<!-- (\w+) begin -->[\s\S]*<!-- \1 end -->/, "");

test("prose is wrapped at 100 columns; tables, code and long words are not", (t) => {
  const long = pages.flatMap((page) => {
    let code = false;
    return written(page)
      .split("\n")
      .flatMap((line, i) => {
        if (line.trimStart().startsWith("```")) code = !code;
        const wraps = !code && !/^(\||#|!\[|<| {4})/.test(line) && line.trim().split(/\s+/).length > 2;
        return wraps && line.length > 100 ? [`${page}:${i + 1}`] : [];
      });
  });
  t.deepEqual(long, []);
});

test("the README is for two minutes", (t) => {
  t.true(read("README.md").split("\n").length <= 120);
});

test("every source names its licence; programs for BPF are under the GPL", (t) => {
  const sources = files.filter((file) => /\.(ts|c|h|js|css|mk)$|(^|\/)(Makefile|setup|Dockerfile)$/.test(file));
  t.true(sources.length > 300);
  const licenceOf = (file: string) => /SPDX-License-Identifier: (.+?)(?: \*\/)?$/m.exec(read(file).slice(0, 1000))?.[1];
  for (const file of sources) {
    const licence = licenceOf(file) ?? "none";
    t.regex(licence, file.endsWith(".bpf.c") ? /^GPL-2\.0-only$/ : /Apache-2\.0/, file);
  }
  t.regex(read("LICENSE"), /Apache License\s+Version 2\.0/);
  t.regex(read("LICENSES/GPL-2.0-only.txt"), /GNU GENERAL PUBLIC LICENSE\s+Version 2/);
});

test("the glossary is sorted and has each term once", (t) => {
  const terms = [...read("GLOSSARY.md").matchAll(/^\| ([^|]+?) \|/gm)].map(([, term = ""]) => term).slice(1);
  const rows = terms.filter((term) => !/^-+$/.test(term));
  t.deepEqual(
    rows,
    [...new Set(rows)].sort((a, b) => a.localeCompare(b, "en", { sensitivity: "base" })),
  );
});
