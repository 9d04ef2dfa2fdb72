// SPDX-License-Identifier: Apache-2.0
import { deaf } from "./balancers.ts";

export default () => deaf;
