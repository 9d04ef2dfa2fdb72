// SPDX-License-Identifier: Apache-2.0
import { brokenBalancers } from "./balancers.ts";

export default () => brokenBalancers.find(({ name }) => name === "broken-mutes");
