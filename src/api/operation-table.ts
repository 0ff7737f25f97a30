/** What the operations of the HTTP interface are called, by what they are about: method and path of each, and what it is for. */
export const OPERATIONS = {
  health: {
    getHealth: ['GET /healthz', 'Whether the process answers'],
    getReadiness: ['GET /readyz', 'Whether new calls are taken; 503 while draining'],
    getMetrics: ['GET /metrics', 'Prometheus metrics'],
    getOpenApi: ['GET /openapi.json', 'This document'],
  },
  tenants: {
    listTenants: ['GET /api/v1/tenants', 'List tenants'],
    getTenant: ['GET /api/v1/tenants/:tenant', 'Read one tenant'],
    createTenant: ['POST /api/v1/tenants', 'Create a tenant, with what it owns if given'],
    putTenant: ['PUT /api/v1/tenants/:tenant', "Replace a tenant's settings; what it owns stays"],
    patchTenant: ['PATCH /api/v1/tenants/:tenant', "Change some of a tenant's settings"],
    deleteTenant: [
      'DELETE /api/v1/tenants/:tenant',
      'Delete a tenant and what it owns; refused while a trunk refers to it',
    ],
  },
  provisioning: {
    planChange: [
      'POST /api/v1/plan/change',
      'Which of the latest outbound calls would leave differently after one resource is written or deleted; nothing is changed',
    ],
    exportProvisioning: ['GET /api/v1/provisioning', 'All tenants, trunks and certificates in one document'],
    applyProvisioning: [
      'POST /api/v1/provisioning',
      'Create or replace the tenants, trunks and certificates of a document, all or none; what it does not name stays. A tenant admin writes its own.',
    ],
    planProvisioning: [
      'POST /api/v1/plan',
      'Which of the latest outbound calls would leave differently after a document, and how; nothing is changed',
    ],
    reload: ['POST /api/v1/reload', "Read the node's configuration and provisioning files again"],
  },
  csv: {
    exportCsv: [
      'GET /api/v1/tenants/:tenant/csv/:kind',
      "A tenant's extensions or DIDs as a spreadsheet, without passwords",
    ],
    importCsv: [
      'POST /api/v1/tenants/:tenant/csv/:kind',
      'Create and change extensions or DIDs by a spreadsheet, all or none, or only look what would come of it',
    ],
  },
  transports: {
    listTransports: [
      'GET /api/v1/transports',
      'What this node listens on for SIP, with the certificates that it shows',
    ],
    createTransport: [
      'POST /api/v1/transports',
      'Have this node listen on a further address, at once and after each restart',
    ],
    deleteTransport: ['DELETE /api/v1/transports/:id', 'Have this node leave an address that was added here'],
  },
  trunks: {
    listBrands: ['GET /api/v1/brands', 'List the presets of carriers, each with its sources'],
    getBrand: ['GET /api/v1/brands/:id', 'Read one preset'],
    listLeases: ['GET /api/v1/leases', 'Which node registers which trunk with its provider'],
    listTrunkOverlaps: ['GET /api/v1/trunks/overlaps', 'Sources that trunks of several owners or tenants claim'],
    previewTrunk: [
      'POST /api/v1/trunks/preview',
      'The INVITE that a trunk would send as it would be written; nothing is changed',
    ],
    listTrunks: ['GET /api/v1/trunks', 'List trunks, each with its status'],
    getTrunk: ['GET /api/v1/trunks/:id', 'Read one trunk'],
    createTrunk: ['POST /api/v1/trunks', "Create a trunk; a tenant admin's belongs to its tenant"],
    putTrunk: ['PUT /api/v1/trunks/:id', 'Replace a trunk; a secret that is left out stays as it is'],
    patchTrunk: ['PATCH /api/v1/trunks/:id', 'Change fields of a trunk'],
    deleteTrunk: ['DELETE /api/v1/trunks/:id', 'Delete a trunk; refused while a rule refers to it'],
    assignTrunk: ['PUT /api/v1/trunks/:id/tenants/:tenant', 'Let a tenant use a trunk, with its DID pool there'],
    unassignTrunk: ['DELETE /api/v1/trunks/:id/tenants/:tenant', 'Take a trunk from a tenant'],
    getTrunkStatus: ['GET /api/v1/trunks/:id/status', 'How a trunk is doing'],
    retryTrunk: ['POST /api/v1/trunks/:id/retry', 'Let a rejected trunk register again at once'],
    examineTrunk: ['POST /api/v1/trunks/:id/doctor', 'Check a trunk from this node and say what to do'],
  },
  certificates: {
    listCertificates: [
      'GET /api/v1/certificates',
      'List certificates, with when they end and what they sign for or are called',
    ],
    getCertificate: ['GET /api/v1/certificates/:name', 'Read one certificate, without its private key'],
    createCertificate: [
      'POST /api/v1/certificates',
      "Upload a certificate with its key; a tenant admin's belongs to its tenant",
    ],
    putCertificate: [
      'PUT /api/v1/certificates/:name',
      'Create or replace a certificate; a key that is left out stays as it is',
    ],
    patchCertificate: ['PATCH /api/v1/certificates/:name', 'Change fields of a certificate'],
    deleteCertificate: ['DELETE /api/v1/certificates/:name', 'Delete a certificate with its key'],
    getCertificateChain: ['GET /stir/:file', 'The chain of a certificate that is served here, PEM'],
  },
  registrations: {
    listRegistrations: ['GET /api/v1/registrations', 'Phones and gateways that are registered'],
  },
  calls: {
    listCalls: ['GET /api/v1/calls', 'Calls in progress'],
    getCall: ['GET /api/v1/calls/:id', 'Read one call in progress'],
    endCall: ['DELETE /api/v1/calls/:id', 'End a call in progress, for both sides'],
    getCallTrace: [
      'GET /api/v1/calls/:id/trace',
      'The SIP messages of a live or recent call, as data and as a ladder; secrets masked',
    ],
    listTrace: ['GET /api/v1/trace', 'The latest SIP messages of this node, of calls or not; secrets masked'],
  },
  'call-records': {
    getCallRecord: ['GET /api/v1/call-records/:id', 'Read one call record'],
    listCallRecords: ['GET /api/v1/call-records', 'Records of calls that ended, latest first'],
    getCallStatistics: [
      'GET /api/v1/call-statistics',
      'What the calls of the last day came to, summed up over time and by trunk',
    ],
  },
  explain: {
    explain: [
      'POST /api/v1/explain',
      'The INVITE that a call would send and why each field is what it is; no call is placed',
    ],
    explainCall: ['GET /api/v1/calls/:id/explain', 'How a live or recent outbound call was decided'],
  },
  messages: {
    sendMessage: ['POST /api/v1/messages', 'Send a message by WhatsApp'],
    explainMessage: ['POST /api/v1/messages/explain', 'What would become of a message, and why; nothing is sent'],
    listMessages: ['GET /api/v1/messages', 'Messages of both directions, the latest first'],
    getMessage: ['GET /api/v1/messages/:id', 'Read one message'],
    getMessageMedia: [
      'GET /media/whatsapp/:trunkId/:mediaId',
      'A file that a user sent, behind the signed link of its message',
    ],
    verifyWhatsappHook: ['GET /hooks/whatsapp/:trunkId', 'Meta asks whether this is the webhook of a trunk'],
    notifyWhatsappHook: ['POST /hooks/whatsapp/:trunkId', 'Meta posts messages and what became of messages'],
  },
  events: {
    streamEvents: ['GET /api/v1/events', 'Events as they happen (text/event-stream)'],
  },
  webhooks: {
    listWebhooks: ['GET /api/v1/webhooks', 'List webhooks with their deliveries'],
    getWebhook: ['GET /api/v1/webhooks/:id', 'Read one webhook'],
    createWebhook: ['POST /api/v1/webhooks', 'Have events posted to a URL'],
    patchWebhook: ['PATCH /api/v1/webhooks/:id', 'Change a webhook'],
    testWebhook: ['POST /api/v1/webhooks/:id/test', 'Post a test delivery'],
    deleteWebhook: ['DELETE /api/v1/webhooks/:id', 'Delete a webhook'],
  },
  audit: {
    listAudit: ['GET /api/v1/audit', 'Who changed what, latest first; secrets left out'],
  },
  system: {
    drain: ['POST /api/v1/drain', 'Take no new calls, and end when those in progress have, or when their time is over'],
    getNode: ['GET /api/v1/node', 'How this node is doing: event loop, memory, sockets, what waits'],
    getStore: ['GET /api/v1/store', 'Read the state of the store and of the nodes on it'],
    restoreStore: ['POST /api/v1/store/restore', "Write this node's copy into a Redis that has lost the store"],
  },
  tokens: {
    listTokens: ['GET /api/v1/tokens', 'List tokens, without the tokens themselves'],
    createToken: ['POST /api/v1/tokens', 'Make a token; the answer is the only time it is shown'],
    revokeToken: ['DELETE /api/v1/tokens/:id', 'Revoke a token'],
  },
  sessions: {
    getSession: ['GET /api/v1/session', 'Who is signed in with this browser, if anybody'],
    deleteSession: ['DELETE /api/v1/session', 'Sign out'],
    createSignInLink: ['POST /api/v1/sign-in-links', 'Make a link that signs a system admin in, once'],
    createSession: ['POST /api/v1/session', 'Sign in; the session is a cookie'],
  },
  users: {
    listUsers: ['GET /api/v1/users', 'List those who may sign in to the console'],
    getUser: ['GET /api/v1/users/:id', 'Read one user'],
    createUser: ['POST /api/v1/users', 'Let somebody sign in to the console'],
    patchUser: ['PATCH /api/v1/users/:id', 'Change a user, or the own password'],
    deleteUser: ['DELETE /api/v1/users/:id', 'Delete a user; its sessions end'],
    createUserCodes: ['POST /api/v1/users/:id/codes', 'Begin to set up an authenticator app for the own user'],
    confirmUserCodes: [
      'POST /api/v1/users/:id/codes/confirm',
      'Finish it with a first code: from now on each sign-in needs one',
    ],
  },
} as const;

/** A row of the table, or one of those that kinds of items have alike. */
export interface OperationRow {
  readonly id: string;
  readonly tag: string;
  /** Method and path. */
  readonly at: string;
  readonly summary: string;
}

/** The operations on one kind of what a tenant owns. */
export function itemOperations(kind: {
  readonly segment: string;
  readonly idSuffix: string;
  readonly singular: string;
}) {
  const { segment, idSuffix, singular } = kind;
  const all = `/api/v1/tenants/:tenant/${segment}`;
  const row = (id: string, at: string, summary: string): OperationRow => ({ id, tag: segment, at, summary });
  return {
    list: row(`list${idSuffix}s`, `GET ${all}`, `List a tenant's ${singular}s`),
    change: row(`change${idSuffix}s`, `PATCH ${all}`, `Change or delete many ${singular}s at once`),
    create: row(`create${idSuffix}`, `POST ${all}`, `Create one ${singular}`),
    get: row(`get${idSuffix}`, `GET ${all}/:key`, `Read one ${singular}`),
    put: row(
      `put${idSuffix}`,
      `PUT ${all}/:key`,
      `Create or replace one ${singular}; a secret that is left out stays as it is`,
    ),
    patch: row(`patch${idSuffix}`, `PATCH ${all}/:key`, `Change fields of one ${singular}`),
    delete: row(`delete${idSuffix}`, `DELETE ${all}/:key`, `Delete one ${singular}`),
  };
}
