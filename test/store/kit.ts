import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Stores } from '../../src/store/index.ts';
import { SharedLimits } from '../../src/trunks/shared-limits.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

/** A folder that is gone when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Calls in progress of a limit at the other nodes. */
export function callsElsewhere({ nodes }: Stores, key: string): number {
  return 0 - new SharedLimits(new VirtualScheduler(), nodes).places(key, 0);
}
