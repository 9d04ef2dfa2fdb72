// SPDX-License-Identifier: Apache-2.0
// `make` runs this: the program as JavaScript in build/js, which starts three times as fast. launch.sh takes it while no source is newer.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = path.join(root, "build/js");
/** Programs that launch.sh starts. */
const ENTRIES = ["load-balancer.ts", "lb/nftables/nft-lb.ts"];
/** A run loads commands as it needs them, also those of a build before the newest. */
const KEPT_MS = 86_400_000;

/** All outputs lie in one folder, so each source's own place is told from there. */
const ownPlaces: Plugin = {
  name: "own-places",
  setup(compiler) {
    compiler.onLoad({ filter: /\.ts$/, namespace: "file" }, ({ path: file }) => {
      const url = JSON.stringify(path.posix.join("../..", path.relative(root, file)));
      const contents = readFileSync(file, "utf8").replaceAll(
        /\bimport\.meta\.url\b/g,
        `new URL(${url}, import.meta.url).href`,
      );
      return { contents, loader: "ts" };
    });
  },
};

const began = new Date();
const made = await build({
  entryPoints: ENTRIES.map((file) => path.join(root, file)),
  entryNames: "[name]",
  absWorkingDir: root,
  outdir: folder,
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  write: false,
  plugins: [ownPlaces],
});
mkdirSync(folder, { recursive: true });
const entryNames = ENTRIES.map((file) => `${path.basename(file, ".ts")}.js`);
const isEntry = (file: string) => entryNames.includes(path.basename(file));
for (const { path: file, contents } of made.outputFiles.sort(
  (a, b) => Number(isEntry(a.path)) - Number(isEntry(b.path)),
)) {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, contents);
  utimesSync(unfinished, began, began); // what is edited meanwhile is newer
  renameSync(unfinished, file);
}
for (const name of readdirSync(folder)) {
  const file = path.join(folder, name);
  if (statSync(file).mtimeMs < began.getTime() - KEPT_MS) rmSync(file, { force: true });
}
