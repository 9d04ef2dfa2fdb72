// SPDX-License-Identifier: Apache-2.0
// Others on the same machine: requests of noise, labels that look like ours, a second run into the same folder.
import net from "node:net";
import { launchProgram } from "../../host/program.ts";
import { client } from "../containers.ts";
import { hostileBytes, randomNumbers } from "../hostile.ts";
import { program } from "../machine.ts";
import { BOTH, during, type Fault } from "./fault.ts";

export const hostileFaults: readonly Fault[] = [
  {
    kind: "hostile",
    fault: "2,000 requests of noise to the page of --live, and GET //",
    wanted: "pass, exit code 0",
    on: BOTH,
    got: during({ more: ["--live", "0"] }, async (run) => {
      const port = Number(run.said().match(/127\.0\.0\.1:(\d+)/)?.[1]);
      const random = randomNumbers(15);
      const good = [Buffer.from("GET // HTTP/1.1\r\nHost: localhost\r\n\r\n")];
      for (let n = 0; n < 100; n++)
        await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            sendTo(port, i === 0 ? (good[0] ?? Buffer.alloc(0)) : hostileBytes(good, random)),
          ),
        );
    }),
  },
  {
    kind: "hostile",
    fault: "a container of others with our labels, malformed",
    wanted: "pass, exit code 0",
    on: ["docker"],
    async got(where) {
      const [image] = await client().listImages();
      if (!image) return "not run: the engine has no image. Run a case on docker first.";
      const Labels = { "load-balancer.run": "x", "load-balancer.owner": "{" };
      const other = await client().createContainer({ Image: image.Id, Cmd: ["true"], Labels });
      try {
        return await during({}, () => {})(where);
      } finally {
        await other.remove({ force: true });
      }
    },
  },
  {
    kind: "hostile",
    fault: "a second run into the same --out",
    wanted: "second 3; pass, exit code 0",
    on: BOTH,
    async got(where) {
      let second: number | null = null;
      // Long enough for the second to begin meanwhile, on a busy machine too.
      const firstWords = "nfqueue_scale --at 1,2.5 --duration 40 --connections 400 --targets 4".split(" ");
      const first = await during({ words: firstWords }, async ({ out }) => {
        const words = [program, "test", "nfqueue", "--duration", "1", "--reporter", "json", "--out", out];
        second = (await launchProgram(words, { check: false }).ended).code;
      })(where);
      return `second ${second}; ${first}`;
    },
  },
];

function sendTo(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 2);
    });
    socket.on("error", () => {}).on("close", () => resolve());
  });
}
