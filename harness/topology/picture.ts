// SPDX-License-Identifier: Apache-2.0
// The plan of a lab as a picture. Pure.
import { plural } from "../util/numbers.ts";
import { linkOn, type Machine, type Net, SOURCES, type Topology, VIP } from "./topology.ts";

const BOX = { width: 150, height: 46, gap: 14 };
const TOP = 56;
const LANE = 40;
const MOST = 6;
const COLOUR = { ink: "#1c1e21", grey: "#6a6f76", tester: "#e8f1fa", router: "#fdf0dd", target: "#e7f5ec" } as const;

type Point = readonly [x: number, y: number];

interface Placed {
  machine: Machine | null;
  x: number;
  y: number;
}

/** From the testers on the left to the targets on the right; of very many machines the first, the last and how many. */
export function topologySvg({ testers, squeeze, routers, targets }: Topology): string {
  const columns = [testers, ...(squeeze ? [[squeeze.machine]] : []), routers, targets].map(few);
  const nets: Net[] = squeeze ? ["net3", "net2", "net1"] : ["net2", "net1"];
  const most = Math.max(...columns.map((column) => column.length));
  const tall = most * (BOX.height + BOX.gap) - BOX.gap;
  const step = BOX.width + 2 * LANE;
  const placed = columns.map((column, i): Placed[] => {
    const own = column.length * (BOX.height + BOX.gap) - BOX.gap;
    return column.map((machine, k) => ({
      machine,
      x: 10 + i * step,
      y: TOP + (tall - own) / 2 + k * (BOX.height + BOX.gap),
    }));
  });
  const width = 20 + columns.length * step - 2 * LANE;
  const height = TOP + tall + 34;
  const body = [
    ...nets.flatMap((net, i) =>
      netLines(net, placed[i] ?? [], placed[i + 1] ?? [], { x: 10 + i * step + BOX.width + LANE, tall }),
    ),
    ...placed.flat().flatMap(box),
    text({ x: 10, y: 22, size: 13 }, `Clients ${SOURCES[4]}, ${SOURCES[6]} ask for the VIP ${VIP[4]}, ${VIP[6]}`),
    text({ x: 10, y: height - 10, size: 11, fill: COLOUR.grey }, summary(routers.length, targets.length)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">
<title>Topology of the lab: ${testers.length === 1 ? "tester" : plural(testers.length, "tester")}, ${plural(routers.length, "router")}, ${plural(targets.length, "target")}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${body.join("\n")}
</svg>
`;
}

const summary = (routers: number, targets: number) =>
  `The balancer runs on ${routers === 1 ? "the router" : `each of ${routers} routers`}; ${targets === 1 ? "the target" : `each of ${targets} targets`} has the VIP on its lo.`;

/** null stands for those left out. */
function few(machines: readonly Machine[]): (Machine | null)[] {
  return machines.length <= MOST ? [...machines] : [...machines.slice(0, MOST - 2), null, ...machines.slice(-1)];
}

function netLines(
  net: Net,
  left: readonly Placed[],
  right: readonly Placed[],
  at: { x: number; tall: number },
): string[] {
  const line = ([x1, y1]: Point, [x2, y2]: Point, strong = 1) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${COLOUR.grey}" stroke-width="${strong}"/>`;
  const middle = ({ y }: Placed) => y + BOX.height / 2;
  const real = (list: readonly Placed[]) => list.filter(({ machine }) => machine !== null);
  return [
    line([at.x, TOP - 6], [at.x, TOP + at.tall + 6], 3),
    text({ x: at.x, y: TOP - 12, size: 12, anchor: "middle", fill: COLOUR.grey }, net),
    ...real(left).map((one) => line([one.x + BOX.width, middle(one)], [at.x, middle(one)])),
    ...real(right).map((one) => line([at.x, middle(one)], [one.x, middle(one)])),
  ];
}

function box({ machine, x, y }: Placed): string[] {
  if (machine === null)
    return [
      text({ x: x + BOX.width / 2, y: y + BOX.height / 2 + 4, size: 16, anchor: "middle", fill: COLOUR.grey }, "⋮"),
    ];
  const [first] = machine.links;
  const own = first ? linkOn(machine, first.net).ipv4 : "";
  const centre = x + BOX.width / 2;
  return [
    `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4" fill="${COLOUR[machine.role]}" stroke="${COLOUR.grey}"/>`,
    text({ x: centre, y: y + 19, size: 13, anchor: "middle" }, `${machine.role} ${machine.name}`),
    text({ x: centre, y: y + 36, size: 11, anchor: "middle", fill: COLOUR.grey }, own),
  ];
}

interface Place {
  x: number;
  y: number;
  size: number;
  anchor?: string;
  fill?: string;
}

const text = ({ x, y, size, anchor = "start", fill = COLOUR.ink }: Place, words: string) =>
  `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" fill="${fill}">${words}</text>`;
