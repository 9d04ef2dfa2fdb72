// SPDX-License-Identifier: Apache-2.0
// The Debian mirror that this machine's own apt uses, with its keys: another may not be reachable, or not wanted.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** Debian's suites that have kernels to choose from, oldest first. */
export const SUITES = ["bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports"] as const;
export type Suite = (typeof SUITES)[number];

/** Any suite of Debian's own archive, but those that lie elsewhere on a mirror. */
const DEBIAN_SUITE =
  /^(stretch|buster|bullseye|bookworm|trixie|forky|sid|(old)*stable|testing|unstable)(-(updates|backports))?$/;

/** Fields of a source in deb822 form; keys as there. */
export type Source = ReadonlyMap<string, string>;

/** The first source of Debian's archive in apt's configuration; null when there is none. */
export async function debianSource(etc = "/etc/apt"): Promise<Source | null> {
  const parts = path.join(etc, "sources.list.d");
  const names = [...(await readdir(parts).catch(() => []))]
    .sort((a, b) => a.localeCompare(b))
    .map((name) => path.join(parts, name));
  for (const file of [path.join(etc, "sources.list"), ...names]) {
    const text = await readFile(file, "utf8").catch(() => "");
    const sources = file.endsWith(".sources") ? deb822(text) : file.endsWith(".list") ? oneLine(text) : [];
    const found = sources.find(isDebian);
    if (found) return found;
  }
  return null;
}

/** The same mirror and keys, for other suites; a file in deb822 form. */
export function sourceFile(source: Source, suites: readonly Suite[]): string {
  const kept = [...source].filter(
    ([key]) => !["types", "suites", "components", "architectures", "enabled"].includes(key),
  );
  const fields = [...kept, ["types", "deb"], ["suites", suites.join(" ")], ["components", "main"]];
  return `${fields.map(([key, value]) => `${key}: ${value}`).join("\n")}\n`;
}

function isDebian(source: Source): boolean {
  const words = (key: string) => (source.get(key) ?? "").split(/\s+/);
  return (
    source.get("enabled") !== "no" &&
    words("types").includes("deb") &&
    words("suites").some((suite) => DEBIAN_SUITE.test(suite)) &&
    words("components").includes("main")
  );
}

/** Stanzas of "Key: value"; a line that begins with a blank goes on. */
export function deb822(text: string): Source[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .map((stanza) => {
      const fields = stanza.replace(/^\s*\n/, "").split(/\n(?!\s)/);
      return new Map(
        fields.flatMap((field) => {
          const at = field.indexOf(":");
          return at < 1 ? [] : [[field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()] as const];
        }),
      );
    });
}

/** "deb [signed-by=FILE] URI SUITE COMPONENT..", as deb822 has it. */
export function oneLine(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const [, options = "", rest = ""] = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?([^#]+)/.exec(line) ?? [];
    const [uri, suite, ...components] = rest.trim().split(/\s+/);
    if (!uri || !suite) return [];
    const pairs = options.split(/\s+/).flatMap((word) => {
      const at = word.indexOf("=");
      return at < 1 ? [] : [[word.slice(0, at).toLowerCase(), word.slice(at + 1).replaceAll(",", " ")] as const];
    });
    return [
      new Map([...pairs, ["types", "deb"], ["uris", uri], ["suites", suite], ["components", components.join(" ")]]),
    ];
  });
}
