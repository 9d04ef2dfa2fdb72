// SPDX-License-Identifier: Apache-2.0
// The same images on all nodes: made or pulled on the first, and copied to those that lack them.
import type { Role } from "../../topology/topology.ts";
import type { Engine } from "../docker/engine.ts";
import { ensureImages } from "../docker/images.ts";
import { copy, findOwn, inspect, type Note } from "../docker/store.ts";
import { type Images, LabError } from "../runtime.ts";
import type { Node } from "./nodes.ts";

/** By role, and the fabric's. Throws LabError when one cannot be had, or is another on another node. */
export async function shareImages(
  [first, ...others]: readonly Node[],
  own: Images,
  note: Note,
): Promise<Record<Role | "fabric", string>> {
  if (!first) throw new LabError("The swarm has no nodes.");
  const images = await ensureImages(first.engine, own, note);
  const names = [...new Set(Object.values(images))];
  const ids = new Map(await Promise.all(names.map(async (name) => [name, await idOf(first.engine, name)] as const)));
  const owned = new Set(Object.values(own));
  for (const node of others) {
    // What a registry has comes from there, to each node by itself.
    for (const name of names)
      if (owned.has(name) && !(await idOf(node.engine, name))) await findOwn(node.engine, name, note).catch(() => {});
    const there = await Promise.all(names.map((name) => idOf(node.engine, name)));
    const lacking = names.filter((name, i) => there[i] !== ids.get(name));
    const other = lacking.find((name) => owned.has(name) && there[names.indexOf(name)] !== null);
    if (other !== undefined)
      throw new LabError(
        `Image '${other}' on node '${node.name}' is not that on node '${first.name}'. Pull it on both, or name it by its digest.`,
      );
    if (lacking.length === 0) continue;
    note(`copying ${lacking.length} images from node '${first.name}' to '${node.name}'`);
    await copy(first.engine.docker, node.engine.docker, lacking);
  }
  return images;
}

const idOf = async ({ docker }: Engine, name: string) => (await inspect(docker, name))?.Id ?? null;
