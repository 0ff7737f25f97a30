import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const sourceUrl = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;

/** Runs a script in a process of its own, with V8's own functions (`%HasFastProperties`), and returns what it prints as JSON. */
function inOwnProcess(script: string): unknown {
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', script];
  return JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }),
  );
}

describe('tuneV8', () => {
  test('strings are fast again after a class that extends String', () => {
    const states = inOwnProcess(`
      const { tuneV8 } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      const fast = () => %HasFastProperties(String.prototype);
      const states = [fast()];
      class Text extends String {}
      states.push(fast());
      tuneV8();
      states.push(fast());
      console.log(JSON.stringify(states));
    `);
    expect(states).toEqual([true, false, true]);
  });

  test('with everything imported that a node imports, strings and the other built-in objects are fast', () => {
    const slow = inOwnProcess(`
      const { tuneV8 } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      await import(${JSON.stringify(sourceUrl('node/node.ts'))});
      tuneV8();
      const names = ['Array', 'Function', 'Map', 'Number', 'Object', 'Promise', 'RegExp', 'Set', 'String', 'Uint8Array'];
      console.log(JSON.stringify(names.filter((name) => !%HasFastProperties(globalThis[name].prototype))));
    `);
    expect(slow).toEqual([]);
  });
});
