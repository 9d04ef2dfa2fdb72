// SPDX-License-Identifier: Apache-2.0
import "./strategies/index.ts";

export { affinityS } from "./strategies/registry.ts";
