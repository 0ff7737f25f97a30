import type { TestEngine } from '../../kit/engine.ts';
import { freePort } from '../../kit/free-port.ts';
import type { Sipp } from '../../kit/sipp.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';

/** A SIPp phone that is registered while `during` runs and answers one call. */
export async function withPhone<T>(engine: TestEngine, user: string, during: (phone: Sipp) => Promise<T>): Promise<T> {
  const localPort = await freePort();
  await allWell(await startCaller('phone-register', engine.address(), { localPort, keys: { user } }));
  await engine.registeredEverywhere();
  const phone = await startAnswerer('answer-at-once', { localPort });
  try {
    return await during(phone);
  } finally {
    await phone.child.stop();
    await allWell(await startCaller('phone-register', engine.address(), { localPort, keys: { user, expires: '0' } }));
  }
}
