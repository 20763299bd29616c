import jest from './jest.config.mjs';

// What Stryker runs against each mutant needs no server.
const config = { ...jest, testMatch: ['<rootDir>/test/unit/classification.test.ts'] };
delete config.globalSetup;
delete config.globalTeardown;

export default config;
