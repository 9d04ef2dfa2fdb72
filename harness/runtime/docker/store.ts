// SPDX-License-Identifier: Apache-2.0
// The engine's store of images: looked into, pulled to, built into.
import path from "node:path";
import type Docker from "dockerode";
import { LabError } from "../runtime.ts";
import { type Engine, engineError } from "./engine.ts";

export type Note = (text: string) => void;

/** An image of the user's: in the engine, or to be pulled; and of the engine's architecture. */
export async function findOwn({ docker, architecture }: Engine, image: string, note: Note): Promise<string> {
  let found = await inspect(docker, image);
  if (!found) {
    note(`pulling image '${image}'`);
    await pull(docker, image).catch((cause: Error) => {
      throw new LabError(
        `There is no image '${image}' in the engine, and it cannot be pulled: ${cause.message.trim()}. Build it with 'docker build -t ${image} .', or see 'docker images'.`,
        { cause },
      );
    });
    found = await inspect(docker, image);
  }
  if (found && found.Architecture !== architecture)
    throw new LabError(
      `Image '${image}' is for ${found.Architecture}, this engine runs ${architecture}. Build it with '--platform linux/${architecture}'.`,
    );
  return image;
}

const PULL_MS = 300_000;

export async function pull(docker: Docker, image: string): Promise<void> {
  const name = /:[^/]*$|@/.test(image) ? image : `${image}:latest`;
  await finished(docker, await docker.pull(name, { abortSignal: AbortSignal.timeout(PULL_MS) }), () => {});
}

export async function inspect(docker: Docker, image: string): Promise<Docker.ImageInspectInfo | null> {
  try {
    return await docker.getImage(image).inspect();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return null;
    throw engineError(`look up image '${image}'`, error);
  }
}

/** From one engine to another, in one archive, which has the layers that images share once. */
export async function copy(from: Docker, to: Docker, names: readonly string[]): Promise<void> {
  // dockerode's types do not have it.
  const source = from as unknown as { getImages(of: object): Promise<NodeJS.ReadableStream> };
  try {
    await finished(to, await to.loadImage(await source.getImages({ names })), () => {});
  } catch (error) {
    throw engineError("copy images", error);
  }
}

export interface Build {
  /** Folder that the other paths are relative to. */
  root: string;
  tag: string;
  dockerfile: string;
  files: string[];
  buildargs: Record<string, string>;
}

export async function build(
  docker: Docker,
  { root, tag, dockerfile, files, buildargs }: Build,
  note: Note,
): Promise<string> {
  note(`building image '${tag}'`);
  try {
    const options = { t: tag, dockerfile, buildargs, rm: true, forcerm: true };
    const output = await docker.buildImage({ context: root, src: files }, options);
    await finished(docker, output, (line) => {
      if (line.startsWith("Step ")) note(`${path.basename(path.dirname(dockerfile))}: ${line.trim()}`);
    });
    return tag;
  } catch (error) {
    throw engineError(`build image '${tag}'`, error);
  }
}

/** Follows a stream of the engine's messages to its end. The engine reports a failure as a message, not as an error. */
async function finished(docker: Docker, output: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  const last: string[] = [];
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      output,
      (error, items: { error?: string }[] | null) => {
        const failed = error?.message ?? items?.find((item) => item.error)?.error;
        if (failed) reject(new Error([...last.slice(-5), failed].join("\n")));
        else resolve();
      },
      ({ stream }: { stream?: string }) => {
        if (!stream?.trim()) return;
        last.push(stream.trim());
        onLine(stream);
      },
    );
  });
}
