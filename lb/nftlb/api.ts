// SPDX-License-Identifier: Apache-2.0
// nftlb's REST service on a router, over the machine's own loopback.
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, LabError } from "../../harness/api/index.ts";

export const API_PORT = 5555;
/** Of nobody's concern: the service listens on the loopback of a machine of the lab. */
export const API_KEY = "lab";

/** Throws LabError with nftlb's answer, unless that is "200 OK". */
export async function request(host: Host, method: "GET" | "PUT" | "POST", body?: unknown): Promise<string> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const head = [
    `${method} /farms HTTP/1.1`,
    "Host: localhost",
    `Key: ${API_KEY}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  const { stdout } = await host.exec(["@tcp", `${API_PORT}`], { input: `${head.join("\r\n")}\r\n\r\n${text}` });
  const [status = "", ...rest] = stdout.split("\r\n");
  if (!/^HTTP\/1\.\d 200\b/.test(status) || /"response"\s*:\s*"error/.test(stdout))
    throw new LabError(`nftlb on ${host.name} answered '${status}' to ${method}: ${rest.at(-1)?.trim() ?? ""}`);
  return rest.at(-1) ?? "";
}

/** Resolves once the service listens: it has loaded its file then. */
export async function listens(host: Host): Promise<void> {
  for (;;) {
    const { code } = await host.exec(["@tcp", `${API_PORT}`], { input: "GET / HTTP/1.1\r\n\r\n", check: false });
    if (code === 0) return;
    await sleep(20);
  }
}
