import { tsImport } from 'tsx/esm/api';

const { findChromium } = await tsImport('./test/support/chromium.ts', import.meta.url);

/** On a machine of one's own the tests of the pages may be left out, and it is said; CI has a browser or fails. */
function withoutBrowser() {
  if (process.env.CI === 'true') return [];
  try {
    findChromium(process.env);
    return [];
  } catch (error) {
    console.warn(`test/web is left out. ${error.message}`);
    return ['<rootDir>/test/web/'];
  }
}

export default {
  testPathIgnorePatterns: ['/node_modules/', ...withoutBrowser()],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  // Imports name the compiled file; the tests run the source, what Prisma generates included.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.latchkey/'],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
  testTimeout: 60_000,
  // scripts/test.mjs says which may stand beside each other.
  maxWorkers: 1,
  // Temporal's native runtime can outlive its last worker; the house is closed by then.
  forceExit: true,
};
