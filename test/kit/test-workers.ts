/**
 * `TANDEM_TEST_WORKERS=2`: engines of the tests have two workers (docs/workers.md) where a test says nothing of workers, so that what is shown
 * of one process is shown of several. `npm run test:workers` runs all that it makes sense for.
 */

/** How many workers an engine has. */
export const TEST_WORKERS = Number(process.env['TANDEM_TEST_WORKERS'] ?? 1);

/** What is told to the tests is no setting of the engine. */
export function withoutOwn({ TANDEM_TEST_WORKERS: _, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment;
}

/** Tests of several nodes look at each by its name, its port, its own metrics and its keys in Redis. */
const NAMES_NODES =
  'on Redis the workers are nodes, of names, ports and metrics of their own: four where the test counts two';

/** Files below test/end-to-end, or tests of them, that are about what workers rule out, each with what docs/workers.md says of it. */
const RULED_OUT: Readonly<Record<string, string>> = {
  'console/provisioning.test.ts > transports, certificates and a new tenant; all of it in German, dark and 360 px wide':
    'a transport is not added at run time: workers share the ports of the file',
  'field/gateway.test.ts > kinds 39 and 40: explain shows the INVITE as it leaves over the flow that the gateway registered over':
    'a call to a gateway at another worker goes through that worker: explain shows the INVITE to it',
  'media/descriptions.test.ts > an offer in the 2xx and its answer in the ACK, UPDATE, and a takeover by INVITE with Replaces':
    'INVITE with Replaces works where both calls are at one worker: the one that takes over is at another address',
  'nodes/calls.test.ts': NAMES_NODES,
  'nodes/dispatcher.test.ts > kill -9 of a node with calls up: BYEs from both sides reach the living node, calls to come do as well':
    NAMES_NODES,
  'nodes/dispatcher.test.ts > both are upgraded, one after the other, under 4 calls a second between SIPps: none is refused or lost, each has one record':
    NAMES_NODES,
  'nodes/draining.test.ts > the lease moves at once, its phones are called through it, phones register, and new calls are sent to the other':
    NAMES_NODES,
  'nodes/leaving.test.ts > a call that one node places and the other sends on is one call': NAMES_NODES,
  'nodes/leaving.test.ts > a node is killed with kill -9: before an INVITE has gone five times, calls to its phones ring, and those to a phone that is gone too end':
    NAMES_NODES,
  'nodes/nodes.test.ts > a phone that registered at one node over udp is called from the other': NAMES_NODES,
  'nodes/nodes.test.ts > a phone that registered at one node over tcp is called from the other': NAMES_NODES,
  'nodes/pools.test.ts > what is wrong with the store and the nodes on it': NAMES_NODES,
  'nodes/revival.test.ts':
    'with node and store lost a call between two workers comes back for its caller alone: there is no room for both halves',
  'nodes/shared-address.test.ts': NAMES_NODES,
  'nodes/srv.test.ts': NAMES_NODES,
  'nodes/takeover.test.ts': NAMES_NODES,
};

/** A test or suite as far as this needs it. */
interface Named {
  readonly name: string;
  readonly file: { readonly filepath: string };
}

/** Why a test, or a file, is left out of a run with workers; undefined when it is not. */
export function ruledOut({ name, file }: Named): string | undefined {
  if (TEST_WORKERS === 1) return undefined;
  const path = file.filepath.replace(/^.*\/test\/end-to-end\//, '');
  return RULED_OUT[path] ?? RULED_OUT[`${path} > ${name}`];
}
