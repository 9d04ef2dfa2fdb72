// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseCounters } from "./counters.ts";

const TEXT = `==> /proc/net/snmp <==
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmFails
Ip: 1 64 1000 3 2 900 1 0 100 40 4 5 6
Icmp: InMsgs OutMsgs OutDestUnreachs OutTimeExcds OutParmProbs OutEchoReps
Icmp: 0 99 5 2 1 91
Tcp: RtoAlgorithm InSegs OutSegs InErrs OutRsts InCsumErrors
Tcp: 1 100 90 11 2 9
Udp: InDatagrams NoPorts InErrors OutDatagrams InCsumErrors
Udp: 10 0 8 10 7
==> /proc/net/snmp6 <==
Ip6InReceives                   \t500
Ip6InHdrErrors                  \t1
Ip6InTruncatedPkts              \t2
Ip6InUnknownProtos              \t3
Ip6InMcastPkts                  \t50
Ip6OutRequests                  \t60
Icmp6OutPktTooBigs              \t3
Udp6InErrors                    \t9
Udp6InCsumErrors                \t4
==> /proc/net/netstat <==
TcpExt: SyncookiesSent TCPAbortOnClose
TcpExt: 0 1
IpExt: InNoRoutes InTruncatedPkts InMcastPkts InBcastPkts OutBcastPkts InCsumErrors
IpExt: 8 20 4 6 5 3
==> /proc/net/dev <==
Inter-|   Receive                                                |  Transmit
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth1:   10000    1500    0    2    0     0          0         0    50000     300    0    1    0     0       0          0
lbtun0:    1000      70    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`;

test("both families' counters are added, and each drop has a name", (t) => {
  t.deepEqual(parseCounters(TEXT, "lbtun"), {
    ipIn: 1000 + 500 - 70 - 50 - 4 - 6,
    ipOut: 40 + 60 - 5,
    ipIn6: 500 - 50,
    ipOut6: 60,
    icmpErrorsOut: 5 + 2 + 1 + 3,
    fragmentationFailed: 0,
    listenFull: 0,
    reversePath: 0,
    "drop.no_route": 5 + 8,
    "drop.in_discards": 0,
    // The interface counts one of them too.
    "drop.out_discards": 4 - 1,
    "drop.header_errors": 4,
    "drop.address_errors": 2,
    "drop.truncated": 22,
    "drop.unknown_protocol": 4,
    "drop.checksum": 11 + 7 + 4,
    "drop.reassembly_failed": 6,
    "drop.interface_rx": 2,
    "drop.interface_tx": 1,
  });
});
