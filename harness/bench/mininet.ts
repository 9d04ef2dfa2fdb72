// SPDX-License-Identifier: Apache-2.0
// The same machines, links and addresses by Mininet, for comparison with the lab's own bring-up.
import { runProgram } from "../host/program.ts";
import { findTool } from "../host/tools.ts";
import type { Topology } from "../topology/topology.ts";

export interface MininetTimes {
  upMs: number;
  commandMs: number;
  downMs: number;
}

/** One sentence when Mininet cannot run here, null when it can. */
export async function missingMininet(): Promise<string | null> {
  if (process.geteuid?.() !== 0) return "Mininet runs as root only.";
  if (await findTool("mnexec", "mininet")) return "Mininet is not installed. Run 'apt-get install mininet'.";
  return run(["-c", "import mininet.net"]).then(
    () => null,
    () => "Mininet is installed, but /usr/bin/python3 cannot import it. Run 'apt-get install mininet'.",
  );
}

/**
 * Hosts with a shell each, as Mininet has them, two kernel bridges, all links, IPv4 and IPv6 addresses, then so many commands one after another.
 * In network, mount and process namespaces of its own: nothing of it stays, whatever happens. Throws LabError.
 */
export async function timeMininet({ machines, prefix }: Topology, commands: number): Promise<MininetTimes> {
  const hosts = machines.map(({ name, links }) => ({
    name,
    links: links.map(({ net, device, mac, ipv4, ipv6 }) => ({
      bridge: net.replace("net", "s"),
      device,
      mac,
      addresses: [`${ipv4}/${prefix[net].v4}`, `${ipv6}/${prefix[net].v6}`],
    })),
  }));
  const stdout = await run(["-c", PROGRAM, JSON.stringify({ hosts, commands })]);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as MininetTimes;
}

async function run(argv: readonly string[]): Promise<string> {
  const own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  return (await runProgram(["unshare", ...own, "/usr/bin/python3", ...argv], { timeoutMs: 300_000 })).stdout;
}

/** Mininet would raise limits of the whole machine: it must not. Its own bridge needs brctl(8); this one needs ip(8). */
const PROGRAM = `
import json, sys, time
import mininet.net
from mininet.net import Mininet
from mininet.node import Switch
mininet.net.fixLimits = lambda: None

class Bridge(Switch):
    def start(self, controllers):
        self.cmd("ip link add name %s type bridge mcast_snooping 0" % self.name)
        for port in self.intfList():
            if port.name != "lo":
                self.cmd("ip link set %s master %s up" % (port.name, self.name))
        self.cmd("ip link set %s up" % self.name)
    def stop(self, deleteIntfs=True):
        self.cmd("ip link del %s" % self.name)
        super().stop(deleteIntfs)

plan = json.loads(sys.argv[1])
begin = time.monotonic()
net = Mininet(controller=None, build=False)
bridges = {}
for one in plan["hosts"]:
    host = net.addHost(one["name"], ip=None)
    for link in one["links"]:
        name = link["bridge"]
        if name not in bridges:
            bridges[name] = net.addSwitch(name, cls=Bridge)
        net.addLink(host, bridges[name], intfName1=link["device"], addr1=link["mac"])
net.build()
net.start()
for one in plan["hosts"]:
    for link in one["links"]:
        for address in link["addresses"]:
            net[one["name"]].cmd("ip addr add %s dev %s %s" % (address, link["device"], "nodad" if ":" in address else ""))
up = time.monotonic()
first = net[plan["hosts"][0]["name"]]
for _ in range(plan["commands"]):
    first.cmd("/bin/true")
done = time.monotonic()
# Nobody listens there: that it is said is what shows that the other host was reached.
seen = first.cmd("echo > /dev/tcp/%s/9" % plan["hosts"][1]["links"][0]["addresses"][0].split("/")[0])
if "refused" not in seen:
    raise Exception("its hosts cannot reach each other: " + seen)
checked = time.monotonic()
net.stop()
end = time.monotonic()
print(json.dumps({"upMs": 1e3 * (up - begin), "commandMs": 1e3 * (done - up) / plan["commands"], "downMs": 1e3 * (end - checked)}))
`;
