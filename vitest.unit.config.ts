import { defineConfig } from 'vitest/config';

/** The fast part of the suite: no peer programs, no process that is killed, no file of its own world. Files share a worker. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/end-to-end/**',
      'test/store/redis/**',
      'test/store/embedded/kill.test.ts',
      'test/checks/**',
      'test/hostile/**',
      'test/docs/**',
    ],
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
