// SPDX-License-Identifier: Apache-2.0
// conntrackd between two routers, in its FTFW or NOTRACK mode: what one's conntrack learns, the other's kernel is told at once.
import { programIn } from "../api/routers.ts";
import type { SyncWay } from "../record/schema.ts";
import { Daemon } from "../runtime/daemon.ts";
import type { Lab } from "../runtime/runtime.ts";
import { linkOn, type Machine } from "../topology/topology.ts";
import { CONNTRACKD } from "./programs.ts";

/** FTFW numbers its messages and sends them again until they are acknowledged; NOTRACK sends each once. */
const MODES: Readonly<Record<SyncWay, string>> = { conntrackd: "FTFW", "conntrackd-notrack": "NOTRACK" };
const CONFIG = "/run/conntrackd.conf";
const CONTROL = "/run/conntrackd.ctl";
const READY_MS = 20_000;
const SIGKILL = 9;

/** Resolves when both are up; with what ends them. */
export async function startConntrackd(
  lab: Lab,
  sync: SyncWay,
  onBroken: (sentence: string) => void,
): Promise<() => Promise<void>> {
  const { routers } = lab.topology;
  const program = await programIn(lab, CONNTRACKD);
  const daemons = await Promise.all(
    routers.map(async (router, i) => {
      const host = lab.host(router.name);
      const other = routers[1 - i] as Machine;
      await host.exec(["@write", CONFIG], { input: configuration(router, other, MODES[sync]) });
      const daemon = new Daemon(host, [program.path, "-C", CONFIG], {
        env: program.env,
        onEnd: (how) => onBroken(`conntrackd on ${router.name} ${how}`),
      });
      const answers = async () => {
        const argv = [program.path, "-C", CONFIG, "-s"];
        while ((await host.exec(argv, { env: program.env, check: false })).code !== 0) await lab.clock.sleep(50);
      };
      await daemon.while(answers(), READY_MS);
      return daemon;
    }),
  );
  return async () => {
    await Promise.all(daemons.map((daemon) => daemon.end(SIGKILL)));
  };
}

/** Without an external cache the kernel has all entries at once, and a failover needs no command. */
function configuration(own: Machine, other: Machine, mode: string): string {
  const [to, from] = [linkOn(other, "net1"), linkOn(own, "net1")];
  return `Sync {
  Mode ${mode} {
    DisableExternalCache On
  }
  UDP {
    IPv4_address ${from.ipv4}
    IPv4_Destination_Address ${to.ipv4}
    Port 3780
    Interface ${from.device}
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
}
General {
  HashSize 32768
  HashLimit 262144
  LogFile /run/conntrackd.log
  LockFile /run/conntrackd.lock
  UNIX {
    Path ${CONTROL}
  }
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  Filter From Userspace {
    Protocol Accept {
      TCP
      UDP
    }
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${from.ipv4}
      IPv4_address ${to.ipv4}
    }
  }
}
`;
}
