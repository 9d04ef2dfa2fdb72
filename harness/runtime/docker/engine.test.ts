// SPDX-License-Identifier: Apache-2.0
// What can be wrong with an engine, without one: each is a sentence with its remedy.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { isSkipped } from "../../testing/skip.ts";
import { LabError } from "../runtime.ts";
import { contextOptions, endpointName } from "./context.ts";
import { connectEngine, type Engine, engineError } from "./engine.ts";
import { findOwn } from "./store.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-engine-"));
chmodSync(scratch, 0o777);
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** dockerode reads DOCKER_HOST of the process itself, so these tests take turns. */
async function connectTo(socket: string): Promise<Engine> {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${socket}`;
  try {
    return await connectEngine();
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  }
}

async function fakeEngine(t: ExecutionContext, answer: http.RequestListener): Promise<string> {
  const socket = path.join(scratch, `${process.hrtime.bigint()}.sock`);
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

test.serial("no engine: how to install and start one", async (t) => {
  await t.throwsAsync(connectTo("/nowhere/docker.sock"), {
    instanceOf: LabError,
    message: /No Docker engine answers at 'unix:\/\/\/nowhere\/docker.sock'.*apt-get install docker.io/,
  });
});

test.serial("an engine that is too old is told by its version", async (t) => {
  const socket = await fakeEngine(t, (_, response) =>
    response.end(JSON.stringify({ ApiVersion: "1.24", Arch: "amd64" })),
  );
  await t.throwsAsync(connectTo(socket), { message: /too old: its API is 1.24, 1.30 is needed/ });
});

test.serial("Podman is told from Docker", async (t) => {
  const version = { ApiVersion: "1.41", Arch: "amd64", Components: [{ Name: "Podman Engine" }] };
  const socket = await fakeEngine(t, (_, response) => response.end(JSON.stringify(version)));
  await t.throwsAsync(connectTo(socket), { message: /is Podman, which is not supported. Use Docker/ });
});

test.serial("an engine that says nothing is not waited for", async (t) => {
  const socket = await fakeEngine(t, () => {});
  await t.throwsAsync(connectTo(socket), { message: /does not answer within 5 s/ });
});

test.serial("an engine that may not be used: which group to join", async (t) => {
  if (isSkipped(t, process.geteuid?.() === 0 ? [] : ["Acting as another user needs root."])) return;
  const socket = await fakeEngine(t, (_, response) => response.end("{}"));
  chmodSync(socket, 0o600);
  process.seteuid?.(65534);
  try {
    await t.throwsAsync(connectTo(socket), { message: /Join the group docker with 'sudo usermod -aG docker/ });
  } finally {
    process.seteuid?.(0);
  }
});

test("a full disk, a taken name and an engine that has gone have their remedies", (t) => {
  const message = (error: object) => engineError("start it", Object.assign(new Error("no"), error)).message;
  t.regex(
    message({ json: { message: "write /x: no space left on device" } }),
    /disk is full. Try 'docker system prune'/,
  );
  t.regex(message({ statusCode: 409, json: { message: 'The container name "/a" is in use' } }), /the name is in use/);
  for (const gone of [{ code: "ECONNREFUSED" }, { code: "ENOENT", syscall: "connect" }])
    t.regex(message(gone), /engine has gone/);
  t.is(message({ code: "ENOENT", syscall: "open" }), "Cannot start it: no.");
  t.is(message({ json: { message: "of another kind." } }), "Cannot start it: of another kind.");
});

test("an image of another architecture is refused with the word that builds the right one", async (t) => {
  const docker = { getImage: () => ({ inspect: async () => ({ Architecture: "arm64" }) }) };
  const engine = { docker, architecture: "amd64", local: true, endpoint: "" } as unknown as Engine;
  await t.throwsAsync(
    findOwn(engine, "my/lb", () => {}),
    { message: /'my\/lb' is for arm64, this engine runs amd64. Build it with '--platform linux\/amd64'/ },
  );
});

test("a Docker context names the engine, with its certificates; DOCKER_HOST beats it", (t) => {
  const env = { DOCKER_CONFIG: path.join(scratch, "config") };
  // The docker program names folders by the context's SHA-256.
  const digest = "512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";
  t.is(endpointName(env), "unix:///var/run/docker.sock");
  t.deepEqual(contextOptions(env), {});
  mkdirSync(env.DOCKER_CONFIG, { recursive: true });
  writeFileSync(path.join(env.DOCKER_CONFIG, "config.json"), JSON.stringify({ currentContext: "far" }));
  t.throws(() => endpointName(env), { message: /no Docker context 'far'/ });
  const folder = (...parts: string[]) => {
    const dir = path.join(env.DOCKER_CONFIG, "contexts", ...parts);
    mkdirSync(dir, { recursive: true });
    return dir;
  };
  const write = (Host: string) =>
    writeFileSync(path.join(folder("meta", digest), "meta.json"), JSON.stringify({ Endpoints: { docker: { Host } } }));
  write("unix:///run/far.sock");
  t.deepEqual(contextOptions(env), { socketPath: "/run/far.sock" });
  write("ssh://me@far:2200");
  t.like(contextOptions(env), { protocol: "ssh", host: "far", port: "2200", username: "me" });
  write("tcp://far:2376");
  for (const file of ["ca", "cert", "key"])
    writeFileSync(path.join(folder("tls", digest, "docker"), `${file}.pem`), file);
  t.like(contextOptions(env), { protocol: "https", host: "far", port: "2376", ca: "ca", cert: "cert", key: "key" });
  t.is(endpointName({ ...env, DOCKER_HOST: "tcp://near:2375" }), "tcp://near:2375");
  t.deepEqual(contextOptions({ ...env, DOCKER_HOST: "tcp://near:2375" }), {});
});
