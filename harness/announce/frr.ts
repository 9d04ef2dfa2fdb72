// SPDX-License-Identifier: Apache-2.0
// BGP and BFD by FRR: zebra, which owns the kernel's routes, bfdd and bgpd on each machine.
import { FAMILIES } from "../api/network.ts";
import { programIn } from "../api/routers.ts";
import { Daemon } from "../runtime/daemon.ts";
import type { Host } from "../runtime/runtime.ts";
import type { AnnouncerKind, Announcing } from "./announcer.ts";
import { type Speaker, startSpeakers } from "./bgp.ts";
import { FRR } from "./programs.ts";
import { keepaliveS, type Timers } from "./timers.ts";

const DIR = "/run/frr";
const READY_MS = 60_000;
/** NULs behind two answers: three and a result each, which is NUL where all is well, as it is of the first. */
const ANSWERED = "7";
const SIGKILL = 9;

export const frr: AnnouncerKind = {
  by: "bgp-frr",
  programs: FRR,
  start: (announcing) => startSpeakers(announcing, (speaker) => frrOn(announcing, speaker)),
};

async function frrOn(announcing: Announcing, speaker: Speaker): Promise<() => Promise<void>> {
  const { lab, timers, onBroken } = announcing;
  const { name } = speaker.machine;
  const host = lab.host(name);
  await prepare(host);
  const texts = frrTexts(speaker, timers);
  const daemons: Daemon[] = [];
  for (const program of FRR) {
    const { path, env } = await programIn(lab, program);
    const file = `${DIR}/${program.name}.conf`;
    await host.exec(["@write", file], { input: texts[program.name] ?? "" });
    const daemon = new Daemon(
      host,
      [path, "-u", "root", "-g", "root", "-P", "0", "-f", file, "-i", `${DIR}/${program.name}.pid`],
      {
        env,
        onEnd: (how) => onBroken(`${program.name} (FRR) on ${name} ${how}`),
      },
    );
    daemons.push(daemon);
    const vty = program.name === "zebra" ? "zserv.api" : `${program.name}.vty`;
    await daemon.while(appears(host, `${DIR}/${vty}`), READY_MS);
  }
  await daemons.at(-1)?.while(sessionsUp(host, speaker, timers.bfd), READY_MS);
  return async () => {
    await Promise.all(daemons.map((daemon) => daemon.end(SIGKILL)));
  };
}

/** All sessions are established, and BFD's are up. */
async function sessionsUp(host: Host, { peers }: Speaker, bfd: boolean): Promise<void> {
  const ask = async (daemon: string, words: string) => {
    const input = `enable\0${words}\0`;
    return (await host.exec(["@unix", `${DIR}/${daemon}.vty`, ANSWERED], { input, check: false })).stdout;
  };
  for (;;) {
    const sessions = await ask("bgpd", "show bgp neighbors json");
    const watched = bfd ? await ask("bfdd", "show bfd peers json") : "";
    const up = sessions.match(/"bgpState":"Established"/g)?.length ?? 0;
    const seen = watched.match(/"status":"up"/g)?.length ?? 0;
    if (up === peers.length && (!bfd || seen === peers.length)) return;
    await host.clock.sleep(200);
  }
}

/** It wants a group of its own, and a folder that is its user's. */
async function prepare(host: Host): Promise<void> {
  const script = `mkdir -p ${DIR} && cp /etc/group /run/group && echo frrvty:x:398:root >>/run/group && mount --bind /run/group /etc/group && mount -t tmpfs frr /var/tmp`;
  await host.exec(["sh", "-c", script]);
}

/** The daemon has opened its socket. */
async function appears(host: Host, file: string): Promise<void> {
  while ((await host.exec(["test", "-S", file], { check: false })).code !== 0) await host.clock.sleep(50);
}

/** Each daemon's configuration of one machine. */
export function frrTexts(
  { as, routerId, peers, announces }: Speaker,
  timers: Timers,
): Readonly<Record<string, string>> {
  const { intervalMs, misses, holdS, bfd } = timers;
  const session = (word: string) => peers.map(({ peer }) => ` neighbor ${peer} ${word}`);
  const bgpd = [
    `router bgp ${as}`,
    ` bgp router-id ${routerId}`,
    " no bgp ebgp-requires-policy",
    " no bgp default ipv4-unicast",
    " no bgp network import-check",
    " bgp bestpath as-path multipath-relax",
    ` timers bgp ${keepaliveS(holdS)} ${holdS}`,
    ...peers.map(({ peer, peerAs }) => ` neighbor ${peer} remote-as ${peerAs}`),
    ...session("timers connect 1"),
    ...session("advertisement-interval 0"),
    ...(bfd ? [...session("bfd"), ...session("bfd profile fast")] : []),
    ...FAMILIES.flatMap((family) => [
      ` address-family ipv${family} unicast`,
      ...Object.values(announces).map((prefixes) => `  network ${prefixes[family]}`),
      ...peers
        .filter((one) => one.family === family)
        .flatMap(({ peer, net }) => [
          `  neighbor ${peer} activate`,
          `  neighbor ${peer} prefix-list ${announces[net] ? `${net}_${family}` : "nothing"} out`,
        ]),
      " exit-address-family",
    ]),
    ...Object.entries(announces).flatMap(([net, prefixes]) =>
      FAMILIES.map(
        (family) => `${family === 6 ? "ipv6" : "ip"} prefix-list ${net}_${family} permit ${prefixes[family]}`,
      ),
    ),
    "ip prefix-list nothing deny any",
    "ipv6 prefix-list nothing deny any",
  ];
  return {
    zebra: "",
    bfdd: [
      "bfd",
      " profile fast",
      `  transmit-interval ${intervalMs}`,
      `  receive-interval ${intervalMs}`,
      `  detect-multiplier ${misses}`,
      "",
    ].join("\n"),
    bgpd: `${bgpd.join("\n")}\n`,
  };
}
