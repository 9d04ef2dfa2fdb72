// SPDX-License-Identifier: Apache-2.0
// Words of keepalived.conf: what the lab decides, what it cannot honour, with the reason, and what keepalived does as it stands.

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

/** Blocks and words of the first level that are the lab's own: routers, mails, VRRP. */
export const LEFT_TO_THE_LAB = words(
  "global_defs vrrp_instance vrrp_sync_group vrrp_script vrrp_track_process vrrp_track_file track_file static_ipaddress static_routes static_rules static_track_group interface_up_down_delays garp_group",
);

const NO_SCRIPT = "scripts are not run";
const NO_SERVER = "the lab's servers do not speak it: try TCP_CHECK";
const NO_FILES = "other files are not read: put it into this one";
const NO_MARKS = "the rules that set marks are not in this file: name an address and a port";

export const REFUSED: Readonly<Record<string, string>> = {
  include: NO_FILES,
  includea: NO_FILES,
  includer: NO_FILES,
  virtual_server_group: "name an address and a port in virtual_server instead",
  HTTP_GET: NO_SERVER,
  SSL_GET: NO_SERVER,
  SMTP_CHECK: NO_SERVER,
  DNS_CHECK: NO_SERVER,
  UDP_CHECK: NO_SERVER,
  PING_CHECK: "targets are checked by TCP here: try TCP_CHECK",
  FILE_CHECK: NO_FILES,
  BFD_CHECK: NO_SERVER,
  MISC_CHECK: NO_SCRIPT,
  quorum_up: NO_SCRIPT,
  quorum_down: NO_SCRIPT,
  notify_up: NO_SCRIPT,
  notify_down: NO_SCRIPT,
  sorry_server: "the lab has targets only",
  sorry_server_lvs_method: "the lab has targets only",
  virtualhost: NO_SERVER,
  ha_suspend: "the lab runs no VRRP",
  connect_ip: "targets are checked at their own address",
  bindto: "the lab's routers have their own addresses",
  bind_if: "the lab's devices are its own",
  fwmark: NO_MARKS,
  ip_family: NO_MARKS,
  persistence_granularity: "the lab predicts persistence for single addresses only",
};

/** By block. */
export const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  virtual_server: words(
    "delay_loop lb_algo lvs_sched lb_kind lvs_method protocol persistence_timeout ops hashed flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback alpha omega quorum hysteresis retry delay_before_retry connect_timeout warmup inhibit_on_failure real_server smtp_alert no_smtp_alert weight",
  ),
  real_server: words(
    "weight inhibit_on_failure TCP_CHECK retry delay_before_retry delay_loop connect_timeout warmup uthreshold lthreshold alpha no_alpha smtp_alert no_smtp_alert",
  ),
  TCP_CHECK: words(
    "connect_port connect_timeout retry nb_get_retry delay_before_retry delay_loop warmup alpha no_alpha",
  ),
};
