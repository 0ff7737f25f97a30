/** Examples of the OpenAPI document, by the name of the shape; the tests check each against its schema. */
const AT = '2026-11-28T10:41:47.125Z';
const LATER = '2026-11-28T10:42:31.480Z';
const STATUS = {
  trunkId: '235468356',
  name: 'carrier-a',
  type: 'ip',
  state: 'online',
  since: AT,
  lastCode: 200,
  activeCalls: 3,
};
const EXTENSION = { number: '101', name: 'Alice', outboundCallerId: '14155550101' };
const GROUP = { name: 'sales', members: ['101'], outboundCallerId: '14155550120' };
const SERVICE = { kind: 'ring-group', number: '600', name: 'Front desk', members: ['101', '102'], ringSeconds: 20 };
const OUTBOUND_RULE = {
  name: 'world',
  priority: 10,
  match: { prefixes: ['9'] },
  routes: [{ trunk: 'carrier-a', strip: 1, prepend: '+' }],
};
const INBOUND_RULE = { name: 'main', trunk: 'carrier-a', dids: '14155550100', destination: { extension: '101' } };
const TENANT = { name: 'acme', domain: 'acme.example.com', outboundCallerId: '14155550100' };
const ASSIGNMENT = { didPool: '14155550100-14155550199' };
const TRUNK = {
  name: 'carrier-a',
  type: 'ip',
  host: '203.0.113.10',
  port: 5060,
  tenants: [{ tenant: 'acme', ...ASSIGNMENT }],
};
const CERTIFICATE = {
  name: 'acme-stir',
  owner: 'acme',
  use: 'stir',
  chain: '-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n',
  x5u: 'https://certs.acme.example/stir/acme-stir.pem',
  numbers: '14155550100-14155550199',
};
const CERTIFICATE_FACTS = {
  subject: 'CN=SHAKEN 1234',
  issuer: 'CN=STI-CA',
  serialNumber: '01A2B3',
  fingerprint256: '5F:2C:…',
  notBefore: '2026-11-01T00:00:00.000Z',
  notAfter: '2027-11-01T00:00:00.000Z',
  codes: ['1234'],
  numbers: [],
  servedAt: '/stir/acme-stir.pem',
};
const CALL = {
  callId: 'c-7f3a',
  sipCallIds: ['a84b4c76e66710@phone', '0cbe37a7992d5c6c53888fa9'],
  tenant: 'acme',
  direction: 'outbound',
  from: '101',
  to: '914155551212',
  state: 'answered',
  trunkId: '235468356',
  trunk: 'carrier-a',
  startedAt: AT,
  answeredAt: LATER,
};
const MESSAGE = {
  at: AT,
  atMs: 1_795_862_507_125,
  direction: 'received',
  transport: 'udp',
  local: '192.0.2.1:5060',
  remote: '198.51.100.7:5060',
  sipCallId: 'a84b4c76e66710@phone',
  leg: 'caller',
  text: 'INVITE sip:914155551212@acme.example.com SIP/2.0\r\n…',
};
const RECORD = {
  callId: 'c-7f3a',
  sipCallIds: CALL.sipCallIds,
  tenant: 'acme',
  direction: 'outbound',
  callerNumber: '101',
  callerNumberSent: '14155550101',
  calledNumber: '914155551212',
  calledNumberSent: '+14155551212',
  extension: '101',
  outboundCallerId: '14155550101',
  outboundCallerIdSource: 'extension',
  outboundRule: 'world',
  trunkId: '235468356',
  trunk: 'carrier-a',
  attempts: [{ trunk: 'carrier-a', target: 'udp:203.0.113.10:5060', status: 200, startedAt: AT, durationMs: 2310 }],
  startedAt: AT,
  answeredAt: LATER,
  endedAt: LATER,
  durationMs: 44_355,
  talkMs: 42_000,
  status: 200,
  reason: 'OK',
  hungUpBy: 'caller',
};
const TOKEN = { id: '5f1c', role: 'tenant-admin', tenant: 'acme', label: 'console', createdAt: AT, createdBy: 'owner' };
const WEBHOOK = { url: 'https://billing.example.net/tandem', topics: ['call-record', 'fraud'] };
const SHOWN_WEBHOOK = { id: '9f2c41d0aa10', ...WEBHOOK, enabled: true, allowPrivate: false };

export const EXAMPLES: Readonly<Record<string, unknown>> = {
  Health: { status: 'ok', version: '0.1.0' },
  Readiness: { status: 'ready', reasons: [] },
  Tenant: TENANT,
  TenantInput: TENANT,
  NewTenant: { ...TENANT, extensions: [{ ...EXTENSION, password: 's3cret' }], outboundRules: [OUTBOUND_RULE] },
  TenantPatch: { outboundCallerId: '14155550102' },
  Extension: EXTENSION,
  ExtensionInput: { ...EXTENSION, password: 's3cret' },
  ExtensionPatch: { name: 'Alice Smith', outboundCallerId: null },
  Group: GROUP,
  GroupInput: GROUP,
  GroupPatch: { members: ['101', '102'] },
  Service: SERVICE,
  ServiceInput: SERVICE,
  ServicePatch: { ringSeconds: 30 },
  OutboundRule: OUTBOUND_RULE,
  OutboundRuleInput: OUTBOUND_RULE,
  OutboundRulePatch: { priority: 20 },
  InboundRule: INBOUND_RULE,
  InboundRuleInput: INBOUND_RULE,
  InboundRulePatch: { destination: { service: '600' } },
  Trunk: TRUNK,
  Certificate: { ...CERTIFICATE, keySet: true, facts: CERTIFICATE_FACTS },
  CertificateFacts: CERTIFICATE_FACTS,
  CertificateInput: { ...CERTIFICATE, key: '-----BEGIN PRIVATE KEY-----\nMIGH…\n-----END PRIVATE KEY-----\n' },
  CertificatePatch: { numbers: '14155550100-14155550149' },
  TrunkInput: TRUNK,
  TrunkPatch: { port: 5080 },
  TrunkStatus: STATUS,
  Assignment: { tenant: 'acme', ...ASSIGNMENT },
  AssignmentInput: ASSIGNMENT,
  SourceOverlap: {
    kind: 'network',
    source: '203.0.113.0/24',
    claims: [
      {
        trunkId: '235468356',
        trunk: 'carrier-a',
        owner: 'system',
        tenants: ['acme'],
        claim: '203.0.113.0/24',
        origin: 'settings',
      },
    ],
  },
  Brand: {
    id: 'telnyx',
    name: 'Telnyx',
    types: ['ip', 'register'],
    hosts: [{ host: 'sip.telnyx.com', default: true }],
    port: 5060,
    transports: ['udp', 'tcp', 'tls'],
    numberFormat: { called: 'E.164 with +' },
    sources: ['https://developers.telnyx.com'],
    notes: [],
  },
  EffectiveTrunk: {
    id: '235468356',
    name: 'carrier-a',
    type: 'ip',
    brand: 'generic',
    values: [{ path: 'port', value: 5060, from: 'own' }],
  },
  Registration: {
    addressOfRecord: '101@acme.example.com',
    tenant: 'acme',
    extension: '101',
    contact: 'sip:101@198.51.100.7:5060',
    transport: 'udp',
    source: '198.51.100.7:5060',
    userAgent: 'Yealink SIP-T54W',
    expiresAt: LATER,
  },
  Call: CALL,
  CallRecord: RECORD,
  CallTrace: { callId: 'c-7f3a', messages: [MESSAGE], ladder: '…' },
  TracePage: { messages: [{ ...MESSAGE, summary: 'INVITE (SDP)', from: '101', to: '914155551212' }], next: 17 },
  ExplainQuestion: { tenant: 'acme', from: '101', to: '914155551212' },
  Explanation: {
    tenant: 'acme',
    caller: { kind: 'extension', number: '101', name: 'Alice' },
    dialled: '914155551212',
    number: '914155551212',
    anonymous: false,
    anonymousReason: '',
    emergency: false,
    rule: 'world',
    steps: [{ step: 'rule', outcome: 'continue', reason: '"world" (priority 10) matches' }],
    routes: [],
    skipped: [],
  },
  Token: TOKEN,
  NewToken: { ...TOKEN, token: 'tdm_5f1c_…' },
  TokenInput: { role: 'tenant-admin', tenant: 'acme', expiresInSeconds: 86_400, label: 'console' },
  Webhook: SHOWN_WEBHOOK,
  NewWebhook: { ...SHOWN_WEBHOOK, secret: 'made-for-you-and-shown-once' },
  WebhookInput: WEBHOOK,
  WebhookPatch: { enabled: false },
  AuditEntry: { at: AT, actor: 'owner', action: 'update', resource: 'tenants/acme/extensions/101', tenant: 'acme' },
  Provisioning: { tenants: [TENANT], trunks: [TRUNK] },
  ProvisioningInput: { tenants: [TENANT], trunks: [TRUNK] },
  Store: {
    kind: 'redis',
    problems: [],
    clockOffsetMs: 3,
    nodes: [
      { node: 'node-1', store: '9f2c41d07a5b', version: 17 },
      { node: 'node-2', store: '9f2c41d07a5b', version: 17 },
    ],
  },
  ReloadReport: { applied: ['log.level', 'tenants/acme'], needsRestart: ['api.port'] },
  ApplySummary: { created: 2, updated: 0, unchanged: 0 },
  Plan: {
    created: 0,
    updated: 1,
    unchanged: 1,
    callsPlayed: 1000,
    callsChanged: 1,
    calls: [
      {
        callId: '7b6f1c2e90a4d835',
        at: '2026-11-18T12:00:00.000Z',
        tenant: 'acme',
        caller: '101',
        dialled: '914155551212',
        before: { kind: 'outside', trunks: ['carrier-a'] },
        after: { kind: 'outside', trunks: ['carrier-a'] },
        fields: [
          {
            trunk: 'carrier-a',
            field: 'P-Asserted-Identity',
            after: '<sip:14155550100@carrier-a.example.net>',
            reason: 'mapping pAssertedIdentity of the trunk',
          },
        ],
      },
    ],
  },
  Problem: {
    type: 'about:blank',
    title: 'Unprocessable Content',
    status: 422,
    code: 'validation-failed',
    detail: 'number: must be 1 to 15 digits',
    path: 'number',
  },
};

/** Answers that are text, by operationId. */
export const TEXT_EXAMPLES: Readonly<Record<string, string>> = {
  getMetrics: '# TYPE tandem_calls_live gauge\ntandem_calls_live 3\n',
  streamEvents: `id: 9f2c41d0:17\nevent: trunk-state\ndata: {"at":"${AT}","trunkId":"235468356","trunk":"carrier-a","state":"offline"}\n\n`,
};

/** Path parameters, by tag and name; under '' those that are the same everywhere. */
export const PARAMETER_EXAMPLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { tenant: 'acme', id: 'c-7f3a' },
  trunks: { id: '235468356' },
  brands: { id: 'telnyx' },
  certificates: { name: 'acme-stir', file: 'acme-stir.pem' },
  tokens: { id: '5f1c' },
  webhooks: { id: '9f2c41d0aa10' },
  extensions: { key: '101' },
  groups: { key: 'sales' },
  services: { key: '600' },
  'outbound-rules': { key: 'world' },
  'inbound-rules': { key: 'main' },
};
