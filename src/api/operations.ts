/** What each operation of the HTTP interface does beyond its summary, by operationId. Every operation has an entry. */
import { COLLECTIONS } from './collection.ts';
import type { OperationId } from './operation.ts';
import { itemOperations } from './operation-table.ts';

const DESCRIPTIONS: Readonly<Record<OperationId, string>> = {
  getHealth: 'For a supervisor: answers while the process works, whatever its store and trunks do.',
  getReadiness: 'For a load balancer. `reasons` says why no new calls are taken, or what is degraded while they are.',
  getMetrics: 'In the text format of Prometheus. `api.metricsAccess` decides who may read it.',
  getOpenApi: 'OpenAPI 3.1, made from the schemas that requests are checked with.',
  listTenants: 'A page of tenants with their settings. A tenant admin sees its own.',
  getTenant:
    'Its settings with all defaults filled in; what it owns has routes of its own. The `ETag` is for `If-Match`.',
  createTenant: 'Only system admins. Extensions, groups, services and rules may come along; all or nothing.',
  putTenant:
    'Replaces every setting; extensions, groups, services and rules stay as they are. `If-Match` guards against a change in between.',
  patchTenant: 'Merges the fields that are given into the settings, then checks the whole.',
  deleteTenant: 'Only system admins. 409 names every trunk and rule of others that still refers to it.',
  listTrunks:
    'A page of trunks, each with its state. A tenant admin sees the trunks that it may use, without their credentials.',
  getTrunk:
    'Its own settings as they were given; what a brand or a default adds is not in it. The `ETag` is for `If-Match`.',
  listTrunkOverlaps:
    'Only system admins. Brands, hosts, certificate names, addresses and networks that more than one tenant can be reached by, with who claims each.',
  createTrunk:
    'A system admin makes any trunk and says which tenants may use it. A tenant admin makes register and accept-register trunks of its own.',
  putTrunk:
    'Replaces every setting; calls in progress go on, and it registers again only when host, transport or credentials changed.',
  patchTrunk: 'Merges the fields that are given into the settings, then checks the whole.',
  deleteTrunk:
    '409 names every rule that still refers to it. A registered trunk removes its Contact from the registrar.',
  assignTrunk:
    'Only system admins. Pools of different tenants on one provider may not overlap; 409 says which entry does.',
  unassignTrunk: 'Only system admins. 409 names every rule of the tenant that still uses the trunk.',
  getTrunkStatus: 'State, since when, and the latest code and reason of its registration or ping.',
  retryTrunk:
    'After its credentials were refused a trunk rests until its settings change; this lets it try again at once.',
  examineTrunk:
    'What can be checked from the node is checked now: DNS, certificates and TLS, registration or gateway, OPTIONS to each target, media relays, rules. It sends OPTIONS and opens connections, and changes nothing.',
  previewTrunk:
    'Checks all that creating or replacing it would check, and shows the INVITE of a call over it with a reason for each field. The trunk need not exist, nor a rule that leads to it.',
  endCall: 'BYE to both sides, or CANCEL and a refusal while it rings; its record says that the engine hung up.',
  listBrands:
    'What carriers publish of their trunks, kept as presets; a trunk names one in `brand` and may override every value.',
  getBrand: 'The preset of one carrier with where each value was read and what is left to the operator.',
  listCertificates:
    'A page of certificates that calls are signed with, or that Teams is shown. A tenant admin sees its own.',
  getCertificate: 'With what it says of itself; its private key is shown to nobody.',
  createCertificate:
    'PEM, the certificate itself first. 422 says what is wrong: a key that does not belong to it, a chain out of order, one that has ended; for signing one that is not on P-256 or has no TNAuthList, for TLS one that is not meant for servers.',
  putCertificate:
    'The next call is signed with it. To rotate, upload the new one under another name and x5u: both stay good until the old one is deleted. One for TLS is shown from the next connection on.',
  patchCertificate: 'Merges the fields that are given into the certificate, then checks the whole.',
  deleteCertificate:
    'Calls are signed with another one that fits, or cannot be signed any more. 409 while a trunk names it.',
  getCertificateChain: 'What a verifier fetches from x5u, when the path of that is `/stir/NAME.pem`; 404 otherwise.',
  listRegistrations:
    'Every binding of a phone or gateway, with where it came from, which node took it and when it ends.',
  listLeases:
    'One row for each register trunk that a node registers at the moment. A tenant admin sees the trunks that it may use.',
  listCalls:
    'What goes on now, at all nodes of the store, each with its node. Nodes that do not answer within 1.5 s are named in `missing`.',
  getCall: "By the engine's id of the call or by the SIP Call-ID of either leg.",
  getCallTrace: 'Both legs in order of time. `format=pcap` gives a capture file in place of JSON.',
  listTrace:
    'Only system admins: what was received and sent lately, of calls or not. Ask again with `after` to follow it.',
  listCallRecords:
    'The latest records in the memory of all nodes; their files of call records have them all. `cursor` goes on after the last one that was read, whatever has ended since; by `offset` several nodes are counted to the 2,000th. `format=csv` gives a table of all that match in place of a page.',
  getCallStatistics:
    'Calls over time, how many were answered and how long they took to ring; attempts and final codes by trunk. Counted by the minute for a day, by each node since its start, and added up, so that a chart asks for some hundred numbers however many calls there were. A tenant admin gets those of its own calls.',
  getCallRecord: "By the engine's id of the call or by the SIP Call-ID of either leg.",
  explain:
    'The very steps of a live call run on what the question says, with a note for every decision. Nothing is sent.',
  explainCall: 'The decisions of a call that was placed, with the INVITEs as they left.',
  sendMessage:
    'By a WhatsApp trunk of the tenant. It is kept before it is answered, and sent until WhatsApp takes it or `whatsapp.keepSeconds` are over; what becomes of it `getMessage` and the event `message` tell.',
  explainMessage:
    'The very decisions of live messages: which outbound rule lets the extension write and by which trunk, whether the 24 hours are running, whether WhatsApp has asked to wait; of a message that comes in, by which inbound rule to whom.',
  listMessages: 'A page of messages with how far each has come. A tenant admin sees its own.',
  getMessage:
    'With the state of each phone that it is for, and when WhatsApp said that it was sent, delivered and read.',
  getMessageMedia:
    'Fetched from WhatsApp at that moment, with at most `whatsapp.mediaBytes`. The link is in the message that phones get and in `url`; it is good for seven days.',
  verifyWhatsappHook: 'Answers `hub.challenge` when `hub.verify_token` is the verify token of the trunk, else 403.',
  notifyWhatsappHook:
    'The octets must be signed with the app secret of the trunk (`X-Hub-Signature-256`). What comes several times is taken once; 503 when it could not be kept, so that it is posted again.',
  streamEvents:
    'Server-sent events with ids. A client that comes back with `Last-Event-ID` gets what it missed, or an event `gap`. Those of other nodes come within half a second.',
  listTokens: 'Who has access. A tenant admin sees the tokens of its tenant.',
  createToken: 'A token that ends cannot make one that outlives it. A tenant admin makes tokens of its own tenant.',
  revokeToken: 'It is refused from the next request on; event streams opened with it end.',
  getSession:
    'For a page that opens: `signedIn`, who, what it may do and the token against forged requests. Without a session it says whether there is a user at all.',
  createSession:
    'With name and password, and the code of the authenticator app where one is set up; or with the code of a sign-in link. 401 `code-needed` says that the code is missing, 429 that there were too many wrong ones. The cookie is HttpOnly and SameSite=Strict; the session ends after 12 hours.',
  deleteSession: 'The session ends on every node, and its event streams with it.',
  createSignInLink:
    'Only system admins. The code stands behind the `#` of the path, which no server and no log gets to see; it is good once, for ten minutes.',
  listUsers: 'A page of users, by name. A tenant admin sees those of its tenant.',
  getUser: 'Without its password. The `ETag` is for `If-Match`.',
  createUser:
    'A tenant admin makes users of its own tenant. `readOnly` users see what their role sees and change nothing. The first one is made with the token of the owner.',
  patchUser:
    'An admin changes everything; whoever is signed in changes its own password and takes its own authenticator app away, with the present password. A new password ends all other sessions.',
  deleteUser: 'Tokens that it made stay; the list of tokens says who made them.',
  createUserCodes: 'Only for the own user. Nothing changes until the first code is confirmed.',
  confirmUserCodes: 'With a code of the app: that it works is known before it is needed.',
  listWebhooks: 'With how many deliveries wait, went through or were lost.',
  getWebhook: 'Without its secret, with its deliveries. The `ETag` is for `If-Match`.',
  createWebhook:
    'Deliveries are signed with the secret, in order, and tried again. Private addresses need a system admin.',
  patchWebhook: 'Merges the fields that are given; deliveries that wait go on.',
  testWebhook:
    'A delivery of type `test`, signed as any other, posted once and at once, also while the webhook is not enabled. The answer says what came of it: a `status`, or the `error` for which nobody answered.',
  deleteWebhook: 'Deliveries that wait for it are dropped.',
  listAudit:
    'Every change and test delivery with its author, latest first; secrets are marked as set or changed, never shown.',
  reload:
    'Only system admins. What SIGHUP does: configuration and provisioning files are read again, all or nothing, and certificates with them. 422 lists every fault; then all goes on as it was.',
  drain:
    'Only system admins. What SIGTERM does: `/readyz` is 503, leases and registrations go, calls in progress have `timers.drainMs`. The process ends then, whoever started it.',
  getNode:
    'Only system admins. Of the node that is asked, or named: whether it takes calls, how late its event loop is, its memory, its listeners and connections, its media relays.',
  getStore: 'Only system admins. Which store each node works with, and how new its copy of what is provisioned is.',
  restoreStore:
    'Only system admins. Where `/readyz` says `store-replaced`: tenants, trunks, tokens and webhooks as this node has them. 409 while Redis holds a store, or another node has a later copy.',
  exportProvisioning:
    'The same document that `tandem apply` and provisioning files take. Secrets are shown only to the owner of the machine.',
  applyProvisioning: 'All or nothing. What the document does not name stays; applying it again changes nothing.',
  planChange:
    'What `plan` does, for one resource: what would be put at its path, or that it would be deleted. 409 and 422 say what writing it would be refused for, e.g. what still refers to it.',
  listTransports:
    'What trunks can use: each socket of this node that SIP is spoken on, what it says of itself to others, its certificate, and how many trunks depend on it. What the configuration file names (`managedBy`) is changed there; the others were added here. One with a `problem` is not open and is tried again.',
  createTransport:
    'Only system admins. The socket is open when the answer comes, and is opened again after each restart; each node has its own. TLS shows a provisioned certificate of the system, and what is renewed there at once. 422 names the field at fault: an address that is taken or not of this machine, a port that needs a privilege, a certificate that is no such one. To change a transport, remove it and add it anew. 409 where workers share the ports.',
  deleteTransport:
    'Only system admins. Nothing new is taken or sent there; what is under way has 32 seconds, in which the address cannot be added again. 409 says which trunks still need it (`transport-in-use`), or that the configuration file owns it (`managed-by-file`).',
  exportCsv:
    'UTF-8 with a byte order mark, for spreadsheets. A cell that one would run as a formula begins with an apostrophe, which the import takes off again.',
  importCsv:
    'Columns by name, in any order. A column that is missing leaves the field as it is, an empty cell takes it away; an empty password stays. Commas, semicolons and tabs, UTF-8, UTF-16 and Windows-1252 are told apart. All or nothing, unless `onFault=skip`; 422 `rows-refused` names each line. With `onPresent=refuse` a line of something that is there is at fault too (`exists`). Rows that the file does not have stay.',
  planProvisioning:
    "Takes what `applyProvisioning` takes and refuses what it refuses, but changes nothing. The latest outbound calls are played again by the live call's own rules, as things are provisioned and as they would be: each with its own time, and with its trunks up or down as they were. A tenant admin sees its own calls. What a provisioning file owns may be asked about.",
};

/** What each kind of items is that a tenant owns. */
const KINDS: Record<string, string> = {
  Extension: 'a phone, or whoever signs in with its number and password',
  Group: 'extensions that outbound rules name together',
  Service: 'a ring group, queue, IVR or meeting with its own number and caller ID',
  OutboundRule: 'which numbers leave over which trunks',
  InboundRule: 'where calls to a DID go',
};

const OF_ITEMS = COLLECTIONS.flatMap((collection) => {
  const { idSuffix, segment, singular } = collection;
  const rows = itemOperations(collection);
  const what = KINDS[idSuffix];
  return Object.entries({
    [rows.list.id]: `A page of the tenant's ${segment}: ${what}.`,
    [rows.get.id]: `One ${singular}: ${what}. The \`ETag\` is for \`If-Match\`.`,
    [rows.create.id]: `Adds one ${singular}: ${what}. 409 when there is one already.`,
    [rows.put.id]:
      `Writes the whole ${singular}; a secret that is left out stays. \`If-None-Match: *\` only creates, \`If-Match\` guards against a change in between.`,
    [rows.change.id]:
      `One patch for many ${segment}, or the deletion of many, as one change: all or nothing, or with \`onFault\` \`skip\` those against which nothing speaks. The answer says for each of the others why not.`,
    [rows.patch.id]: `Merges the fields that are given into the ${singular}, then checks the whole.`,
    [rows.delete.id]: `Removes the ${singular}. 409 names what still refers to it.`,
  });
});

const ALL: ReadonlyMap<string, string> = new Map([...Object.entries(DESCRIPTIONS), ...OF_ITEMS]);

/** The description of an operation. @throws when it has none: a route was added without one. */
export function describeOperation(operationId: string): string {
  const found = ALL.get(operationId);
  if (found === undefined) throw new Error(`operation ${operationId} has no description in operations.ts`);
  return found;
}
