/** What is made, and looked at, before a node serves. */
import { type Problem, SettingsError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { WheelScheduler } from '../base/wheel-scheduler.ts';
import { requireListeners } from '../engine/listeners.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { makeMissingCertificates } from '../settings/self-signed.ts';
import { requireHttpPort } from './http-port.ts';

/** The pairs of listeners with `selfSigned` that are missing. */
export async function makeCertificates({ listen }: NodeSettings, clock: WheelScheduler, log: Log): Promise<void> {
  for (const file of await makeMissingCertificates(listen, clock.wallMs()))
    log.warn('self-signed-certificate-made', { file });
}

/** What keeps a node from serving is said at once, not after the seconds that the rehearsal takes. */
export async function requirePorts(settings: NodeSettings, scheduler: WheelScheduler): Promise<void> {
  const problems: Problem[] = [];
  const note = (error: unknown) => {
    if (!(error instanceof SettingsError)) throw error;
    problems.push(...error.problems);
  };
  await requireListeners(settings, scheduler).catch(note);
  await requireHttpPort(settings).catch(note);
  if (problems.length > 0) throw new SettingsError(problems);
}
