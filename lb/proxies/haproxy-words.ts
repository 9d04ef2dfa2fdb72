// SPDX-License-Identifier: Apache-2.0
// Words of haproxy.cfg that the lab decides, and those that it cannot honour, with the reason.

const OWNED = ["log", "log-tag", "log-send-hostname", "log-format", "errorfile", "errorloc"];

/** Daemons, users, logs: the lab's own business. */
export const LEFT_TO_THE_LAB = {
  global: new Set([
    ...OWNED,
    "daemon",
    "master-worker",
    "chroot",
    "user",
    "group",
    "uid",
    "gid",
    "pidfile",
    "ulimit-n",
    "cpu-map",
    "stats",
  ]),
  proxies: new Set([...OWNED, "stats"]),
};

const NO_CLIENT = "the lab's clients do not speak it";
const NO_SERVER = "the lab's servers do not speak it";
const NO_OTHERS = "there are no such machines in the lab";
const ONE_ADDRESS = "the lab's routers have their own addresses";
const NO_PROGRAMS = "other programs are not run";
const FIXED = "--scale says which targets are out, not the file";

const SECTIONS: Readonly<Record<string, string>> = {
  peers: NO_OTHERS,
  resolvers: NO_OTHERS,
  mailers: NO_OTHERS,
  ring: NO_OTHERS,
  "log-forward": NO_OTHERS,
  program: NO_PROGRAMS,
  "fcgi-app": NO_SERVER,
};
export const refusedSection = (name: string): string | undefined => SECTIONS[name];

/** By first word, or the first two. */
export const REFUSED: Readonly<Record<string, string>> = {
  "lua-load": NO_PROGRAMS,
  "lua-load-per-thread": NO_PROGRAMS,
  "external-check": NO_PROGRAMS,
  "insecure-fork-wanted": NO_PROGRAMS,
  "server-template": "servers come from a name, and the lab knows no names",
  dispatch: "it is no balancing",
  source: ONE_ADDRESS,
  filter: NO_PROGRAMS,
  "email-alert": NO_OTHERS,
  "option httpchk": NO_SERVER,
  "option external-check": NO_PROGRAMS,
  "option ssl-hello-chk": NO_SERVER,
  "option mysql-check": NO_SERVER,
  "option pgsql-check": NO_SERVER,
  "option redis-check": NO_SERVER,
  "option smtpchk": NO_SERVER,
  "option ldap-check": NO_SERVER,
  "option transparent": ONE_ADDRESS,
  "tcp-check send": NO_SERVER,
  "tcp-check send-binary": NO_SERVER,
  "tcp-check expect": NO_SERVER,
};

export const REFUSED_ON_A_LINE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bind: {
    ssl: NO_CLIENT,
    crt: NO_CLIENT,
    "accept-proxy": NO_CLIENT,
    interface: "the lab's devices are its own",
    namespace: "the lab's namespaces are its own",
    transparent: ONE_ADDRESS,
    v4v6: "name one address for each family",
  },
  server: {
    ssl: NO_SERVER,
    "send-proxy": NO_SERVER,
    "send-proxy-v2": NO_SERVER,
    "check-ssl": NO_SERVER,
    "agent-check": NO_SERVER,
    source: ONE_ADDRESS,
    interface: "the lab's devices are its own",
    namespace: "the lab's namespaces are its own",
    resolvers: NO_OTHERS,
    addr: NO_OTHERS,
    port: "checks go to the port of the service",
    disabled: FIXED,
    track: FIXED,
  },
};
