import jest from './jest.config.mjs';

// What Stryker runs against each mutant: tests that need no server.
const config = {
  ...jest,
  testMatch: ['auth', 'issuer-keys', 'classification', 'redaction'].map((name) => `<rootDir>/test/unit/${name}.test.ts`),
};
delete config.globalSetup;
delete config.globalTeardown;

export default config;
