/**
 * Makes the console's bundle: dist/console, which the engine serves as it is. `npm ci` runs it (`prepare`), and `npm run build`. An
 * installation without development dependencies has no builder; it keeps the bundle that it came with.
 *
 *   node src/console/build.ts [FOLDER]
 */
import { join } from 'node:path';

const source = import.meta.dirname;
const target = process.argv[2] ?? join(source, '../../dist/console');

const vite = await import('vite').catch(() => undefined);
if (vite === undefined) console.warn('console: not built, since vite is not installed (a development dependency)');
else
  await vite.build({
    root: source,
    configFile: false,
    base: '/console/',
    logLevel: 'error',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: target,
      emptyOutDir: true,
      target: 'es2022',
      // Nothing inline: the page's security policy forbids it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
