// SPDX-License-Identifier: Apache-2.0
// BGP and BFD by BIRD 2.
import { FAMILIES } from "../api/network.ts";
import { programIn } from "../api/routers.ts";
import { Daemon } from "../runtime/daemon.ts";
import type { Host } from "../runtime/runtime.ts";
import type { AnnouncerKind, Announcing } from "./announcer.ts";
import { type Peer, type Speaker, startSpeakers } from "./bgp.ts";
import { BIRD, BIRDCL } from "./programs.ts";
import { keepaliveS, type Timers } from "./timers.ts";

const CONFIG = "/run/announce-bird.conf";
const CONTROL = "/run/announce-bird.ctl";
const READY_MS = 30_000;
const SIGKILL = 9;

export const bird: AnnouncerKind = {
  by: "bgp-bird",
  programs: [BIRD, BIRDCL],
  start: (announcing) => startSpeakers(announcing, (speaker) => birdOn(announcing, speaker)),
};

async function birdOn({ lab, timers, onBroken }: Announcing, speaker: Speaker): Promise<() => Promise<void>> {
  const { name } = speaker.machine;
  const host = lab.host(name);
  const [program, control] = await Promise.all([programIn(lab, BIRD), programIn(lab, BIRDCL)]);
  await host.exec(["@write", CONFIG], { input: birdText(speaker, timers) });
  const daemon = new Daemon(host, [program.path, "-f", "-c", CONFIG, "-s", CONTROL], {
    env: program.env,
    onEnd: (how) => onBroken(`BIRD on ${name} ${how}`),
  });
  const ask = (...words: string[]) =>
    host.exec([control.path, "-s", CONTROL, ...words], { env: control.env, check: false });
  await daemon.while(sessionsUp(host, speaker, { bfd: timers.bfd, ask }), READY_MS);
  return () => daemon.end(SIGKILL);
}

/** All sessions are established, and BFD's are up. */
async function sessionsUp(
  { clock }: Host,
  { peers }: Speaker,
  { bfd, ask }: { bfd: boolean; ask: (...words: string[]) => Promise<{ stdout: string }> },
): Promise<void> {
  for (;;) {
    const { stdout: sessions } = await ask("show", "protocols");
    const { stdout: watched } = bfd ? await ask("show", "bfd", "sessions") : { stdout: "" };
    const up = sessions.match(/^p\S+\s+BGP\s.*Established/gm)?.length ?? 0;
    const seen = watched.match(/\sUp\s/g)?.length ?? 0;
    if (up === peers.length && (!bfd || seen === peers.length)) return;
    await clock.sleep(100);
  }
}

/** BIRD's configuration of one machine. */
export function birdText({ as, routerId, peers, announces }: Speaker, timers: Timers): string {
  const lines = [
    "log stderr { warning, error, fatal, bug };",
    `router id ${routerId};`,
    "protocol device { scan time 10; }",
    ...FAMILIES.map(
      (family) =>
        `protocol kernel k${family} { merge paths yes; ipv${family} { import none; export filter { if source = RTS_BGP then accept; reject; }; }; }`,
    ),
    ...Object.entries(announces).flatMap(([net, prefixes]) =>
      FAMILIES.map(
        (family) => `protocol static ${net}_${family} { ipv${family}; route ${prefixes[family]} unreachable; }`,
      ),
    ),
    ...(timers.bfd
      ? [
          `protocol bfd { interface "eth*" { min rx interval ${timers.intervalMs} ms; min tx interval ${timers.intervalMs} ms; idle tx interval 300 ms; multiplier ${timers.misses}; }; }`,
        ]
      : []),
    ...peers.map((peer) => sessionText(peer, { as, announces }, timers)),
  ];
  return `${lines.join("\n")}\n`;
}

function sessionText(
  { family, net, own, peer, peerAs, name }: Peer,
  { as, announces }: Pick<Speaker, "as" | "announces">,
  { holdS, bfd }: Timers,
): string {
  const isOurs = announces[net] !== undefined;
  const words = [
    `local ${own} as ${as}; neighbor ${peer} as ${peerAs};`,
    `hold time ${holdS}; keepalive time ${keepaliveS(holdS)};`,
    "connect delay time 1; connect retry time 1; error wait time 1, 2;",
    ...(bfd ? ["bfd on;"] : []),
    `ipv${family} { import ${isOurs ? "none" : "all"}; export ${isOurs ? `where proto = "${net}_${family}"` : "none"}; };`,
  ];
  return `protocol bgp ${name} { ${words.join(" ")} }`;
}
