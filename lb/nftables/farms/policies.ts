// SPDX-License-Identifier: Apache-2.0
// Lists of sources that a farm lets in or keeps out. Pure.
import { addressType, chain, consequence, enter, ip, named, type Place, tableOf } from "./words.ts";

/** Lists of sources: single addresses in a hash, networks and ranges as intervals, as nft reads all intervals at each change. */
export function policyRules(place: Place): void {
  const { service, family, fragment } = place;
  if (service.policies.length === 0) return;
  const table = tableOf(service);
  const rules = service.policies.flatMap((policy) => {
    const isDeny = policy.type === "blacklist";
    const asked = service.farm.verdict.includes(isDeny ? "drop" : "accept");
    const verdict = consequence(place, {
      chain: named(`policy-${policy.name}`, place),
      table,
      prefix: policy["log-prefix"] ?? "KNAME-TYPE-PNAME-FNAME ",
      words: { KNAME: "policy", TYPE: isDeny ? "BL" : "WL", PNAME: policy.name },
      // Those that are let in are asked no further list, but for what else the farm demands.
      verdict: asked ? (isDeny ? "drop" : "return") : "",
    });
    const mine = policy.elements.filter(({ data }) => data.includes(":") === (family === 6));
    const [single, several] = [false, true].map((isSeveral) =>
      mine.filter(({ data }) => /[/-]/.test(data) === isSeveral),
    );
    return [single ?? [], several ?? []].flatMap((list, interval) => {
      if (list.length === 0) return [];
      const name = `${interval ? "networks" : "hosts"}${family}-${policy.name}`;
      const flags = [...(interval ? ["interval"] : []), ...(policy.timeout > 0 ? ["timeout"] : [])];
      fragment.parts.set(`${table} ${name}`, {
        kind: "set",
        spec: [
          `type ${addressType(family)}`,
          ...(flags.length > 0 ? [`flags ${flags.join(",")}`] : []),
          ...(interval ? ["auto-merge"] : []),
          ...(policy.timeout > 0 ? [`timeout ${policy.timeout}s`] : []),
          "counter",
        ],
        elements: new Map(list.map(({ data }) => [data, ""])),
      });
      return [`${ip(family)} saddr @${name} ${verdict}`];
    });
  });
  const name = chain(place, "policy", rules);
  if (service.farm.mode !== "dsr") enter(place, "policy", name);
}
