// SPDX-License-Identifier: Apache-2.0
// Words of nginx.conf that the lab decides, those that it cannot honour, with the reason, and those that it leaves to nginx.

/** Processes, users, logs. */
export const LEFT_TO_THE_LAB: ReadonlySet<string> = new Set([
  "user",
  "pid",
  "daemon",
  "master_process",
  "error_log",
  "access_log",
  "log_format",
  "open_log_file_cache",
  "load_module",
  "lock_file",
  "working_directory",
  "worker_cpu_affinity",
  "worker_priority",
]);

const NO_TLS = "the lab's clients and servers do not speak TLS";
const NO_NAMES = "the lab knows no names";
const NO_PROXY = "the lab's clients and servers do not speak it";
const NO_PROGRAMS = "other programs are not run";
const ONE_ADDRESS = "the lab's routers have their own addresses";
/** Of a server that is out. */
export const FIXED = "--scale says which targets are out, not the file";

export const REFUSED: Readonly<Record<string, string>> = {
  http: "the lab's clients do not speak HTTP, only the stream block is balanced: give a file without it",
  mail: "the lab's clients do not speak it",
  include: "other files are not read: put it into this one",
  resolver: NO_NAMES,
  proxy_bind: ONE_ADDRESS,
  proxy_protocol: NO_PROXY,
  proxy_ssl: NO_TLS,
  ssl_preread: NO_TLS,
  ssl_certificate: NO_TLS,
  ssl_certificate_key: NO_TLS,
  js_import: NO_PROGRAMS,
  js_preread: NO_PROGRAMS,
  js_filter: NO_PROGRAMS,
  perl: NO_PROGRAMS,
};

export const REFUSED_PARAMETERS: Readonly<Record<string, string>> = {
  ssl: NO_TLS,
  proxy_protocol: NO_PROXY,
  resolve: NO_NAMES,
};

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));
const SHARED =
  "proxy_timeout proxy_connect_timeout proxy_buffer_size proxy_download_rate proxy_upload_rate proxy_half_close proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries proxy_requests proxy_responses proxy_socket_keepalive preread_buffer_size preread_timeout tcp_nodelay variables_hash_bucket_size variables_hash_max_size allow deny limit_conn limit_conn_zone limit_conn_log_level limit_conn_dry_run set";
/** By place. */
export const KNOWN = {
  main: words(
    "stream events worker_processes worker_rlimit_nofile worker_rlimit_core worker_shutdown_timeout timer_resolution pcre_jit thread_pool env debug_points",
  ),
  stream: words(`upstream server map map_hash_max_size map_hash_bucket_size geo split_clients ${SHARED}`),
  upstream: words("server zone hash least_conn random"),
  server: words(`listen proxy_pass ${SHARED}`),
};
