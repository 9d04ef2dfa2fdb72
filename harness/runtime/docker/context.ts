// SPDX-License-Identifier: Apache-2.0
// Docker contexts: the docker program keeps named engines in ~/.docker, and dockerode does not read them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type { DockerOptions } from "dockerode";
import { LabError } from "../runtime.ts";

const DEFAULT_SOCKET = "/var/run/docker.sock";

/** What to give dockerode. Empty: DOCKER_HOST or the usual socket, which dockerode finds by itself. */
export function contextOptions(env: NodeJS.ProcessEnv): DockerOptions {
  const context = currentContext(env);
  if (context === null) return {};
  return endpointOptions(env, contextHost(env, context), tlsFiles(contextFiles(env, context)));
}

/** The same for an engine at this address: a Unix socket, ssh, or TCP with or without these certificates. */
export function endpointOptions(env: NodeJS.ProcessEnv, host: string, tls: Certificates): DockerOptions {
  if (host.startsWith("unix://")) return { socketPath: host.slice(7) };
  const url = new URL(host);
  if (url.protocol === "ssh:")
    return {
      protocol: "ssh",
      host: url.hostname,
      port: url.port || 22,
      username: url.username,
      ...(env.SSH_AUTH_SOCK ? { sshOptions: { agent: env.SSH_AUTH_SOCK } } : {}),
    };
  return { protocol: tls.ca ? "https" : "http", host: url.hostname, port: url.port || (tls.ca ? 2376 : 2375), ...tls };
}

/** The engine's address, for sentences. */
export function endpointName(env: NodeJS.ProcessEnv): string {
  const context = currentContext(env);
  return context === null ? env.DOCKER_HOST || `unix://${DEFAULT_SOCKET}` : contextHost(env, context);
}

/** null: none was chosen, or DOCKER_HOST beats it, as in the docker program. */
function currentContext(env: NodeJS.ProcessEnv): string | null {
  if (env.DOCKER_HOST) return null;
  const config = readJson(path.join(configDir(env), "config.json")) as { currentContext?: string } | null;
  const name = env.DOCKER_CONTEXT || config?.currentContext;
  return name && name !== "default" ? name : null;
}

function contextHost(env: NodeJS.ProcessEnv, context: string): string {
  const meta = readJson(path.join(configDir(env), "contexts", "meta", digest(context), "meta.json"));
  const host = (meta as { Endpoints?: { docker?: { Host?: string } } } | null)?.Endpoints?.docker?.Host;
  if (!host)
    throw new LabError(
      `There is no Docker context '${context}'. Run 'docker context ls' for a list, or set DOCKER_HOST.`,
    );
  return host;
}

type Certificates = Pick<DockerOptions, "ca" | "cert" | "key">;

/** Those in a folder, as far as they are there. */
export function tlsFiles(dir: string): Certificates {
  const files = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" };
  return Object.fromEntries(
    Object.entries(files).flatMap(([key, file]) => {
      const text = read(path.join(dir, file));
      return text === null ? [] : [[key, text]];
    }),
  );
}

const configDir = (env: NodeJS.ProcessEnv) => env.DOCKER_CONFIG || path.join(env.HOME || homedir(), ".docker");
const contextFiles = (env: NodeJS.ProcessEnv, context: string) =>
  path.join(configDir(env), "contexts", "tls", digest(context), "docker");
const digest = (context: string) => createHash("sha256").update(context).digest("hex");

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function readJson(file: string): unknown {
  const text = read(file);
  return text === null ? null : JSON.parse(text);
}
