/** Binds what the engine counts to the Prometheus metrics; read when scraped, so that counting costs nothing on the way of a message. */
import type { Engine } from '../engine/engine.ts';
import type { RelayListing } from '../media/index.ts';
import type { JsonLogger, Metrics } from '../observe/index.ts';
import type { Stores } from '../store/index.ts';
import { refusedForTime } from './overload-watch.ts';

/** What is wrong between nodes, while the store takes changes. */
const OF_NODES: ReadonlySet<string> = new Set(['clock-off', 'node-name-in-use']);
const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;

export function readMetrics(
  metrics: Metrics,
  engine: Engine,
  stores: Stores,
  problems: () => readonly string[],
  log: JsonLogger,
): void {
  readCalls(metrics, engine);
  readStore(metrics, stores, problems);
  metrics.readGauge('tandem_log_lines_suppressed', 'Log lines held back by the limit', () => log.suppressedCount);
  readInbox(metrics, engine);
  readConnections(metrics, engine);
  readMessages(metrics, engine);
  readFaults(metrics, engine);
  readStun(metrics, engine);
  readStir(metrics, engine);
  metrics.readTrunks(() => trunksOf(engine));
  readRelays(metrics, engine);
}

/** Calls, registrations, and what there is of transactions. */
function readCalls(metrics: Metrics, engine: Engine): void {
  const { transactions } = engine.endpoint;
  // A call that this node only sends on for another one counts there.
  metrics.readGauge('tandem_calls_live', 'Calls in setup or in progress', () =>
    engine.calls.inProgress(({ peerNode }) => peerNode === undefined),
  );
  metrics.readGauge('tandem_dialogs_live', 'Dialogs: legs of calls', () => engine.calls.counters.legs);
  metrics.readGauge(
    'tandem_server_transactions_live',
    'Server transactions, those that absorb copies included',
    () => transactions.serverCount,
  );
  metrics.readGauge(
    'tandem_client_transactions_live',
    'Client transactions, those that absorb copies included',
    () => transactions.clientCount,
  );
  metrics.readGauge('tandem_registrations', 'Registered contacts', () => engine.registrations.registrar.count);
  metrics.readCounters('tandem_transactions_total', 'SIP transactions, by event', 'event', () => ({
    ...transactions.counters,
  }));
  metrics.readCounters('tandem_transactions_refused_total', 'Requests refused (503), by the limit', 'limit', () =>
    inSnakeCase(transactions.shortages),
  );
  metrics.readGauges('tandem_transactions_fill', 'How full each limit of transactions is: 1 is full', 'limit', () => ({
    ...transactions.fill,
  }));
  metrics.readCounters('tandem_contact_tokens_total', 'Contacts that carry their call, by event', 'event', () =>
    inSnakeCase({ ...engine.contacts.counters }),
  );
}

/** Counts under the names that labels have. */
function inSnakeCase(counts: Readonly<Record<string, number>>): Record<string, number> {
  const label = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [label(name), count]));
}

function readStore(metrics: Metrics, stores: Stores, problems: () => readonly string[]): void {
  metrics.readGauge('tandem_store_up', '1 while the store takes changes, else 0', () =>
    stores.problems().every((problem) => OF_NODES.has(problem)) ? 1 : 0,
  );
  metrics.readGauges('tandem_problem', '1 for each thing that is wrong, as in the reasons of /readyz', 'problem', () =>
    Object.fromEntries(problems().map((problem) => [problem, 1])),
  );
  metrics.readGauge(
    'tandem_clock_offset_seconds',
    "How far this node's clock is ahead of the store's",
    () => stores.nodes.clockOffsetMs / 1000,
  );
  metrics.readGauge('tandem_nodes', 'Nodes alive on the store, with this one', () => stores.nodes.others().length + 1);
}

function readInbox(metrics: Metrics, engine: Engine): void {
  const { inbox } = engine.endpoint;
  metrics.readGauge(
    'tandem_inbox_longest_wait_seconds',
    'Longest that a message waited for its turn since the last scrape',
    () => (inbox?.takeLongestWaitMs() ?? 0) / 1000,
  );
  metrics.readGauge('tandem_inbox_waiting', 'Messages that wait for their turn', () => {
    const { ongoing, fresh, strangers } = inbox?.waiting ?? { ongoing: 0, fresh: 0, strangers: 0 };
    return ongoing + fresh + strangers;
  });
}

function readConnections(metrics: Metrics, engine: Engine): void {
  const { transport } = engine.endpoint;
  metrics.readGauge('tandem_connections', 'Open TCP and TLS connections', () => transport.counters.connections);
  metrics.readCounters('tandem_connections_total', 'TCP and TLS connections, by event', 'event', () => ({
    accepted: transport.counters.connectionsAccepted,
    opened: transport.counters.connectionsOpened,
    refused: transport.counters.connectionsRefused,
    gave_way: transport.counters.connectionsGaveWay,
    failed: transport.counters.connectFailures,
    tls_refused: transport.counters.tlsRefused,
    too_slow: transport.counters.slowClosed,
  }));
}

/** SIP messages by direction. */
function readMessages(metrics: Metrics, engine: Engine): void {
  const { counters } = engine.endpoint;
  metrics.readCounters('tandem_sip_requests_received_total', 'SIP requests received', 'method', () =>
    byMethod('received'),
  );
  metrics.readCounters('tandem_sip_requests_sent_total', 'SIP requests sent', 'method', () => byMethod('sent'));
  metrics.readCounters('tandem_sip_responses_received_total', 'SIP responses received', 'class', () =>
    byClass('received'),
  );
  metrics.readCounters('tandem_sip_responses_sent_total', 'SIP responses sent', 'class', () => byClass('sent'));

  function byMethod(direction: 'received' | 'sent'): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const name of TRANSPORTS) {
      for (const [method, count] of counters[direction][name].requests) totals[method] = (totals[method] ?? 0) + count;
    }
    return totals;
  }

  function byClass(direction: 'received' | 'sent'): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const name of TRANSPORTS) {
      counters[direction][name].responses.forEach((count, index) => {
        if (index > 0) totals[`${index}xx`] = (totals[`${index}xx`] ?? 0) + count;
      });
    }
    return totals;
  }
}

function readFaults(metrics: Metrics, engine: Engine): void {
  const { counters, inbox, transport } = engine.endpoint;
  const { refused } = engine.intake.gate;
  metrics.uncaughtElsewhere = () => counters.uncaughtErrors;
  metrics.readCounters('tandem_sip_faults_total', 'Messages that were not served, by reason', 'reason', () => ({
    malformed: counters.malformed,
    refused: counters.refused,
    overloaded: refusedForTime(engine),
    answer_withheld: counters.withheld,
    rate_limited: transport.counters.rateLimited,
    stranger_over_rate: refused.stranger,
    strangers_over_rate: refused.strangers,
    strangers_no_memory: refused.memory,
    strangers_no_time: inbox?.counters.strangersDropped ?? 0,
    known_over_rate: refused.known,
    known_no_time: inbox?.counters.knownDropped ?? 0,
    uncaught: counters.uncaughtErrors,
  }));
}

function readStun(metrics: Metrics, engine: Engine): void {
  const { counters } = engine.endpoint.transport;
  metrics.readCounters('tandem_stun_requests_total', 'STUN Binding Requests over UDP, by outcome', 'outcome', () => ({
    answered: counters.stunAnswered,
    withheld: counters.stunWithheld,
  }));
}

function readStir(metrics: Metrics, { stir }: Engine): void {
  metrics.readCounters(
    'tandem_certificates_total',
    "Callers' certificates that were asked for, by outcome",
    'event',
    () => ({
      ...stir.certificates.counters,
    }),
  );
  metrics.readGauge(
    'tandem_certificates_kept',
    "Callers' certificates, and failures, in memory",
    () => stir.certificates.size,
  );
  metrics.readGauge(
    'tandem_certificate_waiting_calls',
    'Calls that wait for a certificate',
    () => stir.certificates.waiting,
  );
  metrics.readCounters('tandem_icons_total', 'Icons of callers that were asked for, by outcome', 'event', () => ({
    ...stir.iconCounters,
  }));
}

function readRelays(metrics: Metrics, engine: Engine): void {
  metrics.readGauges('tandem_media_relay_up', '1 while the media relay answers, else 0', 'relay', () =>
    byRelay(({ state }) => (state === 'up' ? 1 : 0)),
  );
  metrics.readGauges('tandem_media_relay_sessions', 'Sessions on a media relay', 'relay', () =>
    byRelay(({ sessions }) => sessions),
  );
  metrics.readCounters('tandem_media_relay_requests_total', 'Requests to media relays, by result', 'result', () => {
    const total = { ok: 0, error: 0, timeout: 0 };
    for (const { requests } of engine.media.relays.list()) {
      total.ok += requests.ok;
      total.error += requests.error;
      total.timeout += requests.timeout;
    }
    return total;
  });

  function byRelay(read: (relay: RelayListing) => number): Record<string, number> {
    return Object.fromEntries(engine.media.relays.list().map((relay) => [relay.url, read(relay)]));
  }
}

function* trunksOf(engine: Engine) {
  for (const { id, name } of engine.directory.trunks) {
    const status = engine.trunks.status(id);
    if (status === undefined) continue;
    const { state, activeCalls, datacentres } = status;
    yield { id, name, state, activeCalls, ...(datacentres !== undefined && { datacentres }) };
  }
}
