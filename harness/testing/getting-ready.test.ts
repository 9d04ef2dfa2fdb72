// SPDX-License-Identifier: Apache-2.0
// What a machine that lacks something is told, and what is done about it, before there is a lab: a package's first use, ./setup, the build.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, root } from "./machine.ts";

const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-ready-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));

/** A folder with these of the system's programs, and scripts in the place of others. */
function pathWith(name: string, real: readonly string[], scripts: Readonly<Record<string, string>> = {}): string {
  const bin = path.join(dir, name);
  mkdirSync(bin);
  for (const tool of real) symlinkSync(path.join("/usr/bin", tool), path.join(bin, tool));
  for (const [tool, script] of Object.entries(scripts)) {
    writeFileSync(path.join(bin, tool), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, tool), 0o755);
  }
  return bin;
}

test("a package that finds no make says so, and what to install", async (t) => {
  const place = path.join(dir, "package");
  mkdirSync(path.join(place, "harness/cli"), { recursive: true });
  mkdirSync(path.join(place, "node_modules/tsx"), { recursive: true });
  writeFileSync(path.join(place, "REVISION"), "0\n");
  const launcher = path.join(place, "harness/cli/launch.sh");
  copyFileSync(path.join(root, "harness/cli/launch.sh"), launcher);
  const bin = pathWith("no-make", ["dirname", "readlink", "tail"]);
  const { status, stderr } = await outcomeOf(["env", "-i", `PATH=${bin}`, "/bin/sh", launcher, "load-balancer.ts"]);
  t.is(status, 3);
  t.regex(
    stderr,
    /^Cannot build the C programs: there is no 'make'\. Run '.*\/setup', or as root: apt-get install make /m,
  );
});

test("setup of a package gets the canvas module into the folder that the package is in, and builds", async (t) => {
  const modules = path.join(dir, "installed/node_modules");
  const place = path.join(modules, "load-balancer");
  mkdirSync(path.join(modules, "tsx"), { recursive: true });
  mkdirSync(place);
  writeFileSync(path.join(modules, "tsx/package.json"), '{ "name": "tsx" }');
  copyFileSync(path.join(root, "setup"), path.join(place, "setup"));
  const log = path.join(dir, "told");
  const told = (what: string) => `echo "${what} $*" >>${log}`;
  const bin = pathWith("setup", ["dirname", "readlink", "sed"], { npm: told("npm"), make: told("make") });
  const words = ["env", "-i", `PATH=${bin}:${path.dirname(process.execPath)}`, "/bin/sh", path.join(place, "setup")];
  const { status, stdout, stderr } = await outcomeOf(words);
  t.is(status, 0, stderr);
  const asked = readFileSync(log, "utf8").split("\n");
  t.true(asked[0]?.startsWith("npm install --no-save --omit=dev --prefix "), asked[0]);
  t.true(asked[0]?.includes(`--prefix ${path.join(dir, "installed")} `), asked[0]);
  t.regex(asked[0] ?? "", / chartjs-node-canvas@\d+$/);
  t.regex(asked[1] ?? "", /^make /);
  t.regex(stdout, /so runs draw no pictures/);
});

test("search trees that a static libelf lacks are brought along, and leave those that it has alone", async (t) => {
  const source = path.join(dir, "tree.c");
  writeFileSync(
    source,
    `#include <stdio.h>
struct search_tree { void *root; };
void eu_search_tree_init(struct search_tree *tree);
void *eu_tsearch(const void *key, struct search_tree *tree, int (*compare)(const void *, const void *));
#ifdef WHOLE
void eu_search_tree_init(struct search_tree *tree) { tree->root = 0; puts("its own"); }
#endif
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
	struct search_tree tree;
	int one = 1, same = 1;
	eu_search_tree_init(&tree);
	void *first = eu_tsearch(&one, &tree, compare);
	return !first || eu_tsearch(&same, &tree, compare) != first;
}
`,
  );
  const built = path.join(dir, "tree");
  for (const [whole, said] of [
    [[], ""],
    [["-DWHOLE"], "its own\n"],
  ] as const) {
    const trees = path.join(root, "lb/xdp/libelf_search.c");
    const { status, stderr } = await outcomeOf(["cc", "-D_GNU_SOURCE", ...whole, "-o", built, source, trees]);
    t.is(status, 0, stderr);
    t.deepEqual(await outcomeOf([built]), { status: 0, stdout: said, stderr: "" });
  }
});

test("GitLab's jobs run in an image of which setup says that its Node.js is new enough", (t) => {
  const [, release] = /image: debian:(\d+)/.exec(readFileSync(path.join(root, ".ci/gitlab-example.yml"), "utf8")) ?? [];
  const [, first] = /\(Debian (\d+) and /.exec(readFileSync(path.join(root, "setup"), "utf8")) ?? [];
  t.truthy(release);
  t.truthy(first);
  t.true(Number(release) >= Number(first), `debian:${release}, and new enough since Debian ${first}`);
});
