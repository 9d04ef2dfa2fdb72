// SPDX-License-Identifier: Apache-2.0

import Docker, { type DockerOptions } from "dockerode";
import { within } from "../../util/deadline.ts";
import { PROGRAM, SETUP } from "../../util/typed.ts";
import { LabError } from "../runtime.ts";
import { contextOptions, endpointName } from "./context.ts";

/** The first API that can wait for a container to be removed. */
const OLDEST_API = [1, 30];
const ANSWER_MS = 5000;

export interface Engine {
  docker: Docker;
  /** What the engine's own images are built for, as in `amd64`. */
  architecture: string;
  /** Whether it sees our file system, as one behind a Unix socket does. */
  local: boolean;
  /** Where it was found: "unix:///var/run/docker.sock". */
  endpoint: string;
}

/** The engine that DOCKER_HOST, the Docker context or the usual socket names. Throws LabError with the remedy. */
export async function connectEngine(env: NodeJS.ProcessEnv = process.env): Promise<Engine> {
  return connectAt(endpointName(env), contextOptions(env));
}

/** The engine at this address, which dockerode finds by these options. Throws LabError with the remedy. */
export async function connectAt(endpoint: string, options: DockerOptions): Promise<Engine> {
  try {
    const docker = new Docker(options);
    const version = await within(docker.version(), ANSWER_MS, () => silent(endpoint));
    if (isOlder(version.ApiVersion))
      throw new LabError(
        `The Docker engine at '${endpoint}' is too old: its API is ${version.ApiVersion}, ${OLDEST_API.join(".")} is needed. Update it, for instance with 'apt-get install docker.io'.`,
      );
    // Tried with Podman 4.3: it builds the images, but containers are gone right after their start.
    if (JSON.stringify(version).includes("Podman"))
      throw new LabError(
        `The engine at '${endpoint}' is Podman, which is not supported. Use Docker: 'apt-get install docker.io', or name its engine in DOCKER_HOST.`,
      );
    return { docker, architecture: version.Arch, local: endpoint.startsWith("unix:"), endpoint };
  } catch (error) {
    throw error instanceof LabError ? error : unreachable(endpoint, error as NodeJS.ErrnoException);
  }
}

function isOlder(api: string): boolean {
  const [major = 0, minor = 0] = api.split(".").map(Number);
  const [oldMajor = 0, oldMinor = 0] = OLDEST_API;
  return major < oldMajor || (major === oldMajor && minor < oldMinor);
}

function unreachable(endpoint: string, cause: NodeJS.ErrnoException): LabError {
  const start = `Install one with '${SETUP} --docker' or 'apt-get install docker.io', start it with 'systemctl start docker' or 'dockerd'`;
  const sentence =
    cause.code === "EACCES" || cause.code === "EPERM"
      ? `You may not use the Docker engine at '${endpoint}'. Join the group docker with 'sudo usermod -aG docker $USER' and log in again, or run as root.`
      : cause.code === "ENOENT" || cause.code === "ECONNREFUSED"
        ? `No Docker engine answers at '${endpoint}'. ${start}, or name another in DOCKER_HOST.`
        : `Cannot use the Docker engine at '${endpoint}': ${cause.message}. Check DOCKER_HOST and DOCKER_CERT_PATH.`;
  return new LabError(sentence, { cause });
}

function silent(endpoint: string): LabError {
  const seconds = ANSWER_MS / 1000;
  return new LabError(
    `The Docker engine at '${endpoint}' does not answer within ${seconds} s. Restart it, or name another in DOCKER_HOST.`,
  );
}

/** What the engine said, as one sentence with a remedy where there is one. */
export function engineError(what: string, error: unknown): LabError {
  if (error instanceof LabError) return error;
  const cause = error as NodeJS.ErrnoException & { statusCode?: number; json?: { message?: string } };
  const said = (cause.json?.message ?? cause.message).trim().replace(/\.$/, "");
  if (/no space left on device/i.test(said))
    return new LabError(`Cannot ${what}: the engine's disk is full. Try 'docker system prune', or a larger disk.`, {
      cause,
    });
  // A file of ours that is not there is no engine that has gone.
  if (
    /ECONNREFUSED|ECONNRESET|EPIPE/.test(cause.code ?? "") ||
    (cause.code === "ENOENT" && cause.syscall === "connect")
  )
    return new LabError(`Cannot ${what}: the Docker engine has gone. Start it again, then '${PROGRAM} clean'.`, {
      cause,
    });
  if (cause.statusCode === 409 && /name/.test(said))
    return new LabError(`Cannot ${what}: the name is in use by another container. Run '${PROGRAM} clean'. (${said})`, {
      cause,
    });
  return new LabError(`Cannot ${what}: ${said}.`, { cause });
}
