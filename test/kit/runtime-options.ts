import { readFileSync } from 'node:fs';

const file = new URL('../../bin/runtime-options.json', import.meta.url);

/** The options with which `bin/tandem.js` starts the engine on a core or more, for whoever starts it without that program. */
export const RUNTIME_OPTIONS: readonly string[] = (JSON.parse(readFileSync(file, 'utf8')) as { always: string[] })
  .always;
