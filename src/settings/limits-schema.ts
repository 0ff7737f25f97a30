/** What a node's configuration says of limits and of time. Every limit has a default here, a metric where it is applied, and a test there. */

import { z } from 'zod';
import { byDefault, whole } from '../base/schema.ts';

/** A whole number of at least one. */
export const count = (fallback: number, what: string, max = 100_000_000) => byDefault(fallback, whole(1, max), what);

export const nodeLimitsSchema = z.strictObject({
  messageBytes: count(65_535, 'Longest message, header and body (413, or the connection is closed).', 10_000_000),
  headerCount: count(256, 'Most header fields in a message (400).', 100_000),
  headerLineBytes: count(8_192, 'Longest header field (400).', 1_000_000),
  viaCount: count(70, 'Most Via values in a request (400).', 1_000),
  transactions: count(
    200_000,
    'Transactions at once, of one address three quarters at most (503); of those that have ended and only know copies again, for half a minute, eight count as one. The heap may end it sooner: requests without a final answer, with the calls that they begin, take two fifths of its limit at most, of one address three quarters of that. Of those that have ended what is known takes a fifth of the heap limit at most, outside of the heap, of which an address has a share, too: what it has beyond that is forgotten sooner, the oldest first. `tandem_transactions_fill` says how full each is.',
  ),
  dialogs: count(200_000, 'Dialogs at once (503).'),
  calls: count(100_000, 'Calls in progress (503).'),
  connections: count(
    20_000,
    'TCP and TLS connections; fewer where the process has fewer descriptors. Half of them may lead to places that tenants name; of those one tenant has three quarters at most. Of those that come one known peer has three quarters at most.',
  ),
  connectionsPerPeer: count(
    100,
    'TCP and TLS connections of an unknown address, or of all unknown ones in a /64 of IPv6. An office whose phones all come at once from new addresses has so many until the first of them have registered.',
  ),
  connectionsReservedForTrunks: byDefault(
    500,
    z.int().min(0),
    'Connections that only known peers may use; at most half of `connections`.',
  ),
  firstMessageMs: count(10_000, 'How long a connection may take to bring its first whole message.'),
  idleConnectionMs: count(
    3_600_000,
    "How long a connection may be silent; where no slot is left, an unknown address's gives way after 32 s, silent ones first.",
  ),
  messagesPerSecondPerPeer: count(2_000, 'Messages per second from one unknown address beyond which they are dropped.'),
  messagesPerSecondFromStrangers: count(
    2_000,
    'Messages per second from all unknown addresses together beyond which they are dropped. Known are trunks, registered phones, trusted addresses, the nodes of the store, and who has signed in lately.',
  ),
  messagesPerSecondPerKnownPeer: count(
    20_000,
    'Messages per second from one known address beyond which they are dropped.',
  ),
  knownAfterSignInSeconds: count(3_600, 'How long an address is known after somebody has signed in from it.'),
  strangersWaiting: count(
    1_000,
    'Messages of unknown addresses that wait at most while there is no time; more are dropped.',
  ),
  strangersTimePercent: byDefault(
    10,
    whole(1, 90),
    'Share of the computing time that unknown addresses get while known ones wait.',
  ),
  strangersHeapPercent: byDefault(
    80,
    whole(10, 100),
    'Share of the heap limit in use above which messages from unknown addresses are dropped.',
  ),
  strangerConnectionsPerSecond: count(200, 'TCP and TLS connections accepted per second from all unknown addresses.'),
  udpGatherMs: byDefault(
    8,
    whole(0, 20),
    'After UDP messages were handled, those that come until this long after the first are taken together: less CPU per call for a delay of up to this long. Where more than 28 come in that time, it is as long as 28 take, half of it at least. Where, by the rate of the last moments, none is to be expected, each is taken at once. 0: each at once always.',
  ),
  sendQueueBytes: count(1_048_576, 'Octets that wait on one connection before it is closed.'),
  bindings: count(
    1_000_000,
    'Registered contacts (503); one with long texts (Contact, Path) counts once more for each 2,048 octets of them. Where there are several tenants, one has three quarters at most, and whoever comes then three quarters of the rest: a third more than all need leaves room for the largest.',
  ),
  contactsPerExtension: count(5, 'Registered contacts of one extension, when it sets none itself (403).', 64),
  authFailuresPerMinute: count(
    20,
    'Wrong passwords before further tries are refused unchecked: of one user from one address half as many at once and a tenth as many a minute, of one user one and a half times as many and three twentieths, from one address three times as many and one and a half times.',
    100_000,
  ),
  backlogMs: count(
    50,
    'How long a new call or registration may wait for its turn; one that would wait longer is refused at once (503), and what is in progress goes on. A burst may wait two and a half times as long; once there is too much for long, half as long, and 32 of them always wait.',
    10_000,
  ),
  queueAgeMs: count(
    6_000,
    'How long the process may stand still before the new requests that came meanwhile are refused (503).',
  ),
  callsPerSecond: count(100_000, 'New calls per second (503).'),
  traceBytes: count(
    16_777_216,
    'Octets of the latest messages kept for `tandem trace`; the oldest go first. What messages have beyond 16,384 octets takes an eighth of it at most. A quarter more keeps those of calls of tenants that have few among the latest, an eighth of that for one tenant at most.',
  ),
  explainedCalls: count(
    1_000,
    'Latest outbound calls that `tandem explain --call-id` can explain, beside older ones of tenants with few calls; fewer where they take more than 16 KB each, mostly the INVITE as received.',
    1_000_000,
  ),
  logLinesPerSecond: count(
    100,
    'Log lines per second; more are counted, and one line says how many of which event. A fifth is kept for warnings and errors; those about one tenant are three quarters at most.',
    1_000_000,
  ),
});
export type NodeLimits = z.infer<typeof nodeLimitsSchema>;

export const timersSchema = z.strictObject({
  t1Ms: byDefault(500, whole(50, 60_000), 'T1: estimate of the round trip (RFC 3261 §17.1.1.1).'),
  t2Ms: byDefault(4_000, whole(50, 120_000), 'T2: longest interval between retransmissions.'),
  t4Ms: byDefault(5_000, whole(50, 120_000), 'T4: how long a message stays in the network.'),
  ringMs: byDefault(180_000, whole(1_000, 3_600_000), 'How long a call may ring.'),
  sessionLimitMs: byDefault(14_400_000, whole(10_000, 604_800_000), 'How long a call may last.'),
  attemptMs: byDefault(6_000, whole(500, 64_000), 'How long one target may stay silent before the next is tried.'),
  failedTargetMs: byDefault(60_000, whole(0, 3_600_000), 'How long a failed target is passed over.'),
  drainMs: byDefault(60_000, whole(0, 86_400_000), 'How long SIGTERM waits for calls in progress.'),
  warmUpMs: byDefault(
    3_000,
    whole(0, 60_000),
    'Computing time that a start may spend on calls of its own, which leave neither the process nor a trace, so that the first callers meet compiled code; 0: none.',
  ),
});
