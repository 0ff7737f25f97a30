/** Whether two documents say the same. A tenant may have ten thousand extensions: compared in steps. */
import { isDeepStrictEqual } from 'node:util';
import type { Steps } from '../../base/steps.ts';
import type { Tenant } from '../tenants/schema.ts';

const EXTENSIONS_PER_STEP = 50;

export function* sameTenant(a: Tenant, b: Tenant | undefined): Steps<boolean> {
  if (a === b) return true;
  if (b === undefined || a.extensions.length !== b.extensions.length) return false;
  if (!isDeepStrictEqual(settingsOf(a), settingsOf(b))) return false;
  for (const [at, extension] of a.extensions.entries()) {
    const other = b.extensions[at];
    if (extension !== other && !isDeepStrictEqual(extension, other)) return false;
    if (at % EXTENSIONS_PER_STEP === EXTENSIONS_PER_STEP - 1) yield;
  }
  return true;
}

function settingsOf({ extensions: _own, ...settings }: Tenant): object {
  return settings;
}
