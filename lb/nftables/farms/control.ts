// SPDX-License-Identifier: Apache-2.0
// What there is, and how a request changes it: one transaction a change, of what differs only.
import { FarmError } from "./errors.ts";
import type { FarmFile } from "./grammar.ts";
import type { Nft } from "./nft.ts";
import { type Ruleset, script, TABLES_GONE, whole } from "./parts.ts";
import { printAddress, printFarm, printPolicy } from "./print.ts";
import { rulesetOf } from "./render.ts";
import { type Marks, type Service, servicesOf } from "./services.ts";
import { persistMaps, type Session, sessionsIn } from "./sessions.ts";
import { EMPTY, fileOf, KINDS, merged, type State, without } from "./store.ts";
import type { Wire } from "./wire.ts";
import type { RenderOptions } from "./words.ts";

export interface Answer {
  status: number;
  body: unknown;
}
const SUCCESS: Answer = { status: 200, body: { response: "success" } };

export class Control {
  private state: State = EMPTY;
  private file: FarmFile = { farms: [], addresses: [], policies: [] };
  private services: readonly Service[] = [];
  private ruleset: Ruleset | null = null;
  private readonly marks: Marks = new Map();
  private last: Promise<unknown> = Promise.resolve();
  private readonly nft: Nft;
  private readonly options: RenderOptions;
  private readonly wire: Wire | null;

  /** `wire`: for changes that need no nft. */
  constructor(nft: Nft, options: RenderOptions, wire: Wire | null = null) {
    this.nft = nft;
    this.options = options;
    this.wire = wire;
  }

  /** Throws FarmError, or nft's words; nothing has changed then. */
  async load(body: unknown): Promise<void> {
    await this.commit(merged(EMPTY, body, true));
  }

  /** Requests one after the other. `path`: as in nftlb, "/farms/lb01/backends/bck1". */
  handle(method: string, path: string, body: unknown): Promise<Answer> {
    const next = this.last.then(() => this.answer(method, wordsOf(path), body));
    this.last = next.catch(() => undefined);
    return next;
  }

  private async answer(method: string, path: readonly string[], body: unknown): Promise<Answer> {
    switch (method) {
      case "GET":
        return { status: 200, body: await this.get(path) };
      case "POST":
      case "PUT":
        await this.commit(merged(this.state, body, false));
        return SUCCESS;
      case "PATCH":
        await this.commit(merged(this.state, body, true));
        return SUCCESS;
      case "DELETE":
        if (path[0] === "farms" && path[2] === "sessions" && (await this.forget(path[1] ?? "", path[3])))
          if (path[3] !== undefined) return SUCCESS;
        await this.commit(without(this.state, path));
        return SUCCESS;
      default:
        return { status: 405, body: { response: `error: method ${method} is not known` } };
    }
  }

  private async commit(next: State): Promise<void> {
    const file = fileOf(next);
    const services = servicesOf(file, this.marks);
    const ruleset = rulesetOf(services, this.options);
    // What an earlier process left is replaced in the same transaction.
    if (this.ruleset === null) await this.nft.run(TABLES_GONE + whole(ruleset));
    else if (!this.wire?.change(this.ruleset, ruleset)) {
      const text = script(this.ruleset, ruleset);
      if (text !== "") await this.nft.run(text);
    }
    for (const farm of this.marks.keys()) if (!next.farms.has(farm)) this.marks.delete(farm);
    Object.assign(this, { state: next, file, services, ruleset });
  }

  private async get([kind, name, list]: readonly string[]): Promise<unknown> {
    const known = KINDS.find((one) => one === kind);
    if (!known) throw new FarmError(`Unknown '${kind ?? ""}'.`, 404);
    if (name !== undefined && !this.state[known].has(name)) throw new FarmError(`Unknown '${name}'.`, 404);
    if (known === "farms" && name !== undefined && list === "sessions") return { sessions: await this.sessions(name) };
    const printed = this.printed()[known].filter((one) => name === undefined || one.name === name);
    if (list === undefined) return { [known]: printed };
    const part = printed[0]?.[list];
    if (part === undefined) throw new FarmError(`Unknown '${list}'.`, 404);
    return { [list]: part };
  }

  private printed() {
    return {
      farms: this.file.farms.map(printFarm),
      addresses: this.file.addresses.map(printAddress),
      policies: this.file.policies.map(printPolicy),
    };
  }

  private async sessions(name: string): Promise<Session[]> {
    const farm = this.file.farms.find((one) => one.name === name);
    const service = this.services.find((one) => one.farm.name === name);
    if (!farm) return [];
    const fixed = farm.sessions.map(({ client, backend }) => ({ client, backend }));
    const maps = persistMaps(farm, this.ruleset ?? new Map());
    const listings = await Promise.all(maps.map((map) => this.nft.run(`list map ${map}\n`)));
    return [...fixed, ...listings.flatMap((listing) => sessionsIn(listing, service?.targets ?? []))];
  }

  /** Sessions that packets made: one, or all of a farm. Whether there was any. */
  private async forget(name: string, client: string | undefined): Promise<boolean> {
    const farm = this.file.farms.find((one) => one.name === name);
    if (!farm || farm.sessions.some((one) => one.client === client)) return false;
    const maps = persistMaps(farm, this.ruleset ?? new Map());
    if (client === undefined) {
      await this.nft.run(maps.map((map) => `flush map ${map}\n`).join(""));
      return maps.length > 0;
    }
    for (const map of maps) {
      const service = this.services.find((one) => one.farm.name === name);
      const list = sessionsIn(await this.nft.run(`list map ${map}\n`), service?.targets ?? []);
      if (!list.some((one) => one.client === client)) continue;
      await this.nft.run(`delete element ${map} { ${client} }\n`);
      return true;
    }
    return false;
  }
}

/** In a path '_' stands for what cannot be there: "192.0.2.1_._90", "192.0.2.0_24". */
function wordsOf(path: string): string[] {
  const [kind, name, list, item] = path
    .split("/")
    .filter((word) => word !== "")
    .map(decodeURIComponent);
  const plain = list === "sessions" ? item?.replaceAll("_", " ") : list === "elements" ? item?.replace("_", "/") : item;
  return [kind, name, list, plain].filter((word) => word !== undefined);
}
