import { brokenBalancers } from "./balancers.ts";

export default () => brokenBalancers.find(({ name }) => name === "broken-leak");
