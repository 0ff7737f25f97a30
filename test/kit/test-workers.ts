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

/** Files below test/end-to-end, or tests of them, that are about what workers rule out, each with what docs/workers.md says of it. */
const RULED_OUT: Readonly<Record<string, string>> = {
  'console/provisioning.test.ts > transports, certificates and a new tenant; all of it in German, dark and 360 px wide':
    'a transport is not added at run time: workers share the ports of the file',
  'field/gateway.test.ts > kinds 39 and 40: explain shows the INVITE as it leaves over the flow that the gateway registered over':
    'a call to a gateway at another worker goes through that worker: explain shows the INVITE to it',
  'field/moved.test.ts':
    'who registers from elsewhere in mid-call is followed where the call and both registrations are at one worker',
  'media/descriptions.test.ts > an offer in the 2xx and its answer in the ACK, UPDATE, and a takeover by INVITE with Replaces':
    'INVITE with Replaces works where both calls are at one worker: the one that takes over is at another address',
  'nodes/paused-redis.test.ts':
    'it counts the one wait of a node that is alone: a worker asks the others beside it meanwhile, again and again',
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
